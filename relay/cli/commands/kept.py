"""What commands about one person start from: the number as it is typed, and everything that is kept, open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from relay.config.load import Config
from relay.history.database import Database, address
from relay.media.library import MediaStore
from relay.service.opening import open_store
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


def with_kept(config: Config, work: Callable[[Kept], Awaitable[T]]) -> T:
    """Run `work` with everything open. Raises StoreUnavailable, HistoryUnavailable, with a sentence."""

    async def inner() -> T:
        store, embedded = await open_store(config)
        database = None if config.history.off else Database(address(config.history.store, config.data_dir))
        try:
            if database is not None:
                await database.connect()
            return await work(Kept(store, database, MediaStore(config.data_dir / "media")))
        finally:
            if database is not None:
                await database.close()
            await store.stop()
            if embedded is not None:
                await embedded.stop()

    return asyncio.run(inner())
