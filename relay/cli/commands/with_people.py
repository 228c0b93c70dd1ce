"""What commands about people start from: the store and the history, opened for as long as the command takes."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import TypeVar

from relay.config.load import Config
from relay.config.secret_keys import secret_keys
from relay.contract.errors import RelayError
from relay.history.database import Database, address
from relay.people.people import People
from relay.service.opening import open_store

T = TypeVar("T")


def with_people(config: Config, work: Callable[[People], Awaitable[T]]) -> T:
    """Run `work`. Raises StoreUnavailable, and what the history raises when it is away, with a sentence."""

    async def inner() -> T:
        if config.history.store == "off":
            raise RelayError("With `history: off` nothing is kept, so there are neither users nor tokens.")
        store, embedded = await open_store(config)
        database = Database(address(config.history.store, config.data_dir))
        try:
            await database.connect()
            return await work(People(database, store, secret_keys(config)))
        finally:
            await database.close()
            await store.stop()
            if embedded is not None:
                await embedded.stop()

    return asyncio.run(inner())


def operating() -> str:
    """Who types the command, for the audit."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user has no name
        return "command line"
