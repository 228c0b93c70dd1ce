"""What commands that ask the store start from: the store alone, without web server or workers.

An embedded store that nobody runs at the moment is started for the command and stopped after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click

from relay.cli.options import config_of
from relay.config.load import Config
from relay.service.opening import open_store
from relay.store.store import Store

T = TypeVar("T")


@asynccontextmanager
async def opened_store(config: Config) -> AsyncIterator[Store]:
    """The store, for as long as a command takes. Raises StoreUnavailable with a sentence."""
    store, embedded = await open_store(config)
    try:
        yield store
    finally:
        await store.stop()
        if embedded is not None:
            await embedded.stop()


def with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` with an open store. Raises StoreUnavailable with a sentence."""

    async def inner() -> T:
        async with opened_store(config) as store:
            return await work(store)

    return asyncio.run(inner())


def ask_store(ctx: click.Context, work: Callable[[Store, Config], Awaitable[T]]) -> T:
    """Do something with the deployment's open store. Raises ConfigError, StoreUnavailable."""
    config = config_of(ctx)
    return with_store(config, lambda store: work(store, config))
