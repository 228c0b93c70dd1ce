"""A long lane gives its slot back now and then. Its worker may take it again before the old turn has quite ended."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from relay.contract.model import Kind
from relay.outbound import lane_worker as workers
from relay.outbound.lane_worker import LaneWorker
from relay.store.records import Finish, Finished, Head, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.harness import StoreServer
from tests.unit.attempts import made_by


async def test_taken_again_before_the_old_turn_has_ended(
    store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both answers of the store come in one piece: what was claimed was forgotten, and the lane stood until the lease
    ended, six seconds."""
    monkeypatch.setattr(workers, "FAIR_SHARE", 1)
    store_server.command("FLUSHALL")
    store = Store(StoreAddress.parse(store_server.url))
    await store.start()
    sent: list[str] = []

    async def deliver(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        sent.append(head.delivery_id)
        return Finish(verdict="ok", progress=head.progress)

    worker = LaneWorker(store, "desk", made_by(deliver), name="w")
    finish, again = store.finish, 0

    async def finish_then_claim(*args: Any) -> Finished:
        nonlocal again
        finished = await finish(*args)
        for lane in (await store.claim("desk", "w", 1)).lanes:
            again += 1
            worker._start(lane, probing=False)
        return finished

    monkeypatch.setattr(store, "finish", finish_then_claim)
    try:
        for _ in range(5):
            message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": "x"}))
            await store.accept(message, ["desk"], channel="shop", remote_user="u")
        running = asyncio.create_task(worker.main())
        async with asyncio.timeout(store.lease_ms / 1000 - 1):
            while len(sent) < 5:
                await asyncio.sleep(0.01)
        running.cancel()
        assert len(set(sent)) == 5
        assert again
    finally:
        await store.stop()
