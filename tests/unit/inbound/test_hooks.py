"""The hooks' status codes over real HTTP, with a scripted acceptance: nothing is 200 before it is durable."""

from __future__ import annotations

import asyncio
import email.utils
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import orjson
import pytest
import yarl
from aiohttp import web
from hiredis import ReplyError

import bridges
from relay.config.load import load
from relay.contract.errors import StoreUnavailable
from relay.inbound import bodies
from relay.inbound.front import Front
from relay.inbound.hooks import WRONG_A_MINUTE, Hooks
from relay.inbound.intake import AnsweredMeanwhile, NoSuchContact, Taken
from relay.observe.metrics import Metrics
from relay.routing.accounts import Accounts, build
from relay.texts.templates import Templates
from tests.harness import INSTA_TOKEN, PANEL_HOOK_TOKEN, PANEL_TOKEN, SECRET_KEY, TEAM_KEY, insta_message

CONFIG = f"""
secret_key: {SECRET_KEY}
channels:
  shop: {{kind: insta, url: "http://other.example.com/insta", token: {INSTA_TOKEN}}}
desks:
  panel: {{kind: operator, url: "http://other.example.com", token: {PANEL_TOKEN}, webhook_token: {PANEL_HOOK_TOKEN}}}
  sales: {{kind: team, url: "http://other.example.com", key: {TEAM_KEY}}}
routes: [{{channel: shop, desks: [panel, sales]}}]
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


@dataclass
class Door:
    """The relay's front door: addresses, what is behind it, a client."""

    session: aiohttp.ClientSession
    base: str
    accounts: Accounts
    intake: Script
    spool: Path

    def path(self, name: str, tail: str = "") -> str:
        account = name.partition("/")[0]
        secret = self.accounts.by_name[account].secrets[0] if account == "shop" else ""
        return self.base + "/hooks/" + "/".join(p for p in (name, secret, tail) if p)

    async def post(self, url: str | yarl.URL, **request: Any) -> tuple[int, dict[str, Any], Any]:
        async with self.session.post(url, **request) as response:
            return response.status, await response.json(), response.headers


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    (tmp_path / "config.yaml").write_text(CONFIG)
    kinds = {b.spec.kind: b for b in bridges.ALL}
    config = load(tmp_path / "config.yaml", {k: b.spec for k, b in kinds.items()})
    origin = "http://127.0.0.1:1"
    accounts = build(config, kinds, Templates("en"), keys=(NEW, OLD), local_origin=origin, public_url=origin)
    spool = tmp_path / "spool"
    spool.mkdir()
    intake = Script()
    hooks = Hooks(accounts, cast("Any", intake), {}, Metrics(), max_body=200_000, spool=spool)
    app = web.Application(client_max_size=200_000)
    hooks.add_routes(app)
    front = Front(app, hooks, shutdown_timeout=1.0)
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        await front.start(listening)
        async with aiohttp.ClientSession() as session:
            yield Door(session, "http://{}:{}".format(*listening.getsockname()), accounts, intake, spool)
    finally:
        await front.stop()


async def test_accepted(door: Door) -> None:
    assert (await door.post(door.path("shop"), json=MESSAGE))[:2] == (200, {"ok": True})
    assert (await door.post(door.path("panel/message"), data=ANSWER))[:2] == (200, {"ok": True})
    group = {"chat": "g", "sender": "d", "created": "t", "text": "#42 hi"}
    assert (await door.post(door.path("sales"), data=group, headers={"key": TEAM_KEY}))[:2] == (200, {"ok": True})
    assert [name for name, _, _ in door.intake.taken] == ["shop", "panel", "sales"]
    assert orjson.loads(door.intake.taken[0][2]) == MESSAGE, "the raw body is kept"
    assert all(PANEL_HOOK_TOKEN.encode() not in raw for _, _, raw in door.intake.taken), "without its token"


@pytest.mark.parametrize("how", ["as it is", "encoded", "with Expect", "with a query"])
async def test_the_same_hook_however_its_address_is_written(door: Door, how: str) -> None:
    path = door.path("shop")
    if how == "encoded":
        path = path.replace("/hooks/shop", "/hook%73/%73hop")
    elif how == "with a query":
        path += "?a=b"
    expects = {"expect100": True} if how == "with Expect" else {}
    assert (await door.post(yarl.URL(path, encoded=True), json=MESSAGE, **expects))[:2] == (200, {"ok": True})
    assert [name for name, _, _ in door.intake.taken] == ["shop"]


