"""Advisory locks (flock): the kernel takes them back from a process that dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock. Takes it for an instant; whoever starts a server at that instant tries again."""
    try:
        fd = open_lock(path)
    except OSError:
        return True
    try:
        return try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)
