"""A sandboxed messenger over real HTTP with a relay of a few lines behind its callback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridges.astrak import AstrakBridge
from bridges.astrak.client import AstrakClient
from bridges.astrak.settings import AstrakSettings
from relay.contract import RawRequest, SandboxOptions
from relay.contract.errors import MalformedPayload
from relay.contract.model import Contact, Content, Delivery, Event, Incoming, Kind, Outcome
from tests.bridges.support import DictMemory, SessionHttp, context

URL = "https://astrak.example.com/api"
PASSWORD = "canary-password-1"
HOOK = "/hooks/messenger/canary-path-secret"
ANNA, BORIS, OLGA = 2, 3, 4  # the sandbox's first customers; 1 is the business account


def account(url: str = URL, **changes: Any) -> AstrakBridge:
    given = {"kind": "astrak", "url": URL, "username": "shop", "password": PASSWORD, **changes}
    return AstrakBridge(AstrakSettings.model_validate(given), context("messenger", url))


@dataclass
class Relay:
    """The relay's hook: the bridge reads what is posted."""

    bridge: AstrakBridge | None = None
    seen: list[RawRequest] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    status: int = 200

    async def hook(self, request: web.Request) -> web.Response:
        is_json = request.content_type == "application/json"
        raw = RawRequest(
            method="POST",
            tail="<secret>",
            headers={k.lower(): v for k, v in request.headers.items()},
            query=dict(request.query),
            body=await request.read() if is_json else b"",
            content_type=request.content_type,
            form=() if is_json else tuple((k, str(v)) for k, v in (await request.post()).items()),
        )
        if self.status != 200:
            return web.Response(status=self.status)
        self.seen.append(raw)
        assert self.bridge is not None
        try:
            self.events += self.bridge.parse(self.bridge.verify(raw))
        except MalformedPayload as e:
            return web.json_response({"ok": False, "error": str(e)}, status=400)
        return web.json_response({"ok": True})


@dataclass
class Far:
    """A sandbox under a prefix, as the relay mounts it."""

    url: str
    hook: str
    relay: Relay
    session: aiohttp.ClientSession
    http: SessionHttp
    memory: DictMemory = field(default_factory=DictMemory)

    def bridge(self, **changes: Any) -> AstrakBridge:
        """A relay process's own bridge; the hook reads with the newest one."""
        self.relay.bridge = account(self.url, **changes)
        return self.relay.bridge

    def client(self) -> AstrakClient:
        return AstrakClient(self.http, self.url)

    async def act(self, name: str, **arguments: Any) -> Any:
        async with self.session.post(f"{self.url}/_sandbox/act/{name}", json=arguments) as answer:
            return await answer.json()

    async def switch(self, **changes: Any) -> None:
        async with self.session.post(f"{self.url}/_sandbox/switches", json=changes) as answer:
            assert answer.status == 200, await answer.text()

    async def state(self) -> Any:
        async with self.session.get(f"{self.url}/_sandbox/state") as answer:
            return await answer.json()

    async def texts(self, user_id: int) -> list[str]:
        """What the business account has said to a user."""
        return [m["text"] for m in (await self.state())["messages"] if (m["from_id"], m["to_id"]) == (1, user_id)]

    async def send(self, bridge: AstrakBridge, text: str, to: int = ANNA, **more: Any) -> list[Outcome]:
        """All parts of an answer, as the core would send them."""
        what = answer(text, to, **more)
        return [await bridge.send(what, part, self.http, self.memory) for part in bridge.fit(what)]

    def said(self) -> list[str]:
        return [e.content.text for e in self.relay.events if isinstance(e, Incoming)]

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.01)


def answer(text: str, to: int = ANNA, kind: Kind = Kind.ANSWER, **more: Any) -> Delivery:
    contact = Contact(id=42, channel="messenger", remote_id=str(to))
    content = Content(text=text, attachments=more.pop("files", ()), options=more.pop("options", ()))
    return Delivery(id="d1", destination="messenger", kind=kind, contact=contact, content=content, **more)


@asynccontextmanager
async def far_side(seed: int | None = 1) -> AsyncIterator[Far]:
    relay_app, far_app = web.Application(), web.Application()
    relay_server, far_server = TestServer(relay_app), TestServer(far_app)
    relay = Relay()
    relay_app.router.add_post(HOOK, relay.hook)
    await relay_server.start_server()
    options = SandboxOptions(
        name="messenger",
        base_url="http://far.invalid",
        settings=account().settings,
        seed=seed,
        posts_to=lambda url: url.startswith(str(relay_server.make_url("/"))),
    )
    far_app.add_subapp("/sandbox/messenger", AstrakBridge.sandbox(options).app)
    await far_server.start_server()
    try:
        async with aiohttp.ClientSession() as session:
            hook = str(relay_server.make_url(HOOK))
            yield Far(str(far_server.make_url("/sandbox/messenger")), hook, relay, session, SessionHttp(session))
    finally:
        await far_server.close()
        await relay_server.close()


def as_json(value: Any) -> RawRequest:
    """A callback in JSON."""
    return RawRequest(
        method="POST",
        tail="<secret>",
        headers={},
        query={},
        body=json.dumps(value).encode(),
        content_type="application/json",
    )
