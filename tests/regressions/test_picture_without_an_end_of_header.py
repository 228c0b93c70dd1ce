"""A JPEG beginning followed by 26 MB of zeros: Pillow looked for the next marker byte by byte for eight seconds, and
every other hook waited with it. Now it is no picture, at once."""

from __future__ import annotations

import time
from pathlib import Path

from relay.contract.model import Upload
from relay.media.library import MediaStore


async def test_it_is_refused_at_once(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    await store.prepare()
    path = store.incoming / "upload"
    path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(26_000_000))
    upload = Upload(field="attach", filename="big.jpg", mime="image/jpeg", path=path, size=path.stat().st_size)
    began = time.process_time()
    kept = await store.save(upload)
    assert time.process_time() - began < 2
    assert kept.mime == "application/octet-stream"
