"""What commands start from: the bridges handed in by the command line, and the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from relay.config.load import DEFAULT_PATH, Config, load
from relay.config.secret_keys import secret_keys
from relay.contract import Bridge, BridgeSpec
from relay.routing.accounts import Accounts, build
from relay.texts.templates import Templates

Kinds = Mapping[str, type[Bridge[Any]]]


def kinds_of(bridges: Sequence[type[Bridge[Any]]]) -> Kinds:
    """`{"insta": InstaBridge, ...}` in the order of `bridges.ALL`."""
    return {bridge.spec.kind: bridge for bridge in bridges}


def specs_of(kinds: Kinds) -> dict[str, BridgeSpec]:
    return {kind: bridge.spec for kind, bridge in kinds.items()}


def load_config(path: Path | None, kinds: Kinds) -> Config:
    """The configuration a command works on. Raises ConfigError."""
    return load(path or DEFAULT_PATH, specs_of(kinds))


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