@pytest.mark.parametrize("path", ["/hooks", "/hooks/", "/hooks/nobody", "/hooks/shop", "/hooks/shop/a/b", "/hooks//x"])
async def test_addresses_that_are_none(door: Door, path: str) -> None:
    async with door.session.post(yarl.URL(door.base + path, encoded=True), json=MESSAGE) as response:
        assert response.status == 404
    assert not door.intake.taken


async def test_the_answer_waits_for_the_store(door: Door) -> None:
    door.intake.wait = asyncio.Event()
    asking = asyncio.create_task(door.post(door.path("shop"), json=MESSAGE))
    done, _ = await asyncio.wait({asking}, timeout=0.1)
    assert not done, "nothing is 200 before it is durable"
    door.intake.wait.set()
    assert (await asking)[0] == 200


@pytest.mark.parametrize("error", [StoreUnavailable("frozen"), ReplyError("NOSCRIPT who?")])
async def test_a_store_that_is_away(door: Door, error: Exception) -> None:
    door.intake.error = error
    for hook, request in (("shop", {"json": MESSAGE}), ("panel/message", {"data": ANSWER})):
        status, said, headers = await door.post(door.path(hook), **cast("Any", request))
        assert (status, said["ok"]) == (503, False) and int(headers["Retry-After"]) > 0
        assert "frozen" not in said["error"], "what is inside is nobody's business outside"


async def test_an_answer_to_nobody(door: Door) -> None:
    door.intake.error = NoSuchContact(42)
    status, said, _ = await door.post(door.path("panel/message"), data=ANSWER)
    assert status == 404 and "42" in said["error"]


async def test_an_answer_that_another_one_was_quicker_than(door: Door) -> None:
    door.intake.error = AnsweredMeanwhile("m7")
    status, said, _ = await door.post(door.path("panel/message"), data=ANSWER | {"client_id": "c1", "after": "m3"})
    assert (status, said["ok"], said["newest"]) == (412, False, "m7")
    assert "force" in said["error"]
    door.intake.error = None
    assert (await door.post(door.path("panel/message"), data=ANSWER | {"client_id": "c1"}))[:2] == (
        200,
        {"ok": True, "id": "m1"},
    )
    assert (await door.post(door.path("panel/message"), data=ANSWER))[1] == {"ok": True}


async def test_secrets_rotate_and_everything_else_is_a_plain_404(door: Door) -> None:
    new, old = door.accounts.by_name["shop"].secrets
    assert new != old
    for secret in (new, old):
        assert (await door.post(f"{door.base}/hooks/shop/{secret}", json=MESSAGE))[0] == 200
    said = []
    for path in ("shop/wrong", f"shop/{new}x", f"shop/{new[:-1]}", "shop", "nobody/x", "nobody"):
        status, answer, _ = await door.post(f"{door.base}/hooks/{path}", json=MESSAGE)
        assert status == 404
        said.append(answer)
    assert all(answer == said[0] for answer in said), "a stranger learns nothing"


@pytest.mark.parametrize(
    ("hook", "request_", "status"),
    [
        ("sales", {"data": {"text": "x"}}, 401),
        ("sales", {"data": {"text": "x"}, "headers": {"key": TEAM_KEY + "x"}}, 401),
        ("sales", {"data": {"text": "x"}, "headers": {"key": "ключ".encode().decode("latin-1")}}, 401),
        ("panel/message", {"data": {**ANSWER, "token": ""}}, 401),
        ("panel/user", {"data": {"token": "wrong", "user_id": "1"}}, 401),
        ("panel/media", {"json": {"user_id": 1}}, 401),
        ("panel/nothing", {"data": ANSWER}, 404),
        ("panel", {"data": ANSWER}, 404),
        ("sales/more", {"data": {"text": "x"}, "headers": {"key": TEAM_KEY}}, 404),
        ("sales", {"data": b"", "headers": {"key": TEAM_KEY}}, 400),
        ("panel/message", {"data": {**ANSWER, "contact_id": "abc"}}, 400),
        ("shop", {"data": b"{"}, 400),
    ],
)
async def test_status_codes(door: Door, hook: str, request_: dict[str, Any], status: int) -> None:
    found, said, _ = await door.post(door.path(hook), **request_)
    assert (found, said["ok"]) == (status, False) and len(said["error"]) > 10
    assert door.intake.taken == []


