"""The answer to `finish` can be lost on the way back; the worker then says the same again. Nothing may happen twice."""

from __future__ import annotations

import asyncio

import orjson

from relay.contract.model import Kind
from relay.outbound.lane_worker import LaneWorker
from relay.store.records import Finish, Finished, Head, LeasedLane, NewMessage
from relay.store.store import Store, new_id
from tests.unit.attempts import made_by


async def _accepted(store: Store) -> str:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": "long"}))
    return (await store.accept(message, ["desk"], channel="shop", remote_user="u1")).message_id


async def test_a_part_said_twice_is_one_part(store: Store) -> None:
    """Counting it twice passed over the next part, which then nobody sent."""
    await _accepted(store)
    lane = (await store.claim("desk", "w", 1)).lanes[0]
    assert lane.head is not None
    said = Finish(verdict="part", progress=lane.head.progress)
    for _ in range(2):
        after = await store.finish("desk", lane, lane.head.delivery_id, said)
        assert after.head is not None and after.head.part == 1


async def test_a_failure_said_twice_uses_one_try(store: Store) -> None:
    """The lane was taken anew by the same worker before it could say so again."""
    await _accepted(store)
    lane = (await store.claim("desk", "w", 1)).lanes[0]
    assert lane.head is not None
    said = Finish(verdict="retry", progress=lane.head.progress)
    assert (await store.finish("desk", lane, lane.head.delivery_id, said)).status == "asleep"
    again = (await store.claim("desk", "w", 1)).lanes[0]
    after = await store.finish("desk", again, lane.head.delivery_id, said)
    assert after.head is not None and after.head.tries == 1


async def test_an_attempt_outlives_its_own_lease(store: Store) -> None:
    """A store that is away for longer than the lease: what was sent meanwhile is noted, not sent again."""
    await _accepted(store)
    sent: list[str] = []
    ended: list[Finished] = []

    async def deliver(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        sent.append(head.delivery_id)
        await asyncio.sleep(store.lease_ms / 1000 * 3)
        return Finish(verdict="ok", progress=head.progress)

    worker = LaneWorker(store, "desk", made_by(deliver), name="w", on_finished=lambda d, h, f, w: ended.append(f))

    async def renew(destination: str, lanes: object) -> set[str]:
        return set()  # as while the store is away

    store.renew = renew  # type: ignore[method-assign]
    running = asyncio.create_task(worker.main())
    try:
        async with asyncio.timeout(10):
            while not ended:
                worker.ring()
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
    assert (len(sent), [f.status for f in ended]) == (1, ["done"])
