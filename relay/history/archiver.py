"""The archiver: reads the feed and writes what it names into the database.

Reading is at least once, its effect exactly once: rows and position are written in one transaction, and rows are
overwritten by what is newer. It is never on a message's way: with the database away, slow or full, the feed grows and
everything else goes on. One process of a deployment does it at a time, under a lease in the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from relay.contract.errors import RelayError
from relay.contract.model import Kind
from relay.history import rows
from relay.history.archived import CHANNEL
from relay.history.database import Database
from relay.history.schema import STATES, archive_position, conversation, delivery, figure, message, turn
from relay.store.feed import START, FeedEntry, order
from relay.store.records import ContactCard, MessageRecord
from relay.store.store import Store

log = logging.getLogger("relay.history")

BATCH: Final = 500
BLOCK_MS: Final = 1_000
LEASE_S: Final = 15.0
LEASE: Final = "archive"
PAUSE_S: Final = 2.0  # after trouble
TRIM_EVERY_S: Final = 60.0
FEED_KEPT_S: Final = 3600.0  # for pages that come back
NAME: Final = "feed"
_CUSTOMER = (Kind.MESSAGE.value, Kind.COMMENT.value)


class Archiver:
    """`run` for ever; `problem` says in words why the history is behind, "" while it is not."""

    def __init__(
        self, store: Store, database: Database, *, holder: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        self.database = database
        self.holder = holder
        self.problem = ""
        self.archived = 0  # messages and deliveries written, for the metrics
        self._clock = clock
        self._trimmed = 0.0

    async def run(self) -> None:
        """For ever. Survives store and database, also a database that cannot be opened yet."""
        opened = self.database.opened
        while True:
            try:
                if not opened:
                    await self.database.connect()
                    opened = True
                if not await self.store.try_lease(LEASE, self.holder, LEASE_S):
                    self.problem = ""
                    await asyncio.sleep(LEASE_S / 3)
                    continue
                await self._archive()
            except RelayError as e:
                if not self.problem:
                    log.warning("the history is not written; it catches up by itself afterwards: %s", e)
                self.problem = str(e)
                await asyncio.sleep(PAUSE_S)

    async def _archive(self) -> None:
        """While the lease is ours."""
        epoch, position = await self._begin()
        while await self.store.try_lease(LEASE, self.holder, LEASE_S):
            entries = await self.store.feed.read(position, BATCH, BLOCK_MS)
            if entries:
                position = await self.write(entries, epoch)
            if self.problem:
                log.warning("the history is written again")
                self.problem = ""
            await self._trim(position)

    async def _begin(self) -> tuple[str, str]:
        """(epoch, position) to go on from. A feed that has lost what we have not read is made good from the journal."""
        epoch = await self.store.feed.epoch()
        first, last = await self.store.feed.bounds()
        async with self.database.read() as connection:
            found = (await connection.execute(select(archive_position).where(archive_position.c.name == NAME))).first()
        if found is None:
            # A first start, perhaps on a store that is older than its history.
            await self.rebuild(epoch, last)
            return epoch, last
        lost = found.epoch != epoch or order(found.position) > order(last)
        if order(first) != (0, 0) and order(first) > order(found.position) and found.position != START:
            lost = True
        if lost:
            log.warning("the feed does not go on where the history ends; writing it again from the store")
            await self.rebuild(epoch, last)
            return epoch, last
        return epoch, str(found.position)

    async def _trim(self, position: str) -> None:
        if self._clock() - self._trimmed < TRIM_EVERY_S:
            return
        self._trimmed = self._clock()
        kept_ms = int((await self.store.now_s() - FEED_KEPT_S) * 1000)
        await self.store.feed.trim(str(min(kept_ms, order(position)[0])))

    # --- writing -----------------------------------------------------------------------------------------------------

    async def write(self, entries: Sequence[FeedEntry], epoch: str) -> str:
        """Write what these entries name, and that they are written. Returns the position behind them."""
        ids = dict.fromkeys(
            e.what if e.kind == "message" else e.what.rpartition("-")[0]
            for e in entries
            if e.kind in ("message", "delivery") and e.what
        )
        numbers = {e.number for e in entries if e.number and e.kind in ("message", "delivery", "conversation")}
        position = entries[-1].id
        writing = asyncio.ensure_future(self._put(list(ids), numbers, epoch, position))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A process that stops ends what it has begun: a connection left in mid-transaction is a lock that stays.
            await asyncio.wait([writing])
            raise
        await self.store.feed.publish(CHANNEL, position.encode())
        return position

    async def rebuild(self, epoch: str = "", position: str = "") -> int:
        """Write everything that the store has. Returns the number of messages. Without a position it is the feed's end
        as of now: what comes in meanwhile is read from the feed afterwards."""
        epoch = epoch or await self.store.feed.epoch()
        position = position or (await self.store.feed.bounds())[1]
        count, offset = 0, 0
        while numbers := await self.store.recent(200, offset):
            offset += len(numbers)
            for number in numbers:
                ids = await self.store.messages(number, 100_000)
                for start in range(0, max(len(ids), 1), BATCH):
                    part = ids[start : start + BATCH]
                    await self._put(part, {number}, "", "")
                    count += len(part)
        async with self.database.begin() as connection:
            await self._move(connection, epoch, position)
        return count

    async def _put(self, ids: Sequence[str], numbers: Iterable[int], epoch: str, position: str) -> None:
        found = [m for m in await self.store.journals(ids) if m.number] if ids else []
        cards = await self.store.contacts(sorted({*numbers, *(m.number for m in found)}))
        kept = [m for m in found if m.number in cards and rows.is_kept(m)]
        async with self.database.begin() as connection:
            new = await self._messages(connection, kept, cards)
            await self._deliveries(connection, kept)
            await self._conversations(connection, cards)
            await self._turns(connection, new, cards)
            await self._summed_up(connection, list(cards))
            if position:
                await self._move(connection, epoch, position)
        self.archived += len(new)

    async def _messages(
        self, connection: AsyncConnection, kept: Sequence[MessageRecord], cards: dict[int, ContactCard]
    ) -> list[MessageRecord]:
        """Insert messages; returns those that were not there."""
        if not kept:
            return []
        query = select(message.c.id).where(message.c.id.in_([m.id for m in kept]))
        had = set((await connection.execute(query)).scalars())
        new = sorted((m for m in kept if m.id not in had), key=lambda m: (m.at_ms, m.id))
        if new:
            used = select(message.c.row).where(message.c.at.in_({m.at_ms for m in new}))
            places = rows.places([m.at_ms for m in new], set((await connection.execute(used)).scalars()))
            values = [
                {"row": place, **rows.message_row(m, cards[m.number].contact.channel)}
                for m, place in zip(new, places, strict=True)
            ]
            await self.database.upsert(connection, message, values, keys=("id",))
        return new

    async def _deliveries(self, connection: AsyncConnection, kept: Sequence[MessageRecord]) -> None:
        values = [rows.delivery_row(d, m) for m in kept for d in m.records]
        update_ = ("state", "reason", "words", "tries", "remote_ids", "log", "replay_of", "replayed_as", "dropped_at")
        await self.database.upsert(connection, delivery, values, keys=("id",), update=update_)

    async def _conversations(self, connection: AsyncConnection, cards: dict[int, ContactCard]) -> None:
        values = [rows.conversation_row(card) for card in cards.values()]
        columns = [name for name in (values[0] if values else {}) if name != "number"]
        await self.database.upsert(connection, conversation, values, keys=("number",), update=columns)

    async def _turns(
        self, connection: AsyncConnection, new: Sequence[MessageRecord], cards: dict[int, ContactCard]
    ) -> None:
        """How long customers waited, and counts for each hour. Only of what is new: written once, whatever is read
        twice."""
        if not new:
            return
        query = select(conversation.c.number, conversation.c.waiting_since).where(
            conversation.c.number.in_({m.number for m in new})
        )
        waiting = {row.number: row.waiting_since for row in (await connection.execute(query)).all()}
        turns, counts = rows.turns_and_counts(new, waiting, {n: c.contact.channel for n, c in cards.items()})
        await self.database.upsert(connection, turn, turns, keys=("conversation", "opened"))
        for (bucket, metric, of), (count, total) in counts.items():
            key = (figure.c.bucket == bucket) & (figure.c.metric == metric) & (figure.c.of == of)
            changed = await connection.execute(
                update(figure).where(key).values(count=figure.c.count + count, sum=figure.c.sum + total)
            )
            if not changed.rowcount:
                await connection.execute(
                    insert(figure).values(bucket=bucket, metric=metric, of=of, count=count, sum=total)
                )
        woken = {m.number for m in new if m.kind.value in _CUSTOMER}
        if woken:  # whoever writes is no longer put aside
            await connection.execute(
                update(conversation)
                .where(conversation.c.number.in_(woken), conversation.c.snoozed_until.is_not(None))
                .values(snoozed_until=None)
            )

    async def _summed_up(self, connection: AsyncConnection, numbers: Sequence[int]) -> None:
        """What a row of the list shows, from the messages themselves: in whatever order they came."""
        if not numbers:
            return
        c, m, d = conversation.c, message.c, delivery.c
        of_this = m.conversation == c.number
        newest = select(m.id).where(of_this, m.kind.in_((*_CUSTOMER, "answer")))
        newest = newest.order_by(m.at.desc(), m.id.desc()).limit(1)
        answer = select(m.id).where(of_this, m.kind == "answer").order_by(m.at.desc(), m.id.desc()).limit(1)
        settled = _greatest(c.answered_at, _greatest(c.closed_at, func.coalesce(c.answered_by_hand, 0)))
        since = select(func.min(m.at)).where(of_this, m.kind.in_(_CUSTOMER), m.at > settled)
        failed = select(func.count()).where(
            d.conversation == c.number,
            d.destination == c.channel,
            d.state == STATES.index("failed"),
            d.replayed_as == "",
            d.dropped_at == 0,
        )
        await connection.execute(
            update(conversation)
            .where(c.number.in_(numbers))
            .values(
                last_message=func.coalesce(newest.scalar_subquery(), ""),
                last_answer=func.coalesce(answer.scalar_subquery(), ""),
                waiting_since=since.scalar_subquery(),
                failed=failed.scalar_subquery(),
            )
        )

    async def _move(self, connection: AsyncConnection, epoch: str, position: str) -> None:
        value = {"name": NAME, "epoch": epoch, "position": position}
        await self.database.upsert(connection, archive_position, [value], keys=("name",), update=("epoch", "position"))


def _greatest(a: Any, b: Any) -> Any:
    """The larger of two; SQLite and PostgreSQL have different names for it."""
    return case((a > b, a), else_=b)
