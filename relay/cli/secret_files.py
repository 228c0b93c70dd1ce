"""Tokens and keys that a program got for itself, in files that nobody else can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def store_secret(path: Path, value: str) -> None:
    """Write a token or key so that it is complete or absent, and readable by nobody else (mode 600).

    Raises OSError. Blocking: call it from a command, or in a thread.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(value + "\n")
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
