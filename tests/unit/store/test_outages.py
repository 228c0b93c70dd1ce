"""A destination that is down and comes back, seen by its lanes; and what cannot be read."""

from __future__ import annotations

import asyncio
from typing import Any

from relay.contract.model import Kind
from relay.store.records import Finish, Finished, LeasedLane, NewMessage
from relay.store.store import Store, new_id

HOUR_MS = 3_600_000


async def put(store: Store, user: str) -> int:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=b'{"text":"hello"}')
    return (await store.accept(message, ["desk"], channel="shop", remote_user=user)).number


async def take_one(store: Store) -> LeasedLane:
    (lane,) = (await store.claim("desk", "w1", 1)).lanes
    return lane


async def end(store: Store, lane: LeasedLane, verdict: str, **more: Any) -> Finished:
    assert lane.head is not None
    return await store.finish("desk", lane, lane.head.delivery_id, Finish(verdict=verdict, **more))


async def due_soon(store: Store) -> int:
    claimed = await store.claim("desk", "w1", 100)
    await store.release("desk", claimed.lanes)
    return len(claimed.lanes)


async def test_one_success_wakes_the_lanes_that_slept_because_the_destination_was_down(store: Store) -> None:
    for user in ("a", "b"):
        await put(store, user)
        await end(store, await take_one(store), "retry", delay_ms=HOUR_MS, transient=True, words="refused")
    assert await due_soon(store) == 0
    await put(store, "c")
    await end(store, await take_one(store), "ok")
    await asyncio.sleep(0.05)
    assert await due_soon(store) == 2


async def test_a_lane_whose_own_message_failed_is_not_woken_by_others_successes(store: Store) -> None:
    await put(store, "a")
    await end(store, await take_one(store), "retry", delay_ms=HOUR_MS, transient=False)
    await put(store, "b")
    await end(store, await take_one(store), "ok")
    await asyncio.sleep(0.05)
    assert await due_soon(store) == 0


async def test_a_lane_that_fails_again_after_it_was_woken_keeps_to_its_schedule(store: Store) -> None:
    """A message that this destination never takes must not lose a try with every message that somebody else sends."""
    await put(store, "poison")
    await end(store, await take_one(store), "retry", delay_ms=HOUR_MS, transient=True)
    for user in ("b", "c", "d"):
        await put(store, user)
        lanes = {lane.number: lane for lane in (await store.claim("desk", "w1", 100)).lanes}
        for number, lane in lanes.items():
            if number == 1:
                await end(store, lane, "retry", delay_ms=HOUR_MS, transient=True)
            else:
                await end(store, lane, "ok")
        await asyncio.sleep(0.03)
    assert await due_soon(store) == 0
    record = await store.journal((await store.messages(1))[0])
    assert record is not None and record.records[0].tries == 2, "its first try, and once when it was woken"


async def test_failing_is_a_state_with_since_words_and_next_try_and_ends_with_a_success(store: Store) -> None:
    await put(store, "a")
    await end(store, await take_one(store), "retry", delay_ms=HOUR_MS, transient=True, words="connection refused")
    d = await store.destination("desk")
    now = await store.now_s() * 1000
    assert 0 <= now - d.failing_ms < 5_000
    assert d.last_words == "connection refused"
    assert abs(d.next_try_ms - now - HOUR_MS) < 5_000
    await put(store, "b")
    await end(store, await take_one(store), "ok")
    d = await store.destination("desk")
    assert (d.failing_ms, d.last_words) == (0, "")


async def test_retry_and_resume_try_now_what_sleeps(store: Store) -> None:
    await put(store, "a")
    await end(store, await take_one(store), "retry", delay_ms=HOUR_MS)
    assert await store.retry("desk") == 1
    await asyncio.sleep(0.02)
    await end(store, await take_one(store), "retry", delay_ms=HOUR_MS)
    await store.pause("desk", "manual")
    assert await store.resume("desk")
    await asyncio.sleep(0.02)
    assert await due_soon(store) == 1
    assert not await store.resume("desk")


async def test_the_breaker_waits_at_least_as_long_as_it_was_told(store: Store) -> None:
    for i in range(store.breaker.failures):
        await put(store, f"u{i}")
        await end(store, await take_one(store), "retry", delay_ms=HOUR_MS, told_ms=40_000)
    assert (await store.destination("desk")).open_ms
    claimed = await store.claim("desk", "w1", 1)
    assert claimed.state == "open"
    assert claimed.next_due_ms - claimed.now_ms > 38_000


async def test_what_cannot_be_read_becomes_a_dead_letter_that_is_seen(store: Store) -> None:
    n = await put(store, "a")
    did = (await store.wire.call("LINDEX", store.key(f"lane:desk:{n}"), "0")).decode()
    await store.wire.call("HDEL", store.key(f"m:{did[:-2]}"), "e")
    await put(store, "a")
    lane = await take_one(store)
    assert lane.head is not None and lane.head.delivery_id != did
    assert await store.dead_ids() == [did]
    record, journal = await store.record(did), await store.journal(did[:-2])
    assert record is not None and (record.reason, record.destination, record.number) == ("unreadable", "desk", n)
    assert journal is not None


async def test_a_text_half_sent_keeps_how_it_was_cut_also_when_it_is_replayed(store: Store) -> None:
    await put(store, "a")
    lane = await take_one(store)
    found = await end(store, lane, "part", pieces=b'[{"text":"one"},{"text":"two"}]')
    assert found.head is not None and (found.head.part, found.head.pieces[:9]) == (1, b'[{"text":')
    did = found.head.delivery_id
    await store.finish("desk", lane, did, Finish(verdict="dead", reason="gave_up"))
    assert await store.replay(did)
    again = (await take_one(store)).head
    assert again is not None and (again.part, again.pieces) == (1, b'[{"text":"one"},{"text":"two"}]')


async def test_a_lease_has_one_holder(store: Store) -> None:
    assert await store.try_lease("x", "a", 5) and await store.try_lease("x", "a", 5)
    assert not await store.try_lease("x", "b", 5)


async def test_leases_are_known_by_the_loops_clock_and_a_lost_one_ends_at_once(store: Store) -> None:
    loop = asyncio.get_running_loop()
    await put(store, "a")
    lane = await take_one(store)
    assert 0 < lane.lease.until - loop.time() <= store.lease_ms / 1000
    await store.wire.call("HSET", store.key(f"lock:desk:{lane.number}"), "t", "999999")
    await store.renew("desk", [lane])
    assert lane.lease.until == 0


async def test_dead_letters_are_listed_in_the_order_the_store_took_them_in(store: Store) -> None:
    """Hosts whose clocks differ make ids that sort otherwise; replayed in that order a customer reads 2, 3, 0, 1."""
    for mid in ("b" * 20, "a" * 20, "c" * 20):
        message = NewMessage(id=mid, kind=Kind.MESSAGE, origin="shop", envelope=b'{"text":"hello"}')
        await store.accept(message, ["desk"], channel="shop", remote_user="u")
        await end(store, await take_one(store), "dead", reason="gave_up")
        await asyncio.sleep(0.002)
    assert [did[0] for did in await store.dead_ids()] == ["b", "a", "c"]
