"""What commands about people and their messages start from: everything that is kept, open for as long as they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import click

from relay.cli.open_store import opened_store
from relay.config.load import Config
from relay.contract.errors import RelayError
from relay.history.database import Database, address
from relay.media.library import MediaStore
from relay.store.store import Store

T = TypeVar("T")


class ConversationNumber(click.ParamType[int]):
    """`42` or `#42`."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removeprefix("#")
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**53):
            self.fail(f"{value!r} is not the number of a conversation, such as '#42'", param, ctx)
        return int(text)


@dataclass(frozen=True, slots=True)
class Kept:
    """The three places in which messages and files are."""

    store: Store
    database: Database | None  # None with `history: off`
    media: MediaStore


@asynccontextmanager
async def opened_history(config: Config) -> AsyncIterator[Database]:
    """The history; not to be asked for with `history: off`. Raises HistoryUnavailable with a sentence."""
    database = Database(address(config.history.store, config.data_dir))
    try:
        await database.connect()
        yield database
    finally:
        await database.close()


def with_history(
    config: Config, work: Callable[[Store, Database], Awaitable[T]], *, off: str = "nothing is kept besides the store."
) -> T:
    """Run `work` with store and history open. Raises StoreUnavailable, HistoryUnavailable, and with `history: off`
    RelayError that ends in `off`, all with a sentence."""
    if config.history.off:
        raise RelayError(f"With `history: off` {off}")

    async def inner() -> T:
        async with opened_store(config) as store, opened_history(config) as database:
            return await work(store, database)

    return asyncio.run(inner())


def with_kept(config: Config, work: Callable[[Kept], Awaitable[T]]) -> T:
    """Run `work` with everything open, whether there is a history or not. Raises StoreUnavailable,
    HistoryUnavailable."""
    media = MediaStore(config.data_dir / "media")

    async def inner() -> T:
        async with opened_store(config) as store:
            if config.history.off:
                return await work(Kept(store, None, media))
            async with opened_history(config) as database:
                return await work(Kept(store, database, media))

    return asyncio.run(inner())
