"""Comparing the history with the store: what the store still has, and the database lacks or shows differently."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import cast, func, select
from sqlalchemy.types import Text

from relay.history import rows
from relay.history.database import Database
from relay.history.queries import Queries
from relay.history.schema import STATES, delivery, message
from relay.store.feed import order
from relay.store.records import MessageRecord
from relay.store.store import Store

BATCH: Final = 500
PAGE: Final = 200


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What was found. `missing`: ids of messages the database lacks; `differing`: those with a delivery that stands
    elsewhere, or that it does not know."""

    in_store: int = 0
    in_history: int = 0
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    position: str = ""  # of the feed, that the database contains
    newest: str = ""  # of the feed

    @property
    def behind(self) -> bool:
        """Whether the archiver has not come to the end of the feed."""
        return order(self.position) < order(self.newest)

    @property
    def complete(self) -> bool:
        return not self.missing and not self.differing


async def compare(store: Store, database: Database) -> Comparison:
    """Look at every message of the store. What comes in meanwhile may count as missing: it is on its way. Raises
    StoreUnavailable, HistoryUnavailable."""
    _, newest = await store.feed.bounds()
    found = Comparison(position=await Queries(database).position(), newest=newest)
    async for part in _everything(store):
        kept = [m for m in part if m.number and rows.is_kept(m)]
        ids = [m.id for m in kept]
        async with database.read() as connection:
            query = select(message.c.id).where(message.c.id.in_(ids))
            known = set((await connection.execute(query)).scalars())
            query = select(delivery.c.id, delivery.c.state).where(delivery.c.message.in_(ids))
            states = {row.id: row.state for row in (await connection.execute(query)).all()}
        found.in_store += len(kept)
        found.missing += [m.id for m in kept if m.id not in known]
        found.differing += [
            m.id
            for m in kept
            if m.id in known and any(states.get(d.id) != STATES.index(d.state.value) for d in m.records)
        ]
    async with database.read() as connection:
        found.in_history = int((await connection.execute(select(func.count()).select_from(message))).scalar() or 0)
    return found


async def _everything(store: Store) -> AsyncIterator[list[MessageRecord]]:
    offset = 0
    while numbers := await store.recent(PAGE, offset):
        offset += len(numbers)
        for number in numbers:
            ids = await store.messages(number, 1_000_000)
            for start in range(0, len(ids), BATCH):
                yield await store.journals(ids[start : start + BATCH])


async def find(database: Database, some_id: str) -> MessageRecord | None:
    """A message by its id, by that of a delivery, or by the other side's: also one that has left the store.

    The other side's ids have no index, so asking for one that nobody knows takes a second for a million messages.
    Raises HistoryUnavailable."""
    queries = Queries(database)
    if (found := await queries.message(some_id)) is not None:
        return found
    async with database.read() as connection:
        query = select(delivery.c.message).where(delivery.c.id == some_id)
        known = (await connection.execute(query)).scalar()
        if known is None and some_id:
            written = json.dumps(some_id)  # as it stands in the column
            text = cast(delivery.c.remote_ids, Text)
            place = func.instr(text, written) if database.is_sqlite else func.strpos(text, written)
            query = select(delivery.c.message, delivery.c.remote_ids).where(place > 0)
            for row in (await connection.execute(query.limit(1000))).all():
                if some_id in row.remote_ids:
                    known = row.message
    return await queries.message(known) if known is not None else None
