"""What commands start from: the bridges handed in by the command line, the configuration, and where to write."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from relay.config.load import DEFAULT_PATH, Config, load
from relay.config.secret_keys import secret_keys
from relay.contract import Bridge, BridgeSpec
from relay.routing.accounts import Accounts, build
from relay.texts.templates import Templates

PIPE_WIDTH = 200
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


def out() -> Console:
    """For people, on standard output. Nothing is guessed to be markup or a number; long addresses are not broken."""
    return Console(highlight=False, soft_wrap=True, emoji=False, markup=False, width=_width(sys.stdout))


def _width(stream: TextIO) -> int | None:
    """None for a window, whose width is its own. A file or a pipe has none, and Rich would take it for 80 columns."""
    return None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH


def err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)


def write_json(value: Any) -> None:
    """For scripts: one JSON value on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
