"""What commands about people start from: the store and the history, opened for as long as the command takes."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from typing import TypeVar

from relay.cli.commands.kept import with_history
from relay.config.load import Config
from relay.config.secret_keys import secret_keys
from relay.people.people import People

T = TypeVar("T")


def with_people(config: Config, work: Callable[[People], Awaitable[T]]) -> T:
    """Run `work`. Raises StoreUnavailable, and what the history raises when it is away, with a sentence."""
    return with_history(
        config,
        lambda store, database: work(People(database, store, secret_keys(config))),
        off="nothing is kept, so there are neither users nor tokens.",
    )


def operating() -> str:
    """Who types the command, for the audit."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user has no name
        return "command line"
