"""The front door: which requests are hooks that came whole, and what becomes of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from aiohttp import web

from relay.inbound import connections, front
from relay.inbound.complete_hooks import complete_hook
from relay.inbound.front import Front
from relay.inbound.replies import ACCEPTED, Reply, ReplyWriter, said

BODY = b'{"a":1}'


def request(
    body: bytes = BODY,
    *,
    start: bytes = b"POST /hooks/shop/secret HTTP/1.1",
    headers: tuple[bytes, ...] = (b"Host: x", b"Content-Type: application/json"),
    length: int | None = None,
) -> bytes:
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join((start, *headers, size, b"", body))


# --- which requests -------------------------------------------------------------------------------------------------


def test_a_hook_that_came_whole() -> None:
    hook = complete_hook(request(headers=(b"Host: x", b"KEY: k\xc3\xb6", b"content-TYPE: application/json")))
    assert hook is not None
    assert (hook.name, hook.tail, hook.body) == ("shop", "secret", BODY)
    assert hook.headers["key"] == "kö" and hook.headers["Content-Type"] == "application/json"
    empty = complete_hook(request(b"", start=b"POST /hooks/shop HTTP/1.1", headers=()))
    assert empty is not None and (empty.name, empty.tail, empty.body) == ("shop", "", b"")
    form = complete_hook(request(b"a=b", headers=(b"Content-Type: application/x-www-form-urlencoded",)))
    assert form is not None and form.body == b"a=b"


@pytest.mark.parametrize(
    "data",
    [
        request(start=b"GET /hooks/shop/secret HTTP/1.1"),
        request(start=b"POST /healthz HTTP/1.1"),
        request(start=b"POST /hooks/shop/secret HTTP/1.0"),
        request(start=b"POST /hooks/shop/secret?a=b HTTP/1.1"),
        request(start=b"POST /hooks/sh%6fp/secret HTTP/1.1"),
        request(start=b"POST /hooks/shop/a/b HTTP/1.1"),
        request(start=b"POST /hooks/sh\xc3\xb6p HTTP/1.1"),
        request(start=b"POST /hooks/shop/secret HTTP/1.1 HTTP/1.1"),
        request()[:-1],
        request()[:40],
        request() + b"P",
        request() + request(),
        request(length=3),
        request(headers=(b"Connection: close",)),
        request(headers=(b"Expect: 100-continue",)),
        request(headers=(b"Content-Encoding: gzip",)),
        request(headers=(b"Connection: Upgrade", b"Upgrade: websocket")),
        request(headers=(b"Content-Type: multipart/form-data; boundary=x",)),
        request(headers=(b"Content-Length: 7",)),
        request(headers=(b"Content-Length: 8",)),
        request(headers=(b"Transfer-Encoding: chunked",)),
        request(headers=(b"No colon",)),
        request(headers=(b"Spaced : x",)),
        request(headers=(b"X: a\rb",)),
        request(headers=(b"X: a\x00b",)),
        request(headers=(b"X: " + b"x" * 9000,)),
        request(headers=tuple(b"X-%d: x" % i for i in range(129))),
        b"POST /hooks/shop/secret HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hooks/shop/secret HTTP/1.1\nContent-Length: 7\n\n" + BODY,
        b"",
    ],
)
def test_everything_else_is_not_ours(data: bytes) -> None:
    assert complete_hook(data) is None


# --- what goes back -------------------------------------------------------------------------------------------------


def test_replies_as_they_go_over_the_connection() -> None:
    composer = ReplyWriter()
    head, _, body = composer.bytes_of(ACCEPTED).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and body == b'{"ok":true}'
    assert b"Content-Length: 11\r\n" in head and b"Retry-After" not in head
    head, _, body = composer.bytes_of(said(503, "Away.", retry_after_s=5)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n") and b"\r\nRetry-After: 5\r\n" in head
    assert body == b'{"ok":false,"error":"Away."}'


def test_the_date_of_an_acceptance_is_of_its_second(monkeypatch: pytest.MonkeyPatch) -> None:
    composer = ReplyWriter()
    for second, date in ((0, b"Thu, 01 Jan 1970 00:00:00 GMT"), (61, b"Thu, 01 Jan 1970 00:01:01 GMT")):
        monkeypatch.setattr("relay.inbound.replies.time", SimpleNamespace(time=lambda at=second: at + 0.5))
        assert b"\r\nDate: " + date + b"\r\n" in composer.bytes_of(ACCEPTED)


# --- connections ----------------------------------------------------------------------------------------------------


class Script:
    """Hooks that are answered when, and as, the test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bytes]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.reply: Reply | Exception = ACCEPTED
        self.at_once = self.most = 0

    async def handle_complete(
        self, name: str, tail: str, headers: Mapping[str, str], body: bytes, remote: str
    ) -> Reply:
        assert remote == "127.0.0.1"
        self.taken.append((name, tail, body))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


