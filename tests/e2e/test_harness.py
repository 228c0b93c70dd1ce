"""The harness itself: a relay between sinks brings everything over, also when it is killed in between."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.harness import Arrival, Customer, Ledger, deployment, sinks, until


def _arrival(conversation: int, sequence: int) -> Arrival:
    return Arrival(
        at=0.0, method="", text="", fields={}, files={}, digest="", conversation=conversation, sequence=sequence
    )


async def test_tally() -> None:
    ledger = Ledger()
    for place in ((1, 0), (1, 2), (2, 0), (1, 1), (2, 0), (3, 5)):
        ledger.add(_arrival(*place))
    found = ledger.tally({1: [0, 1, 2, 3], 2: [0], 4: [7]}, dead=[(4, 7)])
    assert (found.lost, found.out_of_order, found.doubled) == (((1, 3),), ((1, 1),), ((2, 0),))
    assert not found.clean


async def test_over_a_kill(relay_process: Any, session: aiohttp.ClientSession) -> None:
    async with sinks("insta", "operator", "team") as (shop, panel, sales):
        relay = relay_process(deployment(shop.account(), panel.account(), sales.account()))
        await relay.start()
        customer = Customer(session, relay.hooks["shop"], retry=True)
        await customer.write_all(10, 5)
        relay.kill()
        await relay.start()
        await customer.write_all(10, 5)
        for desk in (panel, sales):
            tally = await desk.complete(customer.acknowledged)
            assert tally.sent == 100
            # What was in flight at the kill, one message a conversation at most, may come twice.
            assert not tally.lost and not tally.out_of_order and len(tally.doubled) <= 10, str(tally)
        assert shop.webhook == relay.hooks["shop"]
        ran = await relay.cli("status", "--json")
        assert ran.code == 0 and ran.json["running"] and not ran.json["dead_letters"], ran.err
        stopped = await relay.stop()
        assert stopped.code == 0
        await until(lambda: not (relay.data_dir / "store" / "valkey.pid").exists(), what="the store stopped as well")
