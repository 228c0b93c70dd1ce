"""The store's host sets its clock back by an hour. Due times were written by the old clock."""

from __future__ import annotations

import orjson
import pytest

from relay.contract.model import Kind
from relay.store.records import Finish, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, load_scripts, new_id
from tests.harness import StoreServer

HOUR_MS = 3600_000


def _shifted(by_ms: int) -> dict[str, str]:
    """The scripts on a server whose clock is wrong by so much."""
    return {
        name: source.replace("math.floor(t[2] / 1000)", f"math.floor(t[2] / 1000) + ({by_ms})")
        for name, source in load_scripts().items()
    }


async def _store(server: StoreServer, by_ms: int) -> Store:
    store = Store(StoreAddress.parse(server.url))
    store.wire._scripts = _shifted(by_ms)
    await store.start()
    return store


@pytest.mark.parametrize("delay_ms", [0, 5_000, 7_200_000])
async def test_lanes_do_not_wait_for_the_old_time(store_server: StoreServer, delay_ms: int) -> None:
    """What was due goes on at the next sweep; what was to wait waits as long as it was to, and not an hour more."""
    store_server.command("FLUSHALL")
    before, after = await _store(store_server, HOUR_MS), await _store(store_server, 0)
    try:
        message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": "x"}))
        await before.accept(message, ["desk"], channel="shop", remote_user="u")
        lane = (await before.claim("desk", "w", 1)).lanes[0]
        assert lane.head is not None
        await before.finish(
            "desk", lane, lane.head.delivery_id, Finish(verdict="retry", delay_ms=delay_ms, progress="0/0")
        )
        await before.sweep("desk")
        assert not (await after.claim("desk", "w", 1)).lanes
        await after.sweep("desk")
        claimed = await after.claim("desk", "w", 1)
        if delay_ms == 0:
            assert claimed.lanes
        else:
            assert not claimed.lanes
            assert delay_ms - 2000 <= claimed.next_due_ms - claimed.now_ms <= delay_ms + 2000
        await after.sweep("desk")  # once only
        assert (await after.claim("desk", "w", 1)).next_due_ms <= claimed.next_due_ms or delay_ms == 0
    finally:
        await before.stop()
        await after.stop()