async def test_too_large_however_it_comes(door: Door) -> None:
    big = b"x" * 250_000

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 25_000

    def form() -> aiohttp.FormData:
        made = aiohttp.FormData()
        for name, value in ANSWER.items():
            made.add_field(name, value)
        made.add_field("attach", big, filename="a.png", content_type="image/png")
        return made

    cases: Sequence[tuple[str, dict[str, Any]]] = [
        ("shop", {"data": big}),
        ("shop", {"data": pieces()}),
        ("panel/message", {"data": form()}),
        ("sales", {"data": {"text": "x" * 250_000}, "headers": {"key": TEAM_KEY}}),
    ]
    for hook, request in cases:
        status, said, _ = await door.post(door.path(hook), **request)
        assert status == 413 and "200000" in said["error"]
    assert door.intake.taken == [] and list(door.spool.iterdir()) == [], "nothing stays on the disk"


async def test_spooled_files_are_there_while_taken_and_gone_after(door: Door) -> None:
    form = aiohttp.FormData()
    for name, value in ANSWER.items():
        form.add_field(name, value)
    form.add_field("attach", b"\x89PNG....", filename="a.png", content_type="image/png")
    seen: list[bytes] = []

    class Reading(Script):
        async def take(self, connection: Any, event: Any, raw: bytes) -> Taken:
            seen.extend(u.path.read_bytes() for u in event.uploads)
            return Taken(what="accepted")

    door.intake.__class__ = Reading
    assert (await door.post(door.path("panel/message"), data=form))[0] == 200
    assert seen == [b"\x89PNG...."] and list(door.spool.iterdir()) == []


async def test_a_body_that_does_not_come(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_TIME_S", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.5)

    status, said, _ = await door.post(door.path("shop"), data=slow(), headers={"Content-Type": "application/json"})
    assert status == 408 and said["ok"] is False


async def test_many_wrong_keys_and_then_the_right_one(door: Door) -> None:
    wrong = door.path("shop") + "x"
    statuses = [(await door.post(wrong, json={}))[0] for _ in range(WRONG_A_MINUTE + 5)]
    assert statuses == [404] * WRONG_A_MINUTE + [429] * 5
    status, _, headers = await door.post(door.path("panel/message"), data={"token": "wrong"})
    assert status == 429 and int(headers["Retry-After"]) > 0
    assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200, "who has the right key is not held up"


async def test_only_posts(door: Door) -> None:
    for method in ("GET", "PUT", "DELETE"):
        async with door.session.request(method, door.path("shop")) as response:
            assert response.status == 405


async def spoken(door: Door, head: str) -> bytes:
    """Everything that comes back on one connection to hooks sent one behind the other, the last with `head`."""
    url = yarl.URL(door.path("shop"))
    body = orjson.dumps(MESSAGE)
    start = (
        f"POST {url.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    reader, writer = await asyncio.open_connection(url.host, url.port)
    for headers in (start, start, head.join(start.split("HTTP/1.1\r\n"))):
        writer.write(headers.encode() + b"\r\n" + body)
    answers = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answers


@pytest.mark.parametrize("head", ["HTTP/1.1\r\nConnection: close\r\n", "HTTP/1.0\r\n"])
async def test_every_hook_of_a_connection_is_answered_and_the_last_one_closes_it(door: Door, head: str) -> None:
    answers = await spoken(door, head)
    assert len(door.intake.taken) == 3
    assert answers.count(b" 200 OK\r\n") == 3
    assert answers.count(b'\r\n\r\n{"ok":true}') == 3
    date = email.utils.parsedate_to_datetime(answers.partition(b"\r\nDate: ")[2].partition(b"\r\n")[0].decode())
    assert abs((datetime.now(UTC) - date).total_seconds()) < 5


async def test_a_sender_that_hangs_up_before_its_answer_harms_nobody(door: Door) -> None:
    door.intake.wait = asyncio.Event()
    url = yarl.URL(door.path("shop"))
    body = orjson.dumps(MESSAGE)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST {url.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    await asyncio.sleep(0.1)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    door.intake.wait.set()
    assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200
