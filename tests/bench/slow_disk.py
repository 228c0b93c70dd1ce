"""A disk whose every fsync takes 3 ms more: a library of a few lines, put in front of the store's own with LD_PRELOAD.

It is compiled here and now; without a C compiler the mode is left out, and the report says so.
"""

from __future__ import annotations

from pathlib import Path

from tests import preload

EXTRA_MS = 3
SOURCE = """
#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
static void pause_ms(void) {{
    struct timespec t = {{0, {ms} * 1000000L}};
    nanosleep(&t, 0);
}}
int fsync(int fd) {{ pause_ms(); return syscall(SYS_fsync, fd); }}
int fdatasync(int fd) {{ pause_ms(); return syscall(SYS_fdatasync, fd); }}
"""


def build(where: Path) -> Path | None:
    """The library, or None where it cannot be made."""
    return preload.build(where, "slow_disk", SOURCE.format(ms=EXTRA_MS))
