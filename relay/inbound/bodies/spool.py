"""Where files of hooks lie while it is not yet known whether anybody wants them: on the media store's disk, so that
keeping one is a rename, but never at the cost of the store that stands beside it.

Files of callers who have not proved themselves yet share a small part of the disk, four callers at a time. Whatever a
process leaves behind when it is killed, the next one removes: each has a folder of its own, locked while it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from relay.contract.errors import PayloadTooLarge, StoreUnavailable
from relay.inbound.bodies.limits import Crowded
from relay.media.room import has_room

UNPROVEN_BYTES: Final = 128 * 1024 * 1024
UNPROVEN_AT_ONCE: Final = 4
WAIT_S: Final = 10.0  # for one of these
LOOK_EVERY: Final = 1024 * 1024  # bytes written between two looks at the disk
OLD_S: Final = 3600.0  # what lies in the folder itself for longer is of a version that had no folders
_LOCK: Final = ".lock"


class NoRoom(StoreUnavailable):
    """The disk for files is full -> 503; the sender keeps its file and comes back."""

    def __init__(self) -> None:
        super().__init__("There is no room for files here at the moment; please come back.")


class Spool:
    """Makes and removes files below `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        unproven_bytes: int = UNPROVEN_BYTES,
        unproven_at_once: int = UNPROVEN_AT_ONCE,
    ) -> None:
        self.directory = directory
        self.folder = directory
        self.unproven_bytes = unproven_bytes
        self.unproven = 0
        self._places = asyncio.Semaphore(unproven_at_once)
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make this process's folder, and remove what dead ones left. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        one_at_a_time = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)  # or another would take the new folder for a dead one's
            _sweep(self.directory)
            folder = self.directory / f"{secrets.token_hex(8)}.d"
            folder.mkdir(mode=0o700)
            self._lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self.folder = folder
        finally:
            os.close(one_at_a_time)

    def close(self) -> None:
        """Remove this process's folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the few places for callers who have not proved themselves. Raises Crowded."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise Crowded("Too many files are being sent here at the moment; please come back.") from None
        try:
            yield
        finally:
            self._places.release()

    def file(self, *, limit: int, proven: bool) -> SpooledFile:
        """A new file of at most `limit` bytes. Raises NoRoom."""
        self.check_room()
        return SpooledFile(self, limit=limit, proven=proven)

    def check_room(self) -> None:
        """Raises NoRoom where the disk has neither the bytes nor the inodes."""
        if not has_room(self.folder):
            raise NoRoom


class SpooledFile:
    """One file while it comes in. `remove` it, unless somebody took it away."""

    def __init__(self, spool: Spool, *, limit: int, proven: bool) -> None:
        self._spool = spool
        self._limit = limit
        self._proven = proven
        self._counted = 0
        self._looked = 0
        self.size = 0
        self.path = spool.folder / f"{secrets.token_urlsafe(16)}.part"
        try:
            self._file: IO[bytes] = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError:
            raise NoRoom from None

    async def write(self, data: bytes) -> None:
        """More of it. Raises PayloadTooLarge, Crowded, NoRoom."""
        if self.size + len(data) > self._limit:
            raise PayloadTooLarge(f"A file may hold at most {self._limit} bytes.")
        if not self._proven:
            if self._spool.unproven + len(data) > self._spool.unproven_bytes:
                raise Crowded("Too many files are being sent here at the moment; please come back.")
            self._spool.unproven += len(data)
            self._counted += len(data)
        self.size += len(data)
        try:
            if self.size - self._looked > LOOK_EVERY:
                self._looked = self.size
                self._spool.check_room()
                await asyncio.to_thread(self._file.flush)
            self._file.write(data)
        except OSError:
            raise NoRoom from None

    async def finish(self) -> None:
        """All has come. Raises NoRoom."""
        try:
            await asyncio.to_thread(self._file.close)
        except OSError:
            raise NoRoom from None

    def settle(self) -> None:
        """It is complete, and its sender proved or refused at once: it counts as unproven no longer."""
        self._spool.unproven -= self._counted
        self._counted = 0

    def remove(self) -> None:
        """It is not wanted."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.settle()


def _sweep(directory: Path) -> None:
    for entry in list(directory.iterdir()):
        with contextlib.suppress(OSError):
            if entry.is_dir() and entry.suffix == ".d":
                lock = os.open(entry / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused: its process lives
                    shutil.rmtree(entry)
                finally:
                    os.close(lock)
            elif entry.is_file() and time.time() - entry.stat().st_mtime > OLD_S:
                entry.unlink()
