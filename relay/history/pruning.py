"""Forgetting what is older than `history.keep`, a little at a time. Hourly figures stay."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select

from relay.history.database import Database
from relay.history.schema import delivery, message, note, turn

BATCH: Final = 2_000


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
