"""The hooks' status codes over real HTTP, with a scripted acceptance: nothing is 200 before it is durable."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
import orjson
import pytest
import yarl
from hiredis import ReplyError

from relay.contract.errors import StoreUnavailable
from relay.inbound import wrong_keys
from relay.inbound.bodies import limits
from relay.inbound.intake import AnsweredMeanwhile, NoSuchContact, Taken
from tests.harness import PANEL_HOOK_TOKEN, TEAM_KEY
from tests.unit.inbound.door import ANSWER, MESSAGE, Door, Script


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
    monkeypatch.setattr(limits, "SILENCE_S", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.5)

    status, said, _ = await door.post(door.path("shop"), data=slow(), headers={"Content-Type": "application/json"})
    assert status == 408 and said["ok"] is False


async def test_wrong_keys_really_wait_and_the_right_one_is_not_locked_out(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_keys, "AT_ONCE", 5)
    monkeypatch.setattr(wrong_keys, "PER_S", 10.0)
    monkeypatch.setattr(wrong_keys, "QUEUE", 4)
    address = door.path("panel/message")
    guesses = [door.post(address, data={**ANSWER, "token": f"guess-{i}"}) for i in range(40)]
    began = time.monotonic()
    answers = await asyncio.gather(*guesses)
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {401, 429}
    looked_at = statuses.count(401)
    assert looked_at <= 5 + 4 + (time.monotonic() - began) * 10 + 1, "beyond its turn a key is not even looked at"
    assert all(int(headers["Retry-After"]) > 0 for status, _, headers in answers if status == 429)
    began = time.monotonic()
    assert (await door.post(address, data=ANSWER))[0] == 200, "who has the right key waits its turn, and is let in"
    assert time.monotonic() - began < 2
    began = time.monotonic()
    assert (await door.post(door.path("shop"), json=MESSAGE))[0] == 200
    assert (await door.post(door.path("sales"), data={"text": "#1 x"}, headers={"key": TEAM_KEY}))[0] == 200
    assert time.monotonic() - began < 0.5, "other accounts are not concerned"


async def test_hooks_of_a_channel_with_a_wrong_secret_are_counted_and_told_once_with_the_remedy(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        assert (await door.post(door.path("shop") + "x", json=MESSAGE))[0] == 404
    lines = [r.getMessage() for r in caplog.records if "wrong secret" in r.getMessage()]
    assert len(lines) == 1 and "127.0.0.1" in lines[0] and "relay provision" in lines[0]
    assert b'relay_hooks_refused_total{account="shop",why="wrong_secret"} 30.0' in door.metrics.text()


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
