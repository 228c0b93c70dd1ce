"""Whether the disk for files has room: for readiness, and for whoever is about to begin a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

KEEP_FREE: Final = 64 * 1024 * 1024  # bytes of the disk that files leave to the store beside them
INODES: Final = 16


def has_room(directory: Path) -> bool:
    """Whether a file may be begun there. False also where the folder is gone."""
    try:
        disk = os.statvfs(directory)
    except OSError:
        return False
    # File systems without a fixed number of inodes say that they have none at all.
    return disk.f_bavail * disk.f_frsize >= KEEP_FREE and (not disk.f_files or disk.f_favail >= INODES)


def room_problems(directory: Path) -> list[str]:
    """What readiness says about it: a sentence, or nothing."""
    if has_room(directory):
        return []
    return [f"There is no room for files in {directory}: hooks with files are asked to come back."]
