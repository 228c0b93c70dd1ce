from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridges.insta import InstaBridge
from bridges.insta.client import InstaClient
from bridges.insta.settings import InstaSettings
from relay.contract import RawRequest, SandboxOptions
from relay.contract.model import Attachment, Contact, Content, Delivery, Kind
from tests.bridges.support import SessionHttp, context, fetch_anywhere

URL = "https://api.getloo.ru/insta"
TOKEN = "G23SF-AKFH5-H390S-HDRJS-Y5U43"  # the document's sample
CONTACT = Contact(id=42, channel="shop", remote_id="47367670001", username="anna.travels", name="Анна")


def settings(**changes: Any) -> InstaSettings:
    return InstaSettings.model_validate({"kind": "insta", "url": URL, "token": TOKEN, **changes})


def make_bridge(url: str = URL, **changes: Any) -> InstaBridge:
    return InstaBridge(settings(**changes), context("shop", url))


@pytest.fixture
def bridge() -> InstaBridge:
    return make_bridge()


def hook(
    body: bytes = b"", content_type: str = "application/json", form: tuple[tuple[str, str], ...] = ()
) -> RawRequest:
    return RawRequest(
        method="POST", tail="<secret>", headers={}, query={}, body=body, content_type=content_type, form=form
    )


def answer(
    text: str = "", *files: Attachment, options: tuple[str, ...] = (), comment_id: str = "", kind: Kind = Kind.ANSWER
) -> Delivery:
    content = Content(text=text, attachments=files, options=options)
    return Delivery(id="d1", destination="shop", kind=kind, contact=CONTACT, content=content, comment_id=comment_id)


@dataclass
class Relay:
    """Stands where the relay's hook would be, and writes down what it is told."""

    statuses: list[int] = field(default_factory=list)
    requests: list[RawRequest] = field(default_factory=list)
    url: str = ""

    async def receive(self, request: web.Request) -> web.Response:
        if request.content_type == "application/x-www-form-urlencoded":
            form = tuple((k, v) for k, v in (await request.post()).items() if isinstance(v, str))
            self.requests.append(hook(content_type=request.content_type, form=form))
        else:
            self.requests.append(hook(await request.read(), request.content_type))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response({"ok": status == 200}, status=status)


@dataclass
class FarSide:
    """The sandbox on a port, a client of it, and the relay's hook it writes to."""

    url: str
    relay: Relay
    session: aiohttp.ClientSession
    bridge: InstaBridge
    http: SessionHttp

    @property
    def client(self) -> InstaClient:
        return self.bridge.client(self.http)

    async def act(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.url}/_sandbox/act/{name}", json=arguments) as response:
            said: dict[str, Any] = await response.json()
            assert response.status == 200, said
            return said

    async def switch(self, **changes: Any) -> None:
        async with self.session.post(f"{self.url}/_sandbox/switches", json=changes) as response:
            assert response.status == 200, await response.text()

    async def state(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/_sandbox/state") as response:
            state: dict[str, Any] = await response.json()
            return state

    def events(self) -> list[Any]:
        """What the bridge makes of the hooks that came, in order."""
        return [e for r in self.relay.requests for e in self.bridge.parse(self.bridge.verify(r))]


@asynccontextmanager
async def start_far_side(seed: int | None = 1) -> AsyncIterator[FarSide]:
    relay = Relay()
    outside = web.Application()
    outside.router.add_post("/hooks/shop/secret", relay.receive)
    outer = web.Application()
    async with TestServer(outside) as hooks, aiohttp.ClientSession() as session:
        relay.url = str(hooks.make_url("/hooks/shop/secret"))
        server = TestServer(outer)
        # The sandbox must know its own address before it is built: TestServer takes a port at the start only.
        port = _free_port()
        server.port = port
        base_url = f"http://127.0.0.1:{port}/sandbox/shop"
        account = settings(url="sandbox")
        options = SandboxOptions(
            name="shop",
            base_url=base_url,
            settings=account,
            hooks={"<secret>": relay.url},
            seed=seed,
            fetch=fetch_anywhere,
        )
        outer.add_subapp("/sandbox/shop", InstaBridge.sandbox(options).app)
        async with server:
            yield FarSide(
                url=base_url,
                relay=relay,
                session=session,
                bridge=InstaBridge(account, context("shop", base_url)),
                http=SessionHttp(session),
            )


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture
async def far() -> AsyncIterator[FarSide]:
    async with start_far_side() as far:
        yield far
