"""Slots: first come, first served, none lost and none made up."""

from __future__ import annotations

import asyncio

import pytest

from relay.outbound.slots import Slots


async def waiting(places: Slots, count: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(places.take()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_in_the_order_they_came() -> None:
    places = Slots(2)
    assert await places.take() and await places.take()
    first, second = await waiting(places, 2)
    assert not first.done() and not second.done()
    places.release()
    await asyncio.sleep(0)
    assert first.done() and not second.done()
    places.release()
    assert await second


async def test_who_gives_up_waiting_takes_no_place_along() -> None:
    places = Slots(1)
    assert await places.take()
    first, second, third = await waiting(places, 3)
    first.cancel()
    await asyncio.sleep(0)
    places.release()
    second.cancel()  # in the very moment in which it has been given one
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await asyncio.wait_for(third, 1)
    places.release()
    assert await asyncio.wait_for(places.take(), 1), "one, and no more"
    (late,) = await waiting(places, 1)
    assert not late.done()
    late.cancel()


async def test_closed() -> None:
    places = Slots(1)
    assert await places.take()
    (waits,) = await waiting(places, 1)
    places.close()
    assert await waits is False
    places.release()
    assert await places.take() is False
