"""H-once, H-count, H-engines: what the store has said is in the database once, whatever dies or comes twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from relay.contract.model import Report, ReportStatus
from relay.history import archiver as archiving
from relay.history.archiver import Archiver
from relay.history.database import Database, HistoryUnavailable, address
from relay.history.schema import archive_position, delivery, figure, message, turn
from relay.store.store import Store
from tests.unit.history.world import World


async def test_a_conversation_as_people_see_it(world: World):
    n, first = await world.customer("anna", "Есть ли в синем?")
    _, second = await world.customer("anna", "И сколько?")
    await world.archive()
    row = await world.one(n)
    assert (row.channel, row.name, row.username, row.names) == ("shop", "Anna", "anna", "anna anna")
    assert row.last_message == second
    messages = {m.id: m for m in await world.all(select(message))}
    assert row.waiting_since == messages[first].at
    assert messages[first].text == "Есть ли в синем?"

    answer = await world.answer(n, "Да")
    await world.archive()
    row = await world.one(n)
    assert row.waiting_since is None
    assert row.last_answer == row.last_message == answer
    (waited,) = await world.all(select(turn))
    assert (waited.opened, waited.by) == (messages[first].at, "Olga")
    hours = {(f.metric, f.of): f.count for f in await world.all(select(figure))}
    assert hours == {
        ("received", "shop"): 2, ("answered", "shop"): 1, ("answered_by", "Olga"): 1, ("waited", "shop"): 1,
    }  # fmt: skip


async def test_the_ladder_and_a_failure(world: World):
    n, _ = await world.customer("anna", "hello")
    await world.archive()
    answer = await world.answer(n, "yes")
    await world.send("shop", remote_id="q1")
    await world.archive()
    (row,) = await world.all(select(delivery).where(delivery.c.message == answer))
    assert row.state == 1
    for status, rank in ((ReportStatus.READ, 3), (ReportStatus.DELIVERED, 3)):
        await world.store.report("shop", Report(remote_id="q1", status=status), b"{}")
        await world.archive()
        (row,) = await world.all(select(delivery).where(delivery.c.message == answer))
        assert row.state == rank, "the ladder never regresses"
    await world.answer(n, "and this")
    await world.send("shop", "dead", reason="rejected", words="no such user")
    await world.archive()
    assert (await world.one(n)).failed == 1
    (dead,) = await world.store.dead_ids()
    await world.store.replay(dead)
    await world.archive()
    assert (await world.one(n)).failed == 0


async def test_closing_and_reopening(world: World):
    n, _ = await world.customer("anna", "hello")
    await asyncio.sleep(0.002)
    await world.store.close(n)
    await world.archive()
    row = await world.one(n)
    assert row.waiting_since is None and row.closed_at > row.last_at
    await asyncio.sleep(0.002)
    await world.customer("anna", "one more thing")
    await world.archive()
    row = await world.one(n)
    assert row.waiting_since is not None and row.last_at > row.closed_at


async def test_h_once_dying_at_any_point_and_reading_twice_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Killed before, in the middle of, and after a batch: rows are what was written, figures counted once."""
    monkeypatch.setattr(archiving, "BATCH", 7)
    numbers = [(await world.customer(f"user{i % 5}", f"text {i}"))[0] for i in range(40)]
    steps = ("_messages", "_deliveries", "_conversations", "_turns", "_summed_up", "_move")
    for step in steps:
        real = getattr(Archiver, step)

        async def dies(self: Archiver, *args: Any, _real: Any = real, **more: Any) -> Any:
            await _real(self, *args, **more)
            raise RuntimeError("killed")

        await world.customer("user1", f"before {step}")
        with monkeypatch.context() as m:
            m.setattr(Archiver, step, dies)
            with pytest.raises(RuntimeError):
                await world.archive()
        world.archiver = Archiver(world.store, world.database, holder="two")
        # And what was read but not noted is read again.
        epoch, position = await world.archiver._begin()
        if entries := await world.store.feed.read(position, 3):
            await world.archiver.write(entries, epoch)
            await world.archiver._put([e.what for e in entries if e.kind == "message"], set(), "", "")
    await world.archive()
    rows = await world.all(select(message.c.id))
    assert len(rows) == len(set(rows)) == 40 + len(steps)
    received = await world.all(select(func.sum(figure.c.count)).where(figure.c.metric == "received"))
    assert received[0][0] == 40 + len(steps)
    assert len(set(numbers)) == 5


