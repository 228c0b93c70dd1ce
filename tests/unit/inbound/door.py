"""The relay's front door with its real bridges, over real HTTP, and a scripted acceptance behind it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import yarl
from aiohttp import web

import bridges
from relay.config.load import load
from relay.contract import ContactProfile
from relay.contract.model import Attachment
from relay.inbound.bodies import Budget, Spool
from relay.inbound.front import Front
from relay.inbound.hooks import Hooks
from relay.inbound.intake import Taken
from relay.observe.metrics import Metrics
from relay.routing.accounts import Accounts, build
from relay.texts.templates import Templates
from tests.harness import INSTA_TOKEN, PANEL_HOOK_TOKEN, PANEL_TOKEN, SECRET_KEY, TEAM_KEY, insta_message

CONFIG = f"""
secret_key: {SECRET_KEY}
channels:
  shop: {{kind: insta, url: "http://other.example.com/insta", token: {INSTA_TOKEN}}}
  chat: {{kind: astrak, url: "http://other.example.com", username: u, password: a-password-of-ours}}
desks:
  panel: {{kind: operator, url: "http://other.example.com", token: {PANEL_TOKEN}, webhook_token: {PANEL_HOOK_TOKEN}}}
  sales: {{kind: team, url: "http://other.example.com", key: {TEAM_KEY}}}
routes:
  - {{channel: shop, desks: [panel, sales]}}
  - {{channel: chat, desks: [panel, sales]}}
"""
NEW, OLD = "the new key, the new key, the new", "the old key, the old key, the old"
MESSAGE = insta_message(1, "q1", "hello")
ANSWER = {"token": PANEL_HOOK_TOKEN, "user_id": "1", "contact_id": "42", "message": "hi"}


@dataclass
class Script:
    """An intake that does as it is told, and remembers."""

    error: Exception | None = None
    wait: asyncio.Event | None = None
    taken: list[tuple[str, Any, bytes]] = field(default_factory=list)

    async def take(self, connection: Any, event: Any, raw: bytes) -> Taken:
        if self.wait is not None:
            await self.wait.wait()
        if self.error is not None:
            raise self.error
        self.taken.append((connection.name, event, raw))
        return Taken(what="accepted", message_id="m1")


class Nobody:
    """A panel that asks is told that there is no such person, and no file."""

    async def profile(self, contact_id: int) -> ContactProfile | None:
        return None

    async def media(self, contact_id: int, limit: int = 100) -> Sequence[Attachment]:
        return ()


@dataclass
class Door:
    """The relay's front door: addresses, what is behind it, a client."""

    session: aiohttp.ClientSession
    base: str
    accounts: Accounts
    intake: Script
    spool: Path
    metrics: Metrics
    front: Front
    budget: Budget

    def path(self, name: str, tail: str = "") -> str:
        account = name.partition("/")[0]
        secret = self.accounts.by_name[account].secrets[0] if account in ("shop", "chat") else ""
        return self.base + "/hooks/" + "/".join(p for p in (name, secret, tail) if p)

    async def speak(self, *packets: bytes, pause_s: float = 0.02) -> tuple[int, bytes]:
        """Send these packets over a connection of its own, and read one answer: its status and its body."""
        url = yarl.URL(self.base)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        try:
            for packet in packets:
                writer.write(packet)
                await writer.drain()
                await asyncio.sleep(pause_s)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            body = await reader.readexactly(int(found[1])) if found else b""
            return int(head.split()[1]), body
        finally:
            writer.close()

    async def post(self, url: str | yarl.URL, **request: Any) -> tuple[int, dict[str, Any], Any]:
        async with self.session.post(url, **request) as response:
            return response.status, await response.json(), response.headers


@asynccontextmanager
async def open_door(tmp_path: Path) -> AsyncIterator[Door]:
    (tmp_path / "config.yaml").write_text(CONFIG)
    kinds = {b.spec.kind: b for b in bridges.ALL}
    config = load(tmp_path / "config.yaml", {k: b.spec for k, b in kinds.items()})
    origin = "http://127.0.0.1:1"
    accounts = build(config, kinds, Templates("en"), keys=(NEW, OLD), local_origin=origin, public_url=origin)
    spool = tmp_path / "spool"
    spool.mkdir()
    spooling = Spool(spool)
    intake = Script()
    metrics = Metrics()
    hooks = Hooks(
        accounts, cast("Any", intake), {"panel": Nobody()}, metrics, max_body=200_000, max_file=200_000, spool=spooling
    )
    app = web.Application(client_max_size=200_000)
    hooks.add_routes(app)
    front = Front(app, hooks, shutdown_timeout=1.0)
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        await front.start(listening)
        async with aiohttp.ClientSession() as session:
            yield Door(
                session,
                "http://{}:{}".format(*listening.getsockname()),
                accounts,
                intake,
                spool,
                metrics,
                front,
                hooks.reader.budget,
            )
    finally:
        await front.stop()
