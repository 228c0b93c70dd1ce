"""An answer in two parts: the channel takes the first and refuses the second, which makes it a dead letter and tells
the desk. Then the channel reports that it could not deliver the first part either: the desk was told of the same answer
a second time."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.harness import Arrival, Customer, Panel, RelayProcess, Reply, Sink, deployment, insta_report, sinks, until

LONG = "yes " * 400


def _notices(panel: Sink) -> list[str]:
    return [a.text for a in panel.ledger.taken if a.conversation < 0]


async def test_a_report_about_a_dead_letter_is_no_news(tmp_path: Path) -> None:
    async with sinks("insta", "operator") as (shop, panel), aiohttp.ClientSession() as session:
        came: list[Arrival] = []

        def script(a: Arrival) -> Reply | None:
            came.append(a)
            return Reply(status=422) if len(came) == 2 else None

        shop.script = script
        async with RelayProcess(tmp_path, deployment(shop.account(), panel.account(), provision=False)) as relay:
            assert await Customer(session, relay.hooks["shop"]).write(0)
            await panel.arrived(1)
            assert await Panel(session, relay.hooks["panel/message"]).answer(1, LONG) == 200
            await until(lambda: len(_notices(panel)) == 1, what="the desk told of the refused part")
            assert len(came) == 2
            report = insta_report(came[0].queue_id, "fail")
            async with session.post(relay.hooks["shop"], json=report) as answer:
                assert answer.status == 200
            # What is told goes through the conversation's lane, in front of a message that is written afterwards.
            await Customer(session, relay.hooks["shop"], first_user=1000, run="later").write(0, "later")
            await panel.got("later")
            assert len(_notices(panel)) == 1
            listed = await relay.cli("dead", "list", "--json")
            assert len(listed.json) == 1
