"""A sandboxed panel over real HTTP with a relay of a few lines behind its webhooks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridges.operator import OperatorBridge
from bridges.operator.client import OperatorClient
from bridges.operator.settings import Attaching
from relay.contract import RawRequest, SandboxOptions
from relay.contract.errors import VerificationFailed
from relay.contract.model import Answer, Upload
from tests.bridges.operator.conftest import TOKEN, settings
from tests.bridges.operator.test_answer import People
from tests.bridges.support import SessionHttp, context, fetch_anywhere

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@dataclass
class Relay:
    """The relay's hooks in the smallest form: the bridge reads what the panel posts."""

    bridge: OperatorBridge
    folder: Path
    answers: list[Answer] = field(default_factory=list)
    seen: list[RawRequest] = field(default_factory=list)
    status: int = 200

    async def hook(self, request: web.Request) -> web.Response:
        form: list[tuple[str, str]] = []
        uploads: list[Upload] = []
        body = b""
        if request.content_type == "application/json":
            body = await request.read()
        else:
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    path = self.folder / f"{len(self.seen)}-{name}"
                    path.write_bytes(value.file.read())
                    value.file.close()
                    size = path.stat().st_size
                    uploads.append(
                        Upload(field=name, filename=value.filename, mime=value.content_type, path=path, size=size)
                    )
                else:
                    form.append((name, str(value)))
        raw = RawRequest(
            method="POST",
            tail=request.match_info["tail"],
            headers={},
            query={},
            body=body,
            content_type=request.content_type,
            form=tuple(form),
            uploads=tuple(uploads),
        )
        self.seen.append(raw)
        try:
            verified = self.bridge.verify(raw)
        except VerificationFailed as e:
            return web.json_response({"ok": False, "error": str(e)}, status=401)
        if self.bridge.answers(raw.tail):
            status, value = await self.bridge.answer(verified, People())
            return web.json_response(value, status=status)
        if self.status != 200:
            return web.json_response({"ok": False, "error": "The conversation is closed."}, status=self.status)
        [event] = self.bridge.parse(verified)
        assert isinstance(event, Answer)
        self.answers.append(event)
        return web.json_response({"ok": True})


@dataclass
class Far:
    """A sandbox under a prefix, as the relay mounts it, with a relay behind its webhooks."""

    url: str
    relay: Relay
    session: aiohttp.ClientSession
    http: SessionHttp

    def client(self, token: str = TOKEN, attaching: Attaching = Attaching.BRACKETS) -> OperatorClient:
        return OperatorClient(self.http, self.url, token, attaching)

    async def act(self, name: str, **arguments: Any) -> Any:
        async with self.session.post(f"{self.url}/_sandbox/act/{name}", json=arguments) as answer:
            return await answer.json()

    async def switch(self, **changes: Any) -> None:
        async with self.session.post(f"{self.url}/_sandbox/switches", json=changes) as answer:
            assert answer.status == 200, await answer.text()

    async def state(self) -> Any:
        async with self.session.get(f"{self.url}/_sandbox/state") as answer:
            return await answer.json()

    async def user(self, user_id: int) -> Any:
        return next(u for u in (await self.state())["users"] if u["id"] == str(user_id))

    async def until(self, true: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(10):
            while not true(state := await self.state()):
                await asyncio.sleep(0.02)
        return state


@asynccontextmanager
async def far_side(folder: Path) -> AsyncIterator[Far]:
    relay_app, far_app = web.Application(client_max_size=64 * 1024**2), web.Application()
    relay_server, far_server = TestServer(relay_app), TestServer(far_app)
    relay = Relay(OperatorBridge(settings(), context("panel")), folder)
    relay_app.router.add_post("/hooks/panel/{tail}", relay.hook)
    await relay_server.start_server()
    hooks = {tail: str(relay_server.make_url(f"/hooks/panel/{tail}")) for tail in ("message", "user", "media")}
    options = SandboxOptions(
        name="panel",
        base_url="http://far.invalid/sandbox/panel",
        settings=settings(),
        hooks=hooks,
        seed=1,
        fetch=fetch_anywhere,
    )
    sandbox = OperatorBridge.sandbox(options)
    far_app.add_subapp("/sandbox/panel", sandbox.app)
    await far_server.start_server()
    try:
        async with aiohttp.ClientSession() as session:
            files = {"f1": PNG}
            yield Far(str(far_server.make_url("/sandbox/panel")), relay, session, SessionHttp(session, files))
    finally:
        await far_server.close()
        await relay_server.close()
