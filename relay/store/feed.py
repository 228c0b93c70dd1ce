"""The feed: one stream of thin entries about what people can see. It is written inside the store's scripts.

An entry names a kind, a conversation and a thing; what became of it is read where it is kept. Its id is the position
that pages and scripts resume from.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from redis.exceptions import RedisError

from relay.contract.errors import StoreUnavailable

if TYPE_CHECKING:
    from relay.store.store import Store

START = "0-0"


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: message, delivery, conversation, note, contact, user, destination, erased."""

    id: str
    kind: str
    number: int = 0
    what: str = ""


def order(position: str) -> tuple[int, int]:
    """A position as something that can be compared. Raises ValueError for what is none."""
    ms, _, seq = position.partition("-")
    if not (ms.isascii() and ms.isdigit() and len(ms) <= 19 and (not seq or (seq.isascii() and seq.isdigit()))):
        raise ValueError(f"{position[:40]!r} is not a position of the feed")
    return int(ms), int(seq or 0)


def _end_if_cancelled() -> None:
    """redis-py may lose the cancellation of a task that waits in it; whoever loops over its reads would never end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Feed:
    """Reads and trims the feed. Every method raises StoreUnavailable when the store is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def _key(self) -> str:
        return self._store.key("feed")

    async def read(self, after: str, count: int, block_ms: int = 0) -> list[FeedEntry]:
        """Entries after a position, oldest first; waits up to `block_ms` for the first (0: does not wait)."""
        _end_if_cancelled()
        try:
            found = await self._store.redis.xread({self._key: after}, count=count, block=block_ms or None)
        except (RedisError, OSError, TimeoutError) as e:
            _end_if_cancelled()
            raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e
        return [_entry(eid, fields) for _, rows in found or () for eid, fields in rows]

    async def bounds(self) -> tuple[str, str]:
        """(first, last) position; the last is the newest ever given out, also when the feed was trimmed to nothing."""
        try:
            info: Any = await self._store.redis.xinfo_stream(self._key)
        except (RedisError, OSError, TimeoutError) as e:
            if "no such key" in str(e).lower():
                return START, START
            raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e
        first = info["first-entry"]
        return (first[0].decode() if first else START), info["last-generated-id"].decode()

    async def trim(self, before: str) -> None:
        """Forget what is older than a position."""
        await self._store.wire.call("XTRIM", self._key, "MINID", "~", before)

    async def announce(self, kind: str, number: int, what: str = "") -> str:
        """Say that something changed that the store does not know of; after it was committed. Returns its position."""
        args: Sequence[str] = ("MAXLEN", "~", "1000000", "*", "k", kind, "n", str(number), "m", what)
        return str((await self._store.wire.call("XADD", self._key, *args)).decode())

    async def epoch(self) -> str:
        """Which store this is: another word after it was wiped or replaced."""
        key = self._store.key("epoch")
        await self._store.wire.call("SET", key, os.urandom(8).hex(), "NX")
        return str((await self._store.wire.call("GET", key)).decode())

    async def publish(self, channel: str, data: bytes) -> None:
        """To whoever listens right now, and nobody else."""
        await self._store.wire.call("PUBLISH", self._store.key(channel), data)


def _entry(eid: bytes, fields: dict[bytes, bytes]) -> FeedEntry:
    number = fields.get(b"n", b"0")
    return FeedEntry(
        id=eid.decode(),
        kind=fields.get(b"k", b"").decode("utf-8", "replace"),
        number=int(number) if number.isdigit() else 0,
        what=fields.get(b"m", b"").decode("utf-8", "replace"),
    )
