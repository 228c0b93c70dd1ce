"""A running relay is given another configuration: what changes is applied without a pause, or nothing is."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.harness import RelayProcess, deployment, sinks, until
from tests.harness.payloads import insta_message

QUICK = {"retries": 2, "backoff": ["100ms", "200ms"], "timeout": "3s"}


async def test_a_desk_is_added_and_taken_out_and_nothing_is_lost(relay_process: Any, session: Any) -> None:
    async with sinks("insta", "operator", "team") as (shop, panel, sales):
        relay: RelayProcess = relay_process(deployment(shop.account(), panel.account(), None, delivery=QUICK))
        await relay.start()
        await _write(session, relay, "first")
        await panel.got("first")

        relay.config["desks"]["sales"] = sales.account()
        relay.config["routes"] = [{"channel": "shop", "desks": ["panel", "sales"]}]
        relay.write_config()
        ran = await relay.cli("reload")
        assert ran.code == 0, ran.err
        assert "sales: new, team" in ran.out and "route of shop: panel, sales (was panel)" in ran.out
        await _write(session, relay, "second")
        for desk in (panel, sales):
            await desk.got("second")
        assert await relay.readyz() == 200

        del relay.config["desks"]["panel"]
        relay.config["routes"] = [{"channel": "shop", "desks": ["sales"]}]
        relay.write_config()
        os.kill(relay.pid, signal.SIGHUP)  # without a terminal the same as `relay reload`
        await until(lambda: "panel: gone" in relay.log(), what="the reload in the log")
        await _write(session, relay, "third")
        await sales.got("third")
        assert not any("third" in arrival.text for arrival in panel.ledger.all)
        assert (await relay.stop()).code == 0


async def test_what_cannot_be_used_or_needs_a_restart_changes_nothing(relay_process: Any, session: Any) -> None:
    async with sinks("insta", "operator") as (shop, panel):
        relay: RelayProcess = relay_process(deployment(shop.account(), panel.account(), None, delivery=QUICK))
        await relay.start()
        right = relay.config_path.read_text()
        relay.config_path.write_text(right.replace("desks:", "dekss:", 1))
        ran = await relay.cli("reload")
        assert ran.code == 2 and 'did you mean "desks"?' in ran.err
        os.kill(relay.pid, signal.SIGHUP)
        await until(lambda: "the configuration was not taken over" in relay.log(), what="a line in the log")

        relay.config_path.write_text(right + "locale: ru\n")
        ran = await relay.cli("reload")
        assert ran.code == 1
        assert "nothing was changed" in ran.err
        assert "locale can only be changed by a restart" in ran.err
        await _write(session, relay, "still here")
        await panel.got("still here")

        relay.config_path.write_text(right)
        ran = await relay.cli("reload")
        assert (ran.code, "nothing differs" in ran.out) == (0, True)
        await relay.stop()
        ran = await relay.cli("reload")
        assert ran.code == 1 and "No relay runs on" in ran.err


async def _write(session: Any, relay: RelayProcess, text: str) -> None:
    async with session.post(relay.hooks["shop"], json=insta_message(7, text, text)) as answer:
        assert answer.status == 200, await answer.text()
