"""Alarms of a real relay: told once when they begin and once when they are over, in every way that is configured."""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from tests.e2e.world import SANDBOXED, World
from tests.harness import RelayProcess, until

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, exact").decode()


class Receiver:
    """Somebody's webhook: it takes nothing that the public library does not verify."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.ids: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        found: Any = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        self.heard.append((found["type"], found["data"]["alarm"], found["data"]))
        self.ids.append(request.headers["webhook-id"])
        return web.Response(status=204)

    def of(self, alarm: str) -> list[str]:
        return [kind for kind, name, _ in self.heard if name == alarm]


async def test_an_unpaid_account_is_told_once_and_once_when_it_is_paid(relay_process: Any, session: Any) -> None:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/alarms/{key}", receiver.take)
    async with TestServer(app) as server:
        url = str(server.make_url("/alarms/canary-of-the-address"))
        config = {**SANDBOXED, "alarms": {"webhook": {"url": url, "secret": SECRET}}}
        relay: RelayProcess = relay_process(config)
        await relay.start()
        world = World(relay, session)
        await world.set_up()
        who = await world.person()
        await world.switch("shop", unpaid="402")
        await world.operator(who.number, "waits for the payment")
        await until(lambda: receiver.of("credentials"), what="the alarm at the webhook", timeout_s=30)
        (_, _, data) = receiver.heard[0]
        assert data["subject"] == "shop" and "shop" in data["text"] and data["count"] == 1

        async with session.get(f"{relay.address}/api/v1/status") as said:  # a demo of sandboxes needs no log-in
            status = await said.json()
        (alarm,) = status["alarms"]
        assert alarm["alarm"] == "credentials" and alarm["account"] == "shop" and alarm["since"]
        async with session.get(f"{relay.address}/metrics") as said:
            assert 'relay_alarms{account="shop",alarm="credentials"} 1.0' in await said.text()

        await world.switch("shop", unpaid="no")
        await world.answered(who, "waits for the payment")
        await until(lambda: "alarm.over" in receiver.of("credentials"), what="the end of it", timeout_s=30)
        assert receiver.of("credentials") == ["alarm.raised", "alarm.over"]
        assert len(set(receiver.ids)) == len(receiver.ids)
        async with session.get(f"{relay.address}/api/v1/status") as said:
            assert [a for a in (await said.json())["alarms"] if a["alarm"] == "credentials"] == []
        assert "canary-of-the-address" not in relay.log() and SECRET not in relay.log()
