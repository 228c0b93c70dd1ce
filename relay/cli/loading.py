"""What commands start from: the bridges handed in by the command line, and the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from relay.config.load import DEFAULT_PATH, Config, load
from relay.config.secret_keys import secret_keys
from relay.contract import Bridge, BridgeSpec
from relay.contract.errors import ConfigError, Problem
from relay.routing.accounts import Accounts, build
from relay.texts.templates import Templates

Kinds = Mapping[str, type[Bridge[Any]]]


def kinds_of(bridges: Sequence[type[Bridge[Any]]]) -> Kinds:
    """`{"insta": InstaBridge, ...}` in the order of `bridges.ALL`."""
    return {bridge.spec.kind: bridge for bridge in bridges}


def specs_of(kinds: Kinds) -> dict[str, BridgeSpec]:
    return {kind: bridge.spec for kind, bridge in kinds.items()}


def load_config(path: Path | None, kinds: Kinds) -> Config:
    """The configuration a command works on. Raises ConfigError.

    Variables that are not set in the environment may stand in a file `.env` beside it.
    """
    path = path or DEFAULT_PATH
    return load(path, specs_of(kinds), {**env_file(path.parent / ".env"), **os.environ})


def env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines of a file, as `docker compose` and systemd read it; {} for none. Raises ConfigError."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as e:
        why = getattr(e, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError([Problem(str(path), "", f"cannot be read: {why}")]) from None
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[name.strip()] = value
    return found


def offline(config: Config, kinds: Kinds) -> Accounts:
    """The configured bridges, without store or network; makes the secret key where one must be made."""
    return build(
        config,
        kinds,
        Templates(config.locale, config.templates_dir),
        keys=secret_keys(config),
        local_origin=config.local_url,
        public_url=config.base_url,
    )
