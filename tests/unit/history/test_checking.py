"""H-count: the history is compared with the store, made good from it, and read where the store has forgotten."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, select, update

from relay.history.archiver import Archiver
from relay.history.checking import compare, find
from relay.history.pruning import keep_pruning
from relay.history.schema import archive_position, delivery, message
from tests.unit.history.world import World


async def test_h_count_what_is_missing_or_differs_is_named_and_made_good(world: World):
    n, first = await world.customer("anna", "one")
    answer = await world.answer(n, "two")
    _, third = await world.customer("bert", "three")
    await world.archive()
    found = await compare(world.store, world.database)
    assert (found.in_store, found.in_history, found.complete, found.behind) == (3, 3, True, False)

    async with world.database.begin() as connection:
        await connection.execute(delete(message).where(message.c.id == first))
        await connection.execute(update(delivery).where(delivery.c.message == answer).values(state=3))
        await connection.execute(delete(delivery).where(delivery.c.message == third))
    _, later = await world.customer("anna", "four")
    found = await compare(world.store, world.database)
    assert set(found.missing) == {first, later}
    assert set(found.differing) == {answer, third}
    assert (found.in_store, found.in_history, found.complete, found.behind) == (4, 2, False, True)

    assert await Archiver(world.store, world.database, holder="rebuild").rebuild() == 4
    found = await compare(world.store, world.database)
    assert (found.in_history, found.complete, found.behind) == (4, True, False)


async def test_a_rebuild_beside_traffic_leaves_nothing_out(world: World, monkeypatch):
    """What comes in while it reads belongs to the feed behind its position."""
    await world.customer("anna", "one")
    real = world.store.recent

    async def recent(*args: int) -> list[int]:
        numbers = await real(*args)
        if not numbers:
            await world.customer("late", "written when all conversations were read")
        return numbers

    monkeypatch.setattr(world.store, "recent", recent)
    await world.archiver.rebuild()
    monkeypatch.undo()
    await world.archive()
    assert (await compare(world.store, world.database)).complete
    assert len(await world.all(select(message))) == 2
    assert len(await world.all(select(archive_position))) == 1


async def test_what_left_the_store_is_found_by_any_of_its_ids(world: World):
    n, mid = await world.customer("anna", "long ago", to=("desk",))
    await world.send("desk", remote_id='q"1%_\\')
    await world.archive()
    await world.store.redis.flushall()
    for some_id in (mid, f"{mid}-0", 'q"1%_\\'):
        found = await find(world.database, some_id)
        assert found is not None and (found.id, found.number) == (mid, n), some_id
    for some_id in ("", "q", "nobody", "%", '"'):
        assert await find(world.database, some_id) is None


async def test_the_other_side_s_id_is_found_too(world: World):
    _, mid = await world.customer("anna", "hello")
    await world.send("desk", remote_id="queue-123")
    await world.archive()
    found = await find(world.database, "queue-123")
    assert found is not None and found.id == mid
    assert await find(world.database, "queue-12") is None


async def test_pruning_goes_on_by_itself(world: World):
    await world.customer("anna", "old")
    await world.archive()
    task = asyncio.create_task(keep_pruning(world.store, world.database, keep_s=-60, every_s=0.02))
    for _ in range(100):
        await asyncio.sleep(0.02)
        if not await world.all(select(message)):
            break
    task.cancel()
    await asyncio.wait([task])
    assert await world.all(select(message)) == []
