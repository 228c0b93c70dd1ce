"""Lanes whose worker never heard that it has them: the answer to its claim, or to the acceptance that gave it the lane,
was lost with the connection. They need not wait for their leases to end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson

from relay.contract.model import Kind
from relay.store.records import Claimed, Finish, Head, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.faulty import FaultyProxy
from tests.harness import StoreServer, until
from tests.unit.outbound.test_lane_worker import Far, put, running

LEASE_S = 30.0  # nobody here can wait for its end


async def _by_a_proxy(server: StoreServer, proxy: FaultyProxy) -> Store:
    server.command("FLUSHALL")
    store = Store(StoreAddress.parse(proxy.url), lease_s=LEASE_S)
    await store.start()
    return store


def _lose_the_answer_to(proxy: FaultyProxy, sha: bytes) -> list[bytes]:
    """Cuts the connection behind the next call of that script; what was cut is in the list."""
    cut: list[bytes] = []

    def choose(piece: bytes) -> Any:
        if sha in piece and not cut:
            cut.append(piece)
            return "after"
        return ""

    proxy.faults.choose = choose
    return cut


async def test_a_lost_claim_is_begun_at_once(store_server: StoreServer, tmp_path: Path) -> None:
    async with FaultyProxy(store_server.url, tmp_path) as proxy:
        store = await _by_a_proxy(store_server, proxy)
        far = Far()
        try:
            async with running(store, far.send) as worker:
                await until(lambda: worker.healthy)
                cut = _lose_the_answer_to(proxy, store.wire._shas["claim"])
                await put(store, "u1", "a")
                began = time.monotonic()
                worker.ring()
                await until(lambda: far.count == 1, 5)
                assert cut and time.monotonic() - began < 3
                assert far.taken_over == ["a"], "nobody knows that it was not sent"
        finally:
            await store.stop()


async def test_a_lost_acceptance_that_gave_a_lane_is_begun_at_once(store_server: StoreServer, tmp_path: Path) -> None:
    async with FaultyProxy(store_server.url, tmp_path) as proxy:
        store = await _by_a_proxy(store_server, proxy)
        far = Far()
        try:
            async with running(store, far.send) as worker:
                await until(lambda: worker.healthy)
                assert worker.reserve()
                cut = _lose_the_answer_to(proxy, store.wire._shas["accept"])
                message = NewMessage(
                    id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": "a"})
                )
                lost = await asyncio.gather(
                    store.accept(
                        message, ["desk"], channel="shop", remote_user="u1", worker=worker.name, handover_to=["desk"]
                    ),
                    return_exceptions=True,
                )
                assert cut and isinstance(lost[0], Exception)
                await until(lambda: store.wire.connected)
                await asyncio.sleep(0.1)
                worker.ring()
                await asyncio.sleep(0.3)
                assert far.count == 0, "a reserve is open: the lane might still come by it"
                worker.cancel_reservation()
                await until(lambda: far.count == 1, 3)
        finally:
            await store.stop()


async def test_what_it_knows_of_stays_as_it_is(store: Store) -> None:
    """Taking away what is being sent would send it twice."""
    for user in ("u1", "u2", "u3"):
        await put(store, user, "x")
    mine: Claimed = await store.claim("desk", "me", 2)
    theirs = await store.claim("desk", "other", 1)
    known, lost = mine.lanes
    assert await store.reclaim_lost_replies("desk", "me", [known.job]) == 1
    (again,) = (await store.claim("desk", "me", 5)).lanes
    assert again.job == lost.job and again.token != lost.token
    for lane in (known, *theirs.lanes):
        assert await _finish(store, lane) == "done"
    assert await _finish(store, lost) == "stale"


async def _finish(store: Store, lane: LeasedLane) -> str:
    head: Head | None = lane.head
    assert head is not None
    return (await store.finish("desk", lane, head.delivery_id, Finish(verdict="ok", progress=head.progress))).status
