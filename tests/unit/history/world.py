"""A store in which things happen, and an archiver that is told to look."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from sqlalchemy import select

from relay.contract.model import Kind
from relay.history import archiver as archiving
from relay.history.archiver import Archiver
from relay.history.database import Database
from relay.history.queries import Queries
from relay.history.schema import conversation
from relay.store import keys
from relay.store.records import Finish, NewMessage
from relay.store.store import Store, new_id


class World:
    """What the relay's other half would do."""

    def __init__(self, store: Store, database: Database) -> None:
        self.store, self.database = store, database
        self.queries = Queries(database)
        self.archiver = Archiver(store, database, holder="one")
        self.written = 0

    async def customer(
        self, user: str, text: str, to: tuple[str, ...] = ("desk",), channel: str = "shop", **envelope: Any
    ) -> tuple[int, str]:
        """A customer writes; returns the conversation's number and the message's id."""
        self.written += 1
        await asyncio.sleep(0.0015)  # times are whole milliseconds; of two in one of them neither is the later
        accepted = await self.store.accept(
            NewMessage(
                id=new_id(), kind=Kind.MESSAGE, origin=channel, envelope=orjson.dumps({"text": text, **envelope})
            ),
            to,
            seen=keys.seen(channel, (f"{self.written}",)),
            channel=channel,
            remote_user=user,
            username=user,
            name=user.title(),
        )
        return accepted.number, accepted.message_id

    async def answer(self, number: int, text: str, author: str = "Olga") -> str:
        """Somebody answers; returns the message's id."""
        accepted = await self.store.accept(
            NewMessage(
                id=new_id(), kind=Kind.ANSWER, origin="desk", envelope=orjson.dumps({"text": text, "author": author})
            ),
            ("shop",),
            number=number,
        )
        return accepted.message_id

    async def send(self, destination: str, verdict: str = "ok", **more: Any) -> None:
        """What waits for a destination is tried, with this result."""
        for lane in (await self.store.claim(destination, "w", 100)).lanes:
            assert lane.head is not None
            await self.store.finish(
                destination, lane, lane.head.delivery_id, Finish(verdict=verdict, line=b'{"what":"x"}', **more)
            )

    async def archive(self) -> int:
        """Everything there is; returns the number of entries."""
        epoch, position = await self.archiver._begin()
        count = 0
        while entries := await self.store.feed.read(position, archiving.BATCH):
            position = await self.archiver.write(entries, epoch)
            count += len(entries)
        return count

    async def all(self, query: Any) -> list[Any]:
        """Rows of a query."""
        async with self.database.read() as connection:
            return list((await connection.execute(query)).all())

    async def one(self, number: int) -> Any:
        """The row of a conversation."""
        (row,) = await self.all(select(conversation).where(conversation.c.number == number))
        return row
