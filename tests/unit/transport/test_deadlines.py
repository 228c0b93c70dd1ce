"""Time limits that share one timer behave as `asyncio.timeout` does."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay.transport.deadlines import Deadlines


async def sleep(deadlines: Deadlines, limit: float, length: float) -> str:
    try:
        with deadlines.limit(limit):
            await asyncio.sleep(length)
    except TimeoutError:
        return "late"
    return "done"


async def test_each_ends_at_its_own_time_in_whatever_order_they_began():
    deadlines = Deadlines()
    began = time.monotonic()
    took: dict[float, float] = {}

    async def one(limit: float) -> None:
        assert await sleep(deadlines, limit, 5) == "late"
        took[limit] = time.monotonic() - began

    await asyncio.gather(*(one(limit) for limit in (0.3, 0.05, 0.2, 0.1, 0.25)), sleep(deadlines, 1, 0.15))
    assert all(limit <= seconds for limit, seconds in took.items())
    assert list(took) == sorted(took), "none waited for another's"
    assert not deadlines._open


async def test_a_limit_that_was_kept_leaves_nothing_and_the_timer_ends_by_itself():
    deadlines = Deadlines()
    assert await asyncio.gather(*(sleep(deadlines, 0.05, 0.01) for _ in range(100))) == ["done"] * 100
    assert not deadlines._open
    await asyncio.sleep(0.1)
    assert deadlines._timer is None
    assert await sleep(deadlines, 0.02, 1) == "late"  # and it starts again


async def test_being_cancelled_from_outside_is_no_timeout():
    deadlines = Deadlines()
    task = asyncio.create_task(sleep(deadlines, 5, 5))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadlines._open


async def test_both_at_once_is_a_cancellation():
    deadlines = Deadlines()
    task = asyncio.create_task(sleep(deadlines, 0.05, 5))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 0.05, task.cancel)
    await asyncio.sleep(0)
    time.sleep(0.08)  # both fall due in the same turn of the loop
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_goes_on_after_a_timeout_and_limits_nest():
    deadlines = Deadlines()
    with deadlines.limit(1):
        assert await sleep(deadlines, 0.02, 1) == "late"
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await sleep(deadlines, 1, 1)


async def test_other_errors_pass():
    with pytest.raises(ValueError, match="x"), Deadlines().limit(1):
        raise ValueError("x")
