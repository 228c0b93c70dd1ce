"""A worker with all its places taken and a bell that had rung turned its loop without a pause: a whole core, taken from
the very process (and, on a small machine, from the store) that was to free a place."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from relay.contract.model import Kind
from relay.outbound import lane_worker as workers
from relay.store.records import Finish, Head, LeasedLane, NewMessage
from relay.store.store import Store, new_id
from tests.harness import until
from tests.unit.outbound.test_lane_worker import running


async def _write(store: Store, user: str) -> None:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": user}))
    await store.accept(message, ["desk"], channel="shop", remote_user=user)


@pytest.mark.parametrize("promised", [False, True], ids=["a lane ends", "a promise is taken back"])
async def test_it_sleeps_until_a_place_is_free(store: Store, monkeypatch: pytest.MonkeyPatch, promised: bool) -> None:
    monkeypatch.setattr(workers, "IDLE_POLL_S", 30.0)
    monkeypatch.setattr(workers, "PREFETCH", 0)
    turns = 0
    turn = workers.LaneWorker._turn

    async def counted(worker: workers.LaneWorker) -> float:
        nonlocal turns
        turns += 1
        return await turn(worker)

    monkeypatch.setattr(workers.LaneWorker, "_turn", counted)
    sending: list[Head] = []
    let_go = asyncio.Event()

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        sending.append(head)
        await let_go.wait()
        return Finish(verdict="ok")

    async with running(store, send, concurrency=2) as worker:
        await until(lambda: worker.healthy)
        await _write(store, "first")
        if promised:
            assert worker.reserve()
        else:
            await _write(store, "second")
        worker.ring()
        taken = 1 if promised else 2
        await until(lambda: len(sending) == taken)
        await _write(store, "waits")
        before = turns
        for _ in range(20):
            worker.ring()
            await asyncio.sleep(0.01)
        assert turns - before <= 25, "one turn for each ring, and no more"
        assert len(sending) == taken
        if promised:
            worker.cancel_reservation()
        else:
            let_go.set()
        await until(lambda: len(sending) == taken + 1, 3, what="the free place used")
        let_go.set()
