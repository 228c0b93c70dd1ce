"""What a store has on disk for certain: every fsync of its server, traced.

A library in front of the server's own writes down, at the moment an fsync or fdatasync returns, which file it was and
how long it was when the call began. All that is behind that length a power failure may take. Each call is also made
6 ms longer, so that a kill mostly comes while something is written and not yet synced.
"""

from __future__ import annotations

import functools
import shlex
import subprocess
from pathlib import Path
from typing import Self
from unittest import mock

from relay.store.server import binary, embedded
from relay.store.server.embedded import EmbeddedStore
from tests import preload

LONGER_MS = 6
_SOURCE = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int traced(long call, int fd) {
    struct stat before;
    int known = fstat(fd, &before) == 0;
    struct timespec pause = {0, LONGER_MS * 1000000L};
    nanosleep(&pause, 0);
    int result = syscall(call, fd);
    const char *to = getenv("RELAY_TEST_SYNCS");
    if (result == 0 && known && to) {
        char line[64];
        int length = snprintf(line, sizeof line, "%llu %lld\\n",
                              (unsigned long long)before.st_ino, (long long)before.st_size);
        int log = open(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (log < 0 || write(log, line, length) != length) abort();
        close(log);
    }
    return result;
}
int fsync(int fd) { return traced(SYS_fsync, fd); }
int fdatasync(int fd) { return traced(SYS_fdatasync, fd); }
"""


class Syncs:
    """The traced syncs of the servers started by `server`, a program in place of the store's own."""

    def __init__(self, server: Path, log: Path) -> None:
        self.server = server
        self._log = log

    @classmethod
    def make(cls, folder: Path) -> Self | None:
        """Everything that is needed, in `folder`; None without a C compiler."""
        library = preload.build(folder, "syncs", _SOURCE.replace("LONGER_MS", str(LONGER_MS)))
        if library is None:
            return None
        server, log = folder / "traced-server", folder / "syncs.log"
        server.write_text(
            f"#!/bin/sh\nLD_PRELOAD={shlex.quote(str(library))} RELAY_TEST_SYNCS={shlex.quote(str(log))} "
            f'exec {shlex.quote(str(binary.find_server()))} "$@"\n'
        )
        server.chmod(0o700)
        return cls(server, log)

    def length(self, file: Path) -> int:
        """How long the file was when its last completed sync began, in bytes; 0 when it was never synced."""
        inode = str(file.stat().st_ino)
        lengths = [line.split()[1] for line in self._log.read_text().splitlines() if line.split()[0] == inode]
        return int(lengths[-1]) if lengths else 0


class TracedStore(EmbeddedStore):
    """The embedded store with every sync of its server traced; without `syncs` as it is."""

    def __init__(self, data_dir: Path, syncs: Syncs | None) -> None:
        super().__init__(data_dir, "always")
        self._syncs = syncs

    async def _start_server(self, lock: int, socket: Path) -> str | None:
        if self._syncs is None:
            return await super()._start_server(lock, socket)
        spawn = functools.partial(_spawn, embedded._spawn, self._syncs.server)
        with mock.patch.object(embedded, "_spawn", spawn):
            return await super()._start_server(lock, socket)


def _spawn(original: object, server: Path, binary: Path, store_dir: Path, lock: int) -> subprocess.Popen[bytes]:
    assert callable(original)
    child: subprocess.Popen[bytes] = original(server, store_dir, lock)
    return child
