"""A running sandbox, and a relay's hook address that remembers what came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bridges.team import TeamBridge
from bridges.team.client import Target, TeamClient
from bridges.team.sandbox.app import TeamSandbox
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, SANDBOX_TOKEN, TeamSettings
from relay.contract import RawRequest, SandboxOptions
from tests.bridges.support import SessionHttp, context
from tests.bridges.team.samples import KEY


@dataclass
class Hooks:
    """Answers hooks with the next of `statuses`, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[RawRequest] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        form: tuple[tuple[str, str], ...] = ()
        body = b""
        if request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
            form = tuple((k, v) for k, v in (await request.post()).items() if isinstance(v, str))
        else:
            body = await request.read()
        self.got.append(
            RawRequest(
                method="POST",
                tail="",
                headers={k.lower(): v for k, v in request.headers.items()},
                query={},
                body=body,
                content_type=request.content_type,
                form=form,
            )
        )
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, text="got it")


@dataclass
class Running:
    """A sandbox under a prefix, as a deployment mounts it."""

    url: str
    settings: TeamSettings
    http: SessionHttp
    session: aiohttp.ClientSession
    hooks: Hooks
    kit: Any

    @property
    def client(self) -> TeamClient:
        return TeamClient(self.http, Target(url=self.url, token=SANDBOX_TOKEN))

    @property
    def nobody(self) -> TeamClient:
        return TeamClient(self.http, Target(url=self.url))

    def bridge(self, **settings: Any) -> TeamBridge:
        values = {"kind": "team", "url": self.url, "key": KEY} | settings
        return TeamBridge(TeamSettings.model_validate(values), context("sales", self.url))

    async def switch(self, **values: Any) -> None:
        async with self.session.post(f"{self.url}/_sandbox/switches", json=values) as answer:
            assert answer.status == 200, await answer.text()

    async def act(self, name: str, /, **values: Any) -> Any:
        async with self.session.post(f"{self.url}/_sandbox/act/{name}", json=values) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def state(self) -> Any:
        async with self.session.get(f"{self.url}/_sandbox/state") as answer:
            return await answer.json()

    async def texts(self, chat: str = SANDBOX_GROUP) -> list[str]:
        return [message["text"] for message in (await self.state())["messages"] if message["chat"] == chat]

    async def settle(self) -> list[dict[str, str]]:
        """The fields of all hooks, once none is under way."""
        await self.kit.hooks.settle()
        return [dict(request.form) for request in self.hooks.got]

    async def raw(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """(status, JSON) of one plain request as the token's user."""
        headers = {"token": SANDBOX_TOKEN} | more.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **more) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def sandbox() -> AsyncIterator[Running]:
    hooks = Hooks()
    relay = web.Application()
    relay.router.add_post("/hooks/sales", hooks.take)
    relay_server = TestServer(relay)
    await relay_server.start_server()
    hooks.url = str(relay_server.make_url("/hooks/sales"))

    # The port is known only once a server runs, the address only once there is a port: reserve one first.
    holder = TestServer(web.Application())
    await holder.start_server()
    port = holder.port
    await holder.close()
    assert port is not None

    url = f"http://127.0.0.1:{port}/sandbox/sales"
    settings = TeamSettings.model_validate({"kind": "team", "url": "sandbox", "key": KEY, "team": SANDBOX_TEAM})
    known = settings.model_copy(update={"token": SecretStr(SANDBOX_TOKEN)})  # the owner's, whom tests play
    built = TeamSandbox(SandboxOptions(name="sales", base_url=url, settings=known, hooks={"": hooks.url}, seed=7))
    app = web.Application()
    app.add_subapp("/sandbox/sales", built.kit.app)
    server = TestServer(app, port=port)
    await server.start_server()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Running(url, settings, SessionHttp(session), session, hooks, built.kit)
    await server.close()
    await relay_server.close()
