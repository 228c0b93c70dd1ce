"""Forgetting what is older than `history.keep`, a little at a time. Hourly figures stay."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy import delete, select

from relay.contract.errors import RelayError
from relay.history.database import Database
from relay.history.schema import delivery, message, note, turn
from relay.store.store import Store

log = logging.getLogger("relay.history")

BATCH: Final = 2_000
EVERY_S: Final = 3600.0


async def keep_pruning(store: Store, database: Database, keep_s: float, *, every_s: float = EVERY_S) -> None:
    """For ever, once an hour. Several processes that do it are in nobody's way."""
    while True:
        try:
            count = await prune(database, int((await store.now_s() - keep_s) * 1000))
            if count:
                log.info("history: %s messages were older than is kept", count)
        except RelayError as e:
            log.warning("the history is not pruned now: %s", e)
        await asyncio.sleep(every_s)


async def prune(database: Database, before_ms: int, *, batch: int = BATCH) -> int:
    """Delete messages, their deliveries, notes and turns from before that time. Returns the number of messages.

    In transactions of a moment each: whoever archives waits for none of them long.
    """
    count = 0
    while True:
        async with database.begin() as connection:
            old = select(message.c.id).where(message.c.at < before_ms).limit(batch)
            ids = list((await connection.execute(old)).scalars())
            if ids:
                await connection.execute(delete(delivery).where(delivery.c.message.in_(ids)))
                await connection.execute(delete(message).where(message.c.id.in_(ids)))
            else:
                await connection.execute(delete(note).where(note.c.at < before_ms))
                await connection.execute(delete(turn).where(turn.c.opened < before_ms))
        count += len(ids)
        if not ids:
            return count
