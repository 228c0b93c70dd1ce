"""H-engines, H-search: lists, pages and searches answer alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select, update

from relay.contract.model import Contact, Kind, State
from relay.history.archiver import Archiver
from relay.history.database import Database
from relay.history.queries import Filter, ListState, Queries, place
from relay.history.rows import PER_MS, places
from relay.history.schema import conversation, message, metadata, read_position
from relay.store.records import ContactCard, DeliveryRecord, MessageRecord
from tests.unit.history.test_words import FOUND, HOSTILE, NOT_FOUND, finds

HERE = ("shop",)
NOW = 10_000_000


class Told:
    """A store of what a test says, for the archiver to read."""

    def __init__(self, database: Database) -> None:
        store: Any = self
        self.archiver = Archiver(store, database, holder="one")
        self.queries = Queries(database)
        self.database = database
        self.made: dict[str, MessageRecord] = {}
        self.cards: dict[int, ContactCard] = {}

    async def journals(self, ids: Sequence[str]) -> list[MessageRecord]:
        return [self.made[i] for i in ids if i in self.made]

    async def contacts(self, numbers: Sequence[int]) -> dict[int, ContactCard]:
        return {n: self.cards[n] for n in numbers if n in self.cards}

    async def wrote(
        self,
        number: int,
        at: int,
        text: str,
        *,
        kind: Kind = Kind.MESSAGE,
        state: State = State.DELIVERED,
        closed: int = 0,
        channel: str = "shop",
    ) -> str:
        mid = f"m{len(self.made):05}"
        to = channel if kind is Kind.ANSWER else "panel"
        one = DeliveryRecord(id=f"{mid}-0", destination=to, state=state, number=number)
        self.made[mid] = MessageRecord(
            id=mid,
            kind=kind,
            origin=channel,
            number=number,
            at_ms=at,
            envelope={"text": text},
            raw=b"",
            records=(one,),
        )
        times = [m for m in self.made.values() if m.number == number]
        self.cards[number] = ContactCard(
            contact=Contact(
                id=number, channel=channel, remote_id=str(number), username=f"u{number}", name=f"Имя {number}"
            ),
            first_ms=min(m.at_ms for m in times),
            last_ms=max((m.at_ms for m in times if m.kind is not Kind.ANSWER), default=0),
            answered_ms=max((m.at_ms for m in times if m.kind is Kind.ANSWER), default=0),
            closed_ms=closed,
        )
        await self.archiver._put([mid], {number}, "", "")
        return mid

    async def listed(
        self, state: ListState | None = None, order: Literal["newest", "waiting"] = "newest", **more: Any
    ) -> list[int]:
        """All pages of two rows each."""
        found: list[int] = []
        after = None
        while True:
            rows = await self.queries.conversations(
                Filter(channels=HERE, state=state, **more), order=order, after=after, limit=2, reader="anna", now_ms=NOW
            )
            if not rows:
                return found
            found += [r.number for r in rows]
            after = place(rows[-1], order)

    async def found(self, query: str, **more: Any) -> list[str]:
        return [h.message.envelope["text"] for h in await self.queries.search(query, channels=HERE, limit=50, **more)]


@pytest.fixture
async def told(database: Database) -> Told:
    return Told(database)


async def test_the_migrations_make_the_tables_that_the_code_knows(database: Database):
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, metadata)
        # Made by hand, because neither is a table that both engines know.
        return [d for d in found if "message_words" not in str(d) and "tsv" not in str(d)]

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_list_in_each_order_and_tab_page_by_page(told: Told):
    await told.wrote(1, 100, "one")
    await told.wrote(2, 200, "two")
    await told.wrote(2, 210, "answered", kind=Kind.ANSWER)
    await told.wrote(3, 300, "three", closed=310)
    await told.wrote(4, 400, "four")
    await told.wrote(5, 50, "five")
    await told.wrote(5, 60, "not sent", kind=Kind.ANSWER, state=State.FAILED)
    await told.wrote(6, 600, "elsewhere", channel="other")
    async with told.database.begin() as connection:
        await connection.execute(update(conversation).where(conversation.c.number == 4).values(snoozed_until=NOW + 1))
        await connection.execute(update(conversation).where(conversation.c.number == 1).values(assignee="anna"))

    assert await told.listed() == [4, 3, 2, 1, 5]
    assert await told.listed("open") == [2, 1, 5]
    assert await told.listed("waiting") == [1]
    assert await told.listed("snoozed") == [4]
    assert await told.listed("closed") == [3]
    assert await told.listed("failed") == [5]
    assert await told.listed(assignee="anna") == [1]
    assert await told.listed("open", assignee="") == [2, 5]
    assert await told.listed(order="waiting") == [1, 4, 2, 3, 5]
    assert await told.listed("waiting", order="waiting") == [1]
    assert await told.queries.counts(HERE, "anna", NOW) == {
        "mine": 1, "unassigned": 2, "waiting": 1, "open": 3, "snoozed": 1, "closed": 1, "failed": 1,
    }  # fmt: skip
    assert set((await told.queries.counts((), "anna", NOW)).values()) == {0}


async def test_unread_is_each_persons_own_and_has_an_end(told: Told, monkeypatch: pytest.MonkeyPatch):
    for at in range(1, 6):
        await told.wrote(1, at, "hello")
    await told.wrote(1, 10, "yes", kind=Kind.ANSWER)
    async with told.database.begin() as connection:
        await connection.execute(insert(read_position).values(user="bert", conversation=1, at=3))

    async def unread(reader: str) -> int | None:
        row = await told.queries.conversation(1, reader)
        assert row is not None
        return row.unread

    assert (await unread("anna"), await unread("bert"), await unread("")) == (5, 2, None)
    monkeypatch.setattr("relay.history.queries.UNREAD_MAX", 4)
    assert await unread("anna") == 4


async def test_h_search_newest_first_also_when_it_was_written_last_year_and_archived_today(told: Told):
    await told.wrote(1, 3_000, "третий заказ")
    await told.wrote(2, 1_000, "первый заказ")
    await told.wrote(1, 2_000, "Второй ЗАКАЗ, заказами")
    await told.wrote(3, 4_000, "elsewhere заказ", channel="other")
    expected = ["третий заказ", "Второй ЗАКАЗ, заказами", "первый заказ"]
    assert await told.found("заказ") == expected
    assert await told.found("заказами", number=1) == expected[:2]

    found: list[str] = []
    after: tuple[int, str] | None = None
    while hits := await told.queries.search("заказ", channels=HERE, limit=1, after=after):
        found += [h.message.envelope["text"] for h in hits]
        after = (hits[-1].message.at_ms, hits[-1].message.id)
    assert found == expected
    # The message that a page ended with is gone meanwhile.
    hits = await told.queries.search("заказ", channels=HERE, limit=5, after=(2_000, "gone"))
    assert [h.message.envelope["text"] for h in hits] == expected[2:]


PAIRS = [
    ("ёлка", "Елки"), ("елка", "ЁЛКУ"), ("заказ", "приказ"), ("доставка", "о доставке"), ("order", "my orders"),
    ("order", "border"), ('"синее платье"', "есть синее платье"), ('"платье синее"', "есть синее платье"),
    ("прив", "привет всем"), ("👍", "👍"), ("👍 ок", "ок"), ("A-17", "номер A-17"), ("café", "CAFÉ"), ("о'к", "О’К"),
    ("don't", "don’t"), ("NEAR(a b)", "near a b"), ("a OR b", "b"), ('"', "x"), ("c1x", "hello"), ("*", "all"),
    ("straße", "STRASSE"), ("ﬁne", "fine"), ("İstanbul", "istanbul"), ("a\\b", "a b"), ("a:b", "a b"),
    ("a & !b", "a b"),
    ("x' | 'y", "y"), ("a_b", "a b"), ("12.5", "12.5 кг"), ("№5", "заказ №5"), ("日本", "日本語"), ("й", "и"),
    ("'''", "'"),
]  # fmt: skip


async def test_h_search_both_engines_find_what_the_words_say(told: Told):
    """The same table of questions and texts on each engine, and hostile ones raise nothing."""
    for i, (query, text) in enumerate([*FOUND, *NOT_FOUND, *PAIRS], 1):
        await told.wrote(i, i * 10, text)
        hit = await told.found(query, number=i) == [text]
        assert hit == finds(query, text), (query, text)
    for query in HOSTILE:
        await told.found(query)
        await told.found(query, number=1)


async def test_a_page_before_after_and_around(told: Told):
    ids = [await told.wrote(1, 100 + i // 2, f"text {i}") for i in range(10)]

    async def page(**where: Any) -> tuple[list[str], bool, bool]:
        got = await told.queries.messages(1, limit=4, **where)
        assert got is not None
        return [m.id for m in got[0]], got[1], got[2]

    assert await page() == (ids[6:], True, False)
    assert await page(before=ids[6]) == (ids[2:6], True, True)
    assert await page(before=ids[2]) == (ids[:2], False, True)
    assert await page(after=ids[1]) == (ids[2:6], True, True)
    assert await page(after=ids[7]) == (ids[8:], True, False)
    assert await page(around=ids[5]) == (ids[3:7], True, True)
    assert await told.queries.messages(1, limit=4, around="nobody") is None
    assert await told.queries.messages(2, limit=4, around=ids[5]) is None


async def test_many_messages_of_one_millisecond_have_places_of_their_own(told: Told):
    for _ in range(30):
        await told.wrote(1, 777, "at once")
    async with told.database.read() as connection:
        rows = (await connection.execute(select(message.c.row))).scalars().all()
        count = (await connection.execute(select(func.count()).select_from(message))).scalar()
    assert count == 30
    assert sorted(rows) == [777 * PER_MS + i for i in range(30)]


def test_places():
    assert places([1, 2, 1], ()) == [PER_MS, 2 * PER_MS, PER_MS + 1]
    assert places([1, 1], {PER_MS, PER_MS + 2}) == [PER_MS + 1, PER_MS + 3]
