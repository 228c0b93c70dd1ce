"""What commands that ask the store start from: the store alone, without web server or workers.

An embedded store that nobody runs at the moment is started for the command and stopped after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from relay.config.load import Config
from relay.service.service import open_store
from relay.store.store import Store

T = TypeVar("T")


def with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` with an open store. Raises StoreUnavailable with a sentence."""

    async def inner() -> T:
        store, embedded = await open_store(config)
        try:
            return await work(store)
        finally:
            await store.stop()
            if embedded is not None:
                await embedded.stop()

    return asyncio.run(inner())


def rfc3339(ms: int) -> str | None:
    """Milliseconds since the epoch as RFC 3339 in UTC; None for 0."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
