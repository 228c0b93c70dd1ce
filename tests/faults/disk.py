"""A disk of its own for a store, which can be filled to the last byte and given space again.

It is a tmpfs: full means that it is made as small as what it holds, so nothing has to be written to fill it. Mounting
needs the right to (root, outside of most containers).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

SIZE = 512 * 2**20


class Disk:
    """A tmpfs mounted on a folder."""

    def __init__(self, where: Path) -> None:
        self.where = where

    @classmethod
    def mount(cls, where: Path) -> Self | None:
        """Mount one on a new, empty folder; None where that is not permitted."""
        where.mkdir(parents=True)
        done = _run("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "relay-test", str(where))
        return cls(where) if done else None

    def fill(self) -> None:
        """No byte more than now. Blocks while somebody goes on writing; AssertionError when that does not end."""
        deadline = time.monotonic() + 10
        while (free := self._free()) > 0:
            assert time.monotonic() < deadline, f"{free} bytes are still free"
            # Refused when something was written since: then once more.
            _run("mount", "-o", f"remount,size={self._used()}", str(self.where))

    def empty(self) -> None:
        """Space again."""
        assert _run("mount", "-o", f"remount,size={SIZE}", str(self.where))

    def unmount(self) -> None:
        """Also while something there is still open."""
        _run("umount", "--lazy", str(self.where))

    def _free(self) -> int:
        found = os.statvfs(self.where)
        return found.f_bfree * found.f_frsize

    def _used(self) -> int:
        found = os.statvfs(self.where)
        return (found.f_blocks - found.f_bfree) * found.f_frsize


@contextlib.contextmanager
def disk_of_its_own(where: Path) -> Iterator[Disk | None]:
    """One for the length of a test; None where mounting is not permitted, and the folder is then an ordinary one."""
    disk = Disk.mount(where)
    try:
        yield disk
    finally:
        if disk is not None:
            disk.unmount()


def _run(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
