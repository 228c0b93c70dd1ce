"""Where the store's socket is, for a path of any length."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "valkey.sock"
# sockaddr_un.sun_path is 108 bytes with the closing NUL (unix(7)).
SOCKET_PATH_LIMIT: Final = 107


def socket_path(store_dir: Path) -> Path:
    """A path to the store's socket that fits into a socket address.

    Where the directory's own path is too long, or holds characters a URL would change, a short link to it is made in
    this user's runtime directory. The link is named after the directory, so every process makes the same one.
    """
    direct = store_dir / SOCKET_NAME
    if len(os.fsencode(direct)) <= SOCKET_PATH_LIMIT and re.fullmatch(r"[\w./+-]+", str(direct), re.ASCII):
        return direct
    base = _runtime_dir()
    link = base / hashlib.sha256(os.fsencode(store_dir)).hexdigest()[:16]
    short = link / SOCKET_NAME
    if len(os.fsencode(short)) > SOCKET_PATH_LIMIT:
        raise OSError(f"the path of its socket is too long, and so is that of the temporary directory {base}")
    temporary = base / f".{link.name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(store_dir, target_is_directory=True)
    temporary.replace(link)
    return short


def _runtime_dir() -> Path:
    """A directory of ours alone, mode 700. Raises OSError if somebody else has put something in its place."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    base = parent / f"webhook-relay-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{base} belongs to somebody else")
    base.chmod(0o700)
    return base
