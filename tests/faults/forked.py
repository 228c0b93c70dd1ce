"""A relay process that starts in a moment: forked from a process that has imported everything already.

It is a process like any other: its own session, its own sockets, killed and suspended by the kernel. Only the two
seconds in which Python imports are saved, which is what lets the short experiments be part of `make test`. The full
ones start `python -m relay`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from tests.harness import ROOT, RelayProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["relay.__main__", "bridges", "uvloop", "relay.cli.commands.run", "tests.faults.killable"]
)


def _relay(arguments: list[str], log: str, env: dict[str, str]) -> None:
    """The child: what `python -m relay` does."""
    os.setsid()
    with Path(log).open("ab") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.environ.update(env)
    os.chdir(ROOT)
    random.seed()
    sys.argv = ["relay", *arguments]
    from tests.faults.killable import main

    main()


class _Child:
    """As much of `subprocess.Popen` as RelayProcess uses."""

    def __init__(self, process: Any) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def returncode(self) -> int | None:
        return cast("int | None", self._process.exitcode)

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        if self.poll() is None:
            self._process.kill()

    def wait(self) -> int:
        self._process.join()
        return cast("int", self.returncode)


class ForkedRelay(RelayProcess):
    """RelayProcess that is forked instead of started anew."""

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._log_path.touch()
        process = _context.Process(
            target=_relay, args=([self.command, "-c", str(self.config_path), *self.args], str(self._log_path), self.env)
        )
        process.start()
        return cast("subprocess.Popen[bytes]", _Child(process))