class House:
    """A front door with scripted hooks before an application that says what it was sent."""

    def __init__(self) -> None:
        self.hooks = Script()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._echo)
        self.front = Front(app, cast("Any", self.hooks), shutdown_timeout=1.0)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self._callers: list[asyncio.StreamWriter] = []

    async def _echo(self, request: web.Request) -> web.Response:
        return web.Response(body=b"aiohttp " + await request.read())

    async def knock(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.listening.getsockname())
        self._callers.append(writer)
        return reader, writer

    async def unanswered(self, body: bytes = BODY) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A caller whose hook is being taken, until `hooks.go` is set."""
        reader, writer = await self.knock()
        self.hooks.go.clear()
        writer.write(request(body))
        await asyncio.sleep(0.05)
        return reader, writer

    async def __aenter__(self) -> Self:
        await self.front.start(self.listening)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.front.stop()
        for writer in self._callers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """(head, body) of the next answer."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await reader.readexactly(size)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as made:
        yield made


async def test_one_hook_after_another(house: House) -> None:
    reader, writer = await house.knock()
    for i in range(3):
        writer.write(request(b"[%d]" % i))
        assert (await answer(reader))[1] == b'{"ok":true}'
    assert house.hooks.taken == [("shop", "secret", b"[%d]" % i) for i in range(3)]


async def test_a_connection_is_aiohttps_from_its_first_unusual_request_on(house: House) -> None:
    reader, writer = await house.knock()
    writer.write(request())
    assert (await answer(reader))[1] == b'{"ok":true}'
    for data, expected in (
        (b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n", b"aiohttp "),
        (request(), b"aiohttp " + BODY),
    ):
        writer.write(data)
        assert (await answer(reader))[1] == expected
    assert len(house.hooks.taken) == 1
    assert [type(one) for one in house.front.connections] == [connections.AiohttpConnection]


@pytest.mark.parametrize("cut", [1, 5, 12, 60, -3])
async def test_a_hook_in_two_pieces(house: House, cut: int) -> None:
    reader, writer = await house.knock()
    data = request()
    writer.write(data[:cut])
    await asyncio.sleep(0.05)
    writer.write(data[cut:])
    assert (await answer(reader))[1] == b"aiohttp " + BODY


async def test_what_comes_before_the_answer_waits_its_turn(house: House) -> None:
    """Two whole hooks, the second sent early; then two in one piece. Each is answered once, in order."""
    reader, writer = await house.unanswered(b"[1]")
    writer.write(request(b"[2]"))
    await asyncio.sleep(0.05)
    assert house.hooks.taken == [("shop", "secret", b"[1]")]
    house.hooks.go.set()
    assert [(await answer(reader))[1] for _ in range(2)] == [b'{"ok":true}'] * 2
    assert [body for *_, body in house.hooks.taken] == [b"[1]", b"[2]"] and house.hooks.most == 1
    writer.write(request(b"[3]") + request(b"[4]"))
    assert [(await answer(reader))[1] for _ in range(2)] == [b"aiohttp [3]", b"aiohttp [4]"]


async def test_a_sender_that_does_not_wait_is_not_read_without_end(house: House) -> None:
    reader, writer = await house.unanswered(b"[1]")
    many = 60_000
    writer.write(request(b"[2]") * many)
    await asyncio.sleep(0.2)
    (guest,) = house.front.connections
    assert isinstance(guest, connections.HookConnection)
    assert len(guest._ahead) < connections.AHEAD_LIMIT + 512 * 1024
    house.hooks.go.set()
    assert (await answer(reader))[1] == b'{"ok":true}'
    assert (await answer(reader))[1] == b"aiohttp [2]", "and nothing of it is lost"


async def test_a_sender_that_says_goodbye_with_more_on_its_way(house: House) -> None:
    _, writer = await house.unanswered(b"[1]")
    writer.write(request(b"[2]"))
    writer.write_eof()
    house.hooks.go.set()
    await asyncio.sleep(0.1)
    assert house.hooks.taken[0] == ("shop", "secret", b"[1]") and not house.front.connections


async def test_a_bug_is_a_500_that_closes(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.hooks.reply = ValueError("oops")
    reader, writer = await house.knock()
    writer.write(request())
    head, body = await answer(reader)
    assert head.startswith(b"HTTP/1.1 500 ") and b"oops" not in body and "oops" in caplog.text
    assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_who_says_nothing_is_hung_up_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEPALIVE_S", 0.2)
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    monkeypatch.setattr(front, "LOOK_EVERY_S", 0.1)
    silent, _ = await house.knock()
    reader, _ = await house.unanswered()
    assert await asyncio.wait_for(silent.read(), 5) == b""
    await asyncio.sleep(0.3)
    house.hooks.go.set()
    assert (await answer(reader))[1] == b'{"ok":true}', "however long its answer takes, it is not silent"
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert not house.front.connections


async def test_stopping_answers_what_was_begun_and_closes_the_rest(house: House) -> None:
    idle, _ = await house.knock()
    reader, _ = await house.unanswered()
    stopping = asyncio.create_task(house.front.stop())
    assert await asyncio.wait_for(idle.read(), 5) == b""
    assert not stopping.done()
    house.hooks.go.set()
    assert (await answer(reader))[1] == b'{"ok":true}'
    assert await asyncio.wait_for(reader.read(), 5) == b""
    await asyncio.wait_for(stopping, 5)
    with pytest.raises(OSError):
        await house.knock()


async def test_stopping_does_not_wait_for_ever(house: House) -> None:
    reader, _ = await house.unanswered()
    await asyncio.wait_for(house.front.stop(), 5)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    house.hooks.go.set()
    await asyncio.sleep(0.05)