async def test_h_count_a_feed_that_was_lost_is_made_good_from_the_store(world: World):
    await world.customer("anna", "one")
    await world.archive()
    await world.customer("anna", "two")
    await world.customer("bert", "three")
    await world.store.redis.delete(world.store.key("feed"), world.store.key("epoch"))
    await world.customer("anna", "four")
    await world.archive()
    texts = {m.text for m in await world.all(select(message))}
    assert texts == {"one", "two", "three", "four"}


async def test_a_first_start_on_a_store_that_was_there_before(world: World):
    for i in range(20):
        await world.customer(f"user{i % 3}", str(i))
    await world.store.feed.trim("9999999999999")
    await world.archive()
    assert len(await world.all(select(message))) == 20
    (position,) = await world.all(select(archive_position))
    assert position.epoch == await world.store.feed.epoch()


async def test_h_slow_the_database_being_away_holds_nothing_up_and_is_caught_up_with(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archiving, "PAUSE_S", 0.02)
    monkeypatch.setattr(archiving, "BLOCK_MS", 20)
    away = True

    async def put(self: Archiver, *args: Any, _real: Any = Archiver._put) -> None:
        if away:
            raise HistoryUnavailable("The history cannot be written: disk full")
        await _real(self, *args)

    monkeypatch.setattr(Archiver, "_put", put)
    task = asyncio.create_task(world.archiver.run())
    try:
        for i in range(30):
            await world.customer("anna", str(i))  # accepted although nothing is archived
        await asyncio.sleep(0.1)
        assert "disk full" in world.archiver.problem
        away = False
        for _ in range(200):
            await asyncio.sleep(0.02)
            if len(await world.all(select(message))) == 30 and not world.archiver.problem:
                break
        assert len(await world.all(select(message))) == 30
        assert world.archiver.problem == ""
    finally:
        task.cancel()


async def test_only_one_archiver_writes(world: World, monkeypatch: pytest.MonkeyPatch):
    assert await world.store.try_lease(archiving.LEASE, "another", 5)
    task = asyncio.create_task(world.archiver.run())
    await world.customer("anna", "hello")
    await asyncio.sleep(0.1)
    task.cancel()
    assert await world.all(select(message)) == []


async def test_texts_with_zeros_and_broken_letters_are_kept(world: World):
    await world.customer("a\0nna", "with \0 zero and \\ud800")
    await world.archive()
    (row,) = await world.all(select(message))
    assert row.text == "with  zero and \\ud800"


async def test_h_slow_a_database_that_cannot_be_opened_is_opened_later(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archiving, "PAUSE_S", 0.02)
    folder = tmp_path / "later"
    database = Database(address("sqlite", folder))
    with pytest.raises(HistoryUnavailable, match="cannot be opened"):
        await database.connect()
    with pytest.raises(HistoryUnavailable, match="not open yet"):
        async with database.read():
            pass
    world = World(store, database)
    task = asyncio.create_task(world.archiver.run())
    try:
        await world.customer("anna", "accepted all the same")
        await asyncio.sleep(0.1)
        assert "cannot be opened" in world.archiver.problem
        folder.mkdir()
        for _ in range(250):
            await asyncio.sleep(0.02)
            if database.opened and await world.all(select(message)) and not world.archiver.problem:
                break
        assert len(await world.all(select(message))) == 1
        assert world.archiver.problem == ""
    finally:
        task.cancel()
        await asyncio.wait([task])
        await database.close()
