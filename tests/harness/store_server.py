"""A real Valkey, held by the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from relay.store.server.binary import find_server
from tests.harness.processes import _children


class StoreServer:
    """A real Valkey on a unix socket (and, where asked, a port), held by the test and by nobody else.

    `durable` servers keep an append-only file and pass the relay's own checks; others write nothing and are fast.
    """

    def __init__(self, folder: Path, *, durable: bool = True, fsync: str = "always", port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.socket = folder / "store.sock"
        self.url = f"unix://{self.socket}"
        self.port = port
        lines = [
            f"dir {folder}",
            f"port {port}",
            "bind 127.0.0.1",
            f"unixsocket {self.socket}",
            'save ""',
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if durable else 'no'}",
            f"appendfsync {fsync}",
            f"logfile {folder / 'store.log'}",
        ]
        (folder / "store.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 15.0) -> Self:
        """Start it and wait until it answers. Blocks."""
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [find_server(), str(self.folder / "store.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _children.add(self._process)
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "store.log").read_text() if (self.folder / "store.log").exists() else ""
                raise RuntimeError(f"the store's server did not come up:\n{said[-2000:]}")
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False

    def command(self, *words: str) -> bytes:
        """One command over a connection of its own; the first bytes of the reply. Blocks."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.socket))
            s.sendall(
                b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w.encode()), w.encode()) for w in words)
            )
            return s.recv(65536)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """SIGSTOP: the connection stands, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. `start` brings it back on the same data."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            _children.discard(self._process)
            self._process = None

    def close(self) -> None:
        """The same, for the end of a test."""
        self.kill()
