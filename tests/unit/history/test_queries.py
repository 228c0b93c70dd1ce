"""H-engines: what people look at, asked of both databases."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import insert, update

from relay.history.queries import ConversationRow, Filter, place
from relay.history.schema import conversation, conversation_label, note, read_position
from relay.store.records import MessageRecord
from tests.unit.history.world import World

SHOP = Filter(channels=("shop",))
NOW = int(time.time() * 1000)


async def listed(world: World, asked: Filter = SHOP, **how: Any) -> list[ConversationRow]:
    how = {"order": "newest", "after": None, "limit": 50, "reader": "anna", "now_ms": NOW} | how
    return await world.queries.conversations(asked, **how)


async def numbers(world: World, asked: Filter = SHOP, **how: Any) -> list[int]:
    return [r.number for r in await listed(world, asked, **how)]


async def change(world: World, number: int, **values: Any) -> None:
    async with world.database.begin() as connection:
        await connection.execute(update(conversation).where(conversation.c.number == number).values(**values))


async def test_tabs_filters_and_counts(world: World):
    made = [(await world.customer(f"user{i}", f"text {i}"))[0] for i in range(6)]
    other, _ = await world.customer("stranger", "not for this desk", channel="other")
    await asyncio.sleep(0.002)  # by the store's clock, in whole milliseconds, later than all of these
    await world.answer(made[1], "yes")
    await world.archive()
    await world.store.close(made[2])
    await world.archive()
    await change(world, made[3], snoozed_until=NOW + 60_000, assignee="anna")
    await change(world, made[4], snoozed_until=NOW - 1, assignee="anna")
    async with world.database.begin() as connection:
        await connection.execute(insert(conversation_label).values(conversation=made[0], label="vip"))
    assert await numbers(world) == [made[1], made[5], made[4], made[3], made[2], made[0]]
    assert other not in await numbers(world)
    shops = ("shop",)
    assert await numbers(world, Filter(channels=shops, state="waiting"), order="waiting") == [
        made[0], made[4], made[5],
    ]  # fmt: skip
    assert await numbers(world, Filter(channels=shops, state="snoozed")) == [made[3]]
    assert await numbers(world, Filter(channels=shops, state="closed")) == [made[2]]
    assert await numbers(world, Filter(channels=shops, assignee="anna")) == [made[4], made[3]]
    assert await numbers(world, Filter(channels=shops, label="vip")) == [made[0]]
    assert await numbers(world, Filter(channels=shops, channel="other")) == []
    assert await world.queries.counts(shops, "anna", NOW) == {
        "mine": 1, "unassigned": 3, "waiting": 3, "open": 4, "snoozed": 1, "closed": 1, "failed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("order", ["newest", "waiting"])
async def test_a_page_insert_while_paging_no_row_twice_or_missed(world: World, order: str):
    """A-page, for the list of conversations."""
    made = {(await world.customer(f"user{i}", "hi"))[0] for i in range(11)}
    await world.archive()
    found: list[int] = []
    after = None
    while page := await listed(world, order=order, after=after, limit=3):
        found += [r.number for r in page]
        after = place(page[-1], order)
        if len(found) < 12:  # or whoever waits would never come to an end of those who have just begun to
            await world.customer(f"late{len(found)}", "hello")
            await world.archive()
    assert [n for n in found if n in made] == sorted(made, reverse=order == "newest")
    assert len(found) == len(set(found))


async def test_unread_is_each_person_s_own(world: World):
    n, _ = await world.customer("anna", "one")
    _, second = await world.customer("anna", "two")
    await world.answer(n, "our own is never unread")
    await world.archive()
    at = {m.id: m.at_ms for m in (await page(world, n))[0]}[second]
    async with world.database.begin() as connection:
        await connection.execute(insert(read_position).values(user="anna", conversation=n, at=at - 1))
        await connection.execute(insert(read_position).values(user="bert", conversation=n, at=at))
    unread = {who: (await listed(world, reader=who))[0].unread for who in ("anna", "bert", "new", "")}
    assert unread == {"anna": 1, "bert": 0, "new": 2, "": None}


async def page(world: World, n: int, **how: Any) -> tuple[list[Any], bool, bool]:
    found = await world.queries.messages(n, **({"limit": 50} | how))
    assert found is not None
    return found


async def test_messages_and_notes_in_one_order_from_any_place(world: World):
    n = 0
    for i in range(9):
        n, _ = await world.customer("anna", f"text {i}")
    await world.archive()
    everything = (await page(world, n))[0]
    async with world.database.begin() as connection:
        await connection.execute(
            insert(note).values(
                id="note1", conversation=n, at=everything[4].at_ms, author="Olga", author_id="1", text="hm", files=[],
                client_id="",
            )
        )  # fmt: skip
    rows, older, newer = await page(world, n)
    ids = [r.id for r in rows]
    assert len(ids) == 10 and not older and not newer
    assert "note1" in ids and abs(ids.index("note1") - 4) <= 1
    newest, older, newer = await page(world, n, limit=3)
    assert [r.id for r in newest] == ids[-3:] and older and not newer
    before, older, newer = await page(world, n, limit=3, before=ids[-3])
    assert [r.id for r in before] == ids[-6:-3] and older and newer
    after, older, newer = await page(world, n, limit=3, after=ids[0])
    assert [r.id for r in after] == ids[1:4] and older and newer
    last, older, newer = await page(world, n, limit=50, after=ids[-2])
    assert [r.id for r in last] == ids[-1:] and not newer
    around, older, newer = await page(world, n, limit=4, around=ids[5])
    assert [r.id for r in around] == ids[3:7] and older and newer
    assert await world.queries.messages(n, limit=5, around="nonsense") is None


async def test_h_search_in_texts_and_names(world: World):
    anna, one = await world.customer("анна.к", "Где мой заказ?")
    _, two = await world.customer("анна.к", "Уже третий день жду заказы")
    bert, three = await world.customer("bert", "my order is late")
    await world.customer("bert", "заказ у чужого магазина", channel="other")
    await world.archive()

    async def found(query: str, **how: Any) -> list[str]:
        asked: dict[str, Any] = {"channels": ("shop",), "limit": 50}
        hits = await world.queries.search(query, **(asked | how))
        return [h.message.id for h in hits]

    assert await found("заказами") == [two, one]  # newest first
    assert await found("orders") == [three]
    assert await found("заказ", number=bert) == []
    assert await found("заказ жду") == [two]
    assert await found("третий д") == [two]
    first = await found("заказ", limit=1)
    hit = (await world.queries.search("заказ", channels=("shop",), limit=1))[0]
    assert first == [two] and await found("заказ", after=(hit.message.at_ms, two)) == [one]
    assert hit.message.envelope["text"][slice(*hit.marks[0])] == "заказы"
    for hostile in ['"', "NEAR(", "a OR b*", "'; DROP TABLE message", "\\", "%", "\0", "🙂", "&|!<->:*"]:
        await found(hostile)
        await world.queries.named(hostile, channels=("shop",), limit=5, reader="")
    by_name = await world.queries.named("АННА", channels=("shop",), limit=5, reader="")
    assert [r.number for r in by_name] == [anna]
    assert [r.number for r in await world.queries.named(f"#{bert}", channels=("shop",), limit=5, reader="")] == [bert]
    assert await world.queries.named("100%", channels=("shop",), limit=5, reader="") == []


async def test_a_message_is_what_it_was_in_the_store(world: World):
    n, mid = await world.customer(
        "anna", "look", files=[{"kind": "image", "mime": "image/png", "name": "a.png", "url": "", "id": "x", "size": 3}]
    )
    await world.send("desk", remote_id="r1")
    await world.archive()
    in_store, in_history = await world.store.journal(mid), await world.queries.message(mid)
    assert isinstance(in_history, MessageRecord) and in_store is not None
    assert in_history.envelope == in_store.envelope
    assert [(r.id, r.state, r.remote_ids, r.log) for r in in_history.records] == [
        (r.id, r.state, r.remote_ids, r.log) for r in in_store.records
    ]
    assert [m.id for m in await world.queries.files(n, 10)] == [mid]
