"""A file that was acknowledged is there after a power cut: its bytes and its name are on disk first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.contract.model import Upload
from relay.media.library import MediaStore


async def test_a_file_and_its_folder_are_on_disk_before_anybody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    media = MediaStore(tmp_path / "media")
    await media.prepare()
    spooled = media.incoming / "upload"
    spooled.write_bytes(b"words")
    done: list[str] = []
    real_sync, real_rename = os.fsync, Path.rename

    def sync(fd: int) -> None:
        done.append("synced " + Path(f"/proc/self/fd/{fd}").readlink().name)
        real_sync(fd)

    def rename(self: Path, target: Path) -> Path:
        done.append("renamed")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    kept = await media.save(Upload(field="attach", filename="a.txt", mime="text/plain", path=spooled, size=5))
    folder = kept.file_id[:2]
    assert done[:3] == ["synced upload", "renamed", f"synced {folder}"]
    assert f"synced {media.directory.name}" in done, "the new folder's own name"
