"""Processes of a deployment on this machine, and how `relay reload` speaks with them.

Each running process holds a lock on a file of its own in `data_dir/processes`, so that one left behind by a kill is not
taken for one that lives. Asked by a signal to reload, it writes what came of it beside that file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ASK = signal.SIGUSR1
WAIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload came to: what changed, or why nothing did."""

    ok: bool
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def _folder(data_dir: Path) -> Path:
    return data_dir / "processes"


@contextlib.contextmanager
def registered(data_dir: Path) -> Iterator[None]:
    """While this process runs, others find it. What cannot be written is no reason not to run."""
    path = _folder(data_dir) / str(os.getpid())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        for left in (path, _answer(path)):
            left.unlink(missing_ok=True)
        os.close(descriptor)


def tell(data_dir: Path, what: Reloaded) -> None:
    """Say what this process's reload came to."""
    path = _answer(_folder(data_dir) / str(os.getpid()))
    beside = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        beside.write_text(json.dumps({"ok": what.ok, "lines": what.lines, "warnings": what.warnings}), "utf-8")
        beside.replace(path)


def ask_all(data_dir: Path, wait_s: float = WAIT_S) -> dict[int, Reloaded]:
    """Have every process of this machine read its configuration again; what each says, by process id."""
    asked = {}
    for path in sorted(_folder(data_dir).glob("*")):
        if path.name.isdecimal() and _lives(path):
            _answer(path).unlink(missing_ok=True)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), ASK)
                asked[int(path.name)] = path
    deadline = time.monotonic() + wait_s
    found: dict[int, Reloaded] = {}
    while asked and time.monotonic() < deadline:
        for pid, path in list(asked.items()):
            if (said := _read(_answer(path))) is not None:
                found[pid] = said
                del asked[pid]
            elif not _lives(path):
                found[pid] = Reloaded(ok=False, lines=("The process ended.",))
                del asked[pid]
        time.sleep(0.02)
    silent = Reloaded(ok=False, lines=(f"The process did not answer within {wait_s:.0f} s.",))
    return found | dict.fromkeys(asked, silent)


def _answer(path: Path) -> Path:
    return path.with_suffix(".reloaded")


def _read(path: Path) -> Reloaded | None:
    try:
        said = json.loads(path.read_text("utf-8"))
        return Reloaded(ok=said["ok"], lines=tuple(said["lines"]), warnings=tuple(said["warnings"]))
    except (OSError, ValueError, KeyError):
        return None


def _lives(path: Path) -> bool:
    """Whether the process that the file belongs to still holds it."""
    try:
        with path.open() as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    path.unlink(missing_ok=True)  # left behind by a kill
    return False
