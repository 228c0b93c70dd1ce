"""The deployment's secret keys: those of config.yaml, or, where only sandboxes stand behind it, one of our own making.

A made key is kept in `data_dir/secret_key` (mode 600), so that hook addresses and links stay the same over restarts.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from relay.config.document import MAKE_A_KEY
from relay.config.load import Config
from relay.contract.errors import ConfigError, Problem

FILE = "secret_key"


def secret_keys(config: Config) -> tuple[str, ...]:
    """All keys, the one that signs first. Makes and keeps one if the configuration may do without."""
    if config.secret_key:
        return tuple(k.get_secret_value() for k in config.secret_key)
    path = config.data_dir / FILE
    try:
        return (_kept(path) or _make(path),)
    except OSError as e:
        why = f"cannot keep a key of our own making in {path}: {e.strerror or e}"
        raise ConfigError(
            [Problem(str(config.path), "secret_key", f"{why}; or set one, made with `{MAKE_A_KEY}`")]
        ) from None


def _kept(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise OSError(0, "it is not text; delete it to have a new one made") from None


def _make(path: Path) -> str:
    """Write the whole file first and then give it its name, so that two processes that start together agree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".secret_key.", dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w") as f:
            f.write(secrets.token_hex(32) + "\n")
            f.flush()
            os.fsync(f.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            if not _kept(path):  # an empty file, left by a full disk say
                Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return _kept(path)
