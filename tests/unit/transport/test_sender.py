"""The sender against servers that misbehave in every way seen so far (PITFALLS experiments 23 to 25)."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.parser import BytesParser
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import client_exceptions, web
from aiohttp.test_utils import TestServer

from relay.contract.errors import FetchRefused, SendError
from relay.contract.model import FilePart, OutboundRequest
from relay.media.local_files import LocalFile
from relay.transport.send_errors import MAPPING, to_send_error
from relay.transport.sender import BODY_LIMIT, Sender

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Nasty:
    """A raw server: counts connections and the requests it has read to their end, then talks as told."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                await self.talk(reader, writer)
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def nasty(talk: Talk) -> AsyncIterator[Nasty]:
    it = Nasty(talk)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await it.handle(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)


def post(url: str, *, timeout_s: float | None = 0.5, method: str = "POST", body: bytes = b"x=1") -> OutboundRequest:
    return OutboundRequest(
        method=method,
        url=url,
        safe_url=url,
        body=body,
        content_type="application/x-www-form-urlencoded",
        timeout_s=timeout_s,
    )


async def failing(sender: Sender, request: OutboundRequest) -> SendError:
    began = time.monotonic()
    with pytest.raises(SendError) as caught:
        await sender(request)
    assert time.monotonic() - began < (request.timeout_s or 10) + 0.5
    return caught.value


async def test_a_plain_exchange_says_what_it_must_and_no_more():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Two: a\r\nx-two: b\r\nSet-Cookie: s=1\r\n\r\nok")

    async with nasty(talk) as server, Sender() as sender:
        request = OutboundRequest(
            method="POST",
            url=f"{server.url}/a?b=%D1%8F&c=x%2Fy",
            safe_url="",
            headers=(("key", "k"), ("Cookie", "mine=1")),
            body=b"message=1",
            content_type="application/x-www-form-urlencoded",
        )
        for _ in range(2):
            response = await sender(request)
        assert (response.status, response.body) == (201, b"ok")
        assert [v for k, v in response.headers if k == "x-two"] == ["a", "b"]
        assert server.connections == 1  # kept alive
        head, _, body = server.requests[1].partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /a?b=%D1%8F&c=x%2Fy HTTP/1.1"
        assert sorted(line.partition(":")[0].lower() for line in lines[1:]) == [
            "accept-encoding", "content-length", "content-type", "cookie", "host", "key", "user-agent",
        ]  # fmt: skip
        assert "Cookie: mine=1" in lines  # no jar: what the first answer set is not sent back
        assert "User-Agent: webhook-relay/1" in lines
        assert body == b"message=1"


async def test_get_with_a_form_body_and_fields_without_files():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with nasty(talk) as server, Sender() as sender:
        await sender(post(server.url, method="GET", body=b"token=t"))
        assert server.requests[0].startswith(b"GET / ")
        assert server.requests[0].endswith(b"\r\n\r\ntoken=t")
        await sender(OutboundRequest(method="POST", url=server.url, safe_url="", fields=(("a", "я &"), ("a", "2"))))
        assert server.requests[1].endswith(b"\r\n\r\na=%D1%8F+%26&a=2")


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "/again"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int, location: str):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    async with nasty(talk) as server, Sender() as sender:
        response = await sender(post(server.url))
        assert response.status == status
        assert response.header("location") == location
        assert len(server.requests) == 1


async def slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def slow_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"a")
        await asyncio.sleep(0.05)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def continues(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("talk", [slow_headers, slow_body, silence, continues])
async def test_whatever_is_slow_ends_with_the_time_limit_and_may_have_arrived(talk: Talk):
    async with nasty(talk) as server, Sender(limit=1) as sender:
        for _ in range(2):  # the only slot is free again after each
            error = await failing(sender, post(server.url, timeout_s=0.3))
            assert (error.reason, error.certain) == ("timeout", False)
            assert str(error) == "The other side did not answer in time. The limit was 0.3 s."


async def test_waiting_for_a_connection_is_certain_not_to_have_arrived():
    async with nasty(silence) as server, Sender(limit=1) as sender:
        first = asyncio.create_task(failing(sender, post(server.url, timeout_s=1)))
        await asyncio.sleep(0.1)
        error = await failing(sender, post(server.url, timeout_s=0.2))
        assert (error.reason, error.certain) == ("connect_timeout", True)
        assert not (await first).certain
        assert len(server.requests) == 1


async def test_an_endless_body_is_cut_at_the_limit_and_the_connection_closed():
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"z" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    async with nasty(talk) as server, Sender() as sender:
        response = await sender(post(server.url, timeout_s=5))
        assert response.body == b"z" * BODY_LIMIT
        await asyncio.sleep(0.1)
        before = sent
        await asyncio.sleep(0.1)
        assert sent == before  # nobody reads on
        assert (await sender(post(server.url, timeout_s=5))).status == 200
        assert server.connections == 2


async def test_a_body_of_exactly_the_limit_is_whole_and_keeps_the_connection():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT + b"y" * BODY_LIMIT)
        await writer.drain()

    async with nasty(talk) as server, Sender() as sender:
        for _ in range(2):
            assert (await sender(post(server.url, timeout_s=5))).body == b"y" * BODY_LIMIT
        assert server.connections == 1


async def test_a_gzip_bomb_costs_neither_memory_nor_time():
    bomb = gzip.compress(b"\0" * (50 * 1024 * 1024), 9)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
        await writer.drain()

    async with nasty(talk) as server, Sender() as sender:
        await sender(post(server.url, timeout_s=5))
        before = psutil.Process().memory_info().rss
        answers = await asyncio.gather(*(sender(post(server.url, timeout_s=10)) for _ in range(50)))
        assert {len(a.body) for a in answers} == {BODY_LIMIT}
        assert psutil.Process().memory_info().rss - before < 64 * 1024 * 1024


async def test_an_honest_gzip_is_read():
    body = gzip.compress(b'{"ok": true}')

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with nasty(talk) as server, Sender() as sender:
        assert (await sender(post(server.url))).body == b'{"ok": true}'


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_a_peer_that_reads_and_hangs_up_has_perhaps_acted_and_is_not_asked_twice(method: str):
    answered = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        if answered:
            writer.close()
            return
        answered = True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with nasty(talk) as server, Sender() as sender:
        await sender(post(server.url, method=method))
        error = await failing(sender, post(server.url, method=method))  # on the connection that was kept
        assert (error.reason, error.certain) == ("disconnected", False)
        assert len(server.requests) == 2


async def test_a_reset_in_the_middle_of_an_answer():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()

    async with nasty(talk) as server, Sender() as sender:
        error = await failing(sender, post(server.url))
        assert error.reason in ("bad_response", "reset", "disconnected")
        assert not error.certain


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"\0" * 100 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http(answer: bytes):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with nasty(talk) as server, Sender() as sender:
        error = await failing(sender, post(server.url))
        assert (error.reason, error.certain) == ("bad_response", False)
        assert "127.0.0.1" not in str(error)


async def test_nobody_there(unused_tcp_port: int):
    async with Sender() as sender:
        error = await failing(sender, post(f"http://127.0.0.1:{unused_tcp_port}/?token=canary"))
        assert (error.reason, error.certain) == ("refused", True)
        assert str(error) == f"No connection to 127.0.0.1:{unused_tcp_port}: Connection refused."


async def test_no_such_host():
    async with Sender() as sender:
        error = await failing(sender, post("http://no-such-host.invalid/secret", timeout_s=5))
        assert (error.reason, error.certain) == ("dns", True)
        assert "secret" not in str(error)


async def test_tls_where_there_is_none_and_plain_where_there_is():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with nasty(talk) as server, Sender() as sender:
        error = await failing(sender, post(server.url.replace("http:", "https:")))
        assert error.certain
        assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://", "no url", "http://[::1", "file:///etc/passwd", ""])
async def test_an_address_that_is_none(url: str):
    async with Sender() as sender:
        error = await failing(sender, post(url))
        assert (error.reason, error.certain) == ("bad_request", True)


async def test_a_header_with_a_line_break_is_refused():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with nasty(talk) as server, Sender() as sender:
        request = OutboundRequest(method="POST", url=server.url, safe_url="", headers=(("a", "b\r\nX-Evil: 1"),))
        assert (await failing(sender, request)).reason == "bad_request"
        assert server.requests == []


async def test_cancelling_frees_the_slot():
    async with nasty(silence) as server, Sender(limit=1) as sender:
        task = asyncio.create_task(sender(post(server.url, timeout_s=30)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        error = await failing(sender, post(server.url, timeout_s=0.2))
        assert error.reason == "timeout"  # it had a connection


# --- answers that end, begin or come in unusual ways ------------------------------------------------------------------


def saying(answer: bytes, *, hang_up: bool = False) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if hang_up:
            writer.close()

    return talk


async def test_an_answer_may_end_with_the_connection():
    async with nasty(saying(b"HTTP/1.0 200 OK\r\n\r\nall of it", hang_up=True)) as server, Sender() as sender:
        for _ in range(2):
            assert (await sender(post(server.url))).body == b"all of it"
        assert server.connections == 2


async def test_a_promised_length_that_does_not_come_is_no_answer():
    async with (
        nasty(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", hang_up=True)) as server,
        Sender() as s,
    ):
        error = await failing(s, post(server.url))
        assert (error.reason, error.certain) == ("bad_response", False)


async def test_what_announces_an_answer_is_not_the_answer():
    announced = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    async with nasty(saying(announced + answer)) as server, Sender() as sender:
        for _ in range(2):
            response = await sender(post(server.url))
            assert (response.status, response.body, response.header("link")) == (404, b"no", "")
        assert server.connections == 1


async def test_a_second_answer_belongs_to_nobody():
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
    two = b"HTTP/1.1 500 No\r\nX-Second: 1\r\nContent-Length: 3\r\n\r\ntwo"
    async with nasty(saying(one + two)) as server, Sender() as sender:
        for _ in range(2):
            response = await sender(post(server.url))
            assert (response.status, response.body, response.header("x-second")) == (200, b"one", "")
        assert server.connections == 2  # such a connection is not used again


async def test_a_goodbye_on_an_idle_connection_is_no_answer_to_the_next_request():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    async with nasty(talk) as server, Sender() as sender:
        for _ in range(2):
            assert (await sender(post(server.url))).status == 200
            await asyncio.sleep(0.15)
        assert server.connections == 2


async def test_a_server_that_closes_after_each_answer_gets_a_new_connection_each_time():
    async with (
        nasty(saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")) as server,
        Sender() as s,
    ):
        for _ in range(3):
            assert (await s(post(server.url))).status == 200
        assert server.connections == 3


async def test_an_answer_to_head_has_no_body():
    async with nasty(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as server, Sender() as sender:
        assert (await sender(post(server.url, method="HEAD", body=b""))).body == b""


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
async def test_deflate_with_and_without_its_header(wbits: int):
    squeeze = zlib.compressobj(wbits=wbits)
    body = squeeze.compress(b'{"ok": true}') + squeeze.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with nasty(saying(head + body)) as server, Sender() as sender:
        assert (await sender(post(server.url))).body == b'{"ok": true}'


@pytest.mark.parametrize("headers", [b"X: 1\r\n" * 129, b"X: " + b"a" * 17_000 + b"\r\n", b"X" * 17_000 + b": 1\r\n"])
async def test_more_headers_than_anybody_needs(headers: bytes):
    async with nasty(saying(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n")) as server, Sender() as s:
        assert (await failing(s, post(server.url))).reason == "bad_response"


async def test_headers_that_never_end_are_not_kept():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X")
            await asyncio.sleep(0)
            await writer.drain()

    async with nasty(talk) as server, Sender() as sender:
        assert (await failing(sender, post(server.url, timeout_s=20))).reason == "bad_response"


async def test_an_early_answer_ends_a_long_upload(tmp_path: Path):
    path = tmp_path / "held"
    path.write_bytes(b"z" * 20_000_000)

    async def open_file(part: FilePart) -> LocalFile:
        return LocalFile(path=path, size=20_000_000, mime="image/png", filename="a.png", temporary=False)

    taken = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        while piece := await reader.read(65536):
            taken += len(piece)
        writer.close()
        hung_up.set()

    hung_up = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, Sender(open_file=open_file) as sender:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        file = FilePart(field="a", filename="a.png", mime="", file_id="x")
        response = await sender(OutboundRequest(method="POST", url=url, safe_url="", files=(file,), timeout_s=10))
        assert (response.status, response.body) == (413, b"no")
        await asyncio.wait_for(hung_up.wait(), 5)
        assert taken < 15_000_000
    assert path.exists()


async def test_a_peer_that_takes_nothing_holds_no_connection(tmp_path: Path):
    path = tmp_path / "held"
    path.write_bytes(b"z" * 20_000_000)

    async def open_file(part: FilePart) -> LocalFile:
        return LocalFile(path=path, size=20_000_000, mime="image/png", filename="a.png", temporary=False)

    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await over.wait()
        writer.close()

    def ours(port: int) -> list[str]:
        return [c.status for c in psutil.Process().net_connections() if c.raddr and c.raddr.port == port]

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, Sender(open_file=open_file) as sender:
        port = server.sockets[0].getsockname()[1]
        file = FilePart(field="a", filename="a.png", mime="", file_id="x")
        url = f"http://127.0.0.1:{port}/"
        request = OutboundRequest(method="POST", url=url, safe_url="", files=(file,), timeout_s=0.3)
        error = await failing(sender, request)
        assert (error.reason, error.certain) == ("timeout", False)
        await asyncio.sleep(0.05)
        assert ours(port) == []
        over.set()
        await asyncio.sleep(0.05)


async def test_a_file_that_shrinks_while_it_is_sent_is_no_success(tmp_path: Path):
    path = tmp_path / "held"
    path.write_bytes(b"z" * 1_000_000)

    async def open_file(part: FilePart) -> LocalFile:
        return LocalFile(path=path, size=2_000_000, mime="image/png", filename="a.png", temporary=False)

    async with nasty(silence) as server, Sender(open_file=open_file, limit=1) as sender:
        file = FilePart(field="a", filename="a.png", mime="", file_id="x")
        request = OutboundRequest(method="POST", url=server.url, safe_url="", files=(file,), timeout_s=5)
        for _ in range(2):  # the only slot is free again
            with pytest.raises(FetchRefused):
                await sender(request)
        assert server.requests == []


# --- multipart ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
async def test_files_travel_in_a_form_of_known_length(tmp_path: Path, size: int):
    content = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
    path = tmp_path / "held"
    path.write_bytes(content)
    asked: list[FilePart] = []

    async def open_file(part: FilePart) -> LocalFile:
        asked.append(part)
        return LocalFile(path=path, size=size, mime="image/png", filename="held.png", temporary=True)

    seen: dict[str, object] = {}

    async def handler(request: web.Request) -> web.Response:
        raw = await request.read()
        seen["length"], seen["coding"] = request.headers["Content-Length"], request.headers.get("Transfer-Encoding")
        seen["raw"] = raw
        head = b"Content-Type: " + request.headers["Content-Type"].encode() + b"\r\n\r\n"
        message = BytesParser().parsebytes(head + raw)
        seen["parts"] = [
            (p.get_param("name", header="content-disposition"), p.get_filename(), p.get_content_type(),
             p.get_payload(decode=True))
            for p in message.walk()
            if not p.is_multipart()
        ]  # fmt: skip
        return web.Response(text="ok")

    app = web.Application(client_max_size=10**8)
    app.router.add_post("/", handler)
    part = FilePart(field="attach", filename='../кот "и" пёс.png', mime="", file_id="f1")
    async with TestServer(app) as server, Sender(open_file=open_file) as sender:
        request = OutboundRequest(
            method="POST",
            url=str(server.make_url("/")),
            safe_url="",
            fields=(("token", "т"), ("attaches[0][big]", "1")),
            files=(part,),
        )
        assert (await sender(request)).status == 200
    assert asked == [part]
    assert seen["coding"] is None
    raw = seen["raw"]
    assert isinstance(raw, bytes)
    assert seen["length"] == str(len(raw))
    assert 'filename="кот _и_ пёс.png"'.encode() in raw
    fields = seen["parts"]
    assert isinstance(fields, list)
    assert fields[0][3].decode() == "т"
    assert fields[1][0] == "attaches[0][big]"
    assert fields[2][2:] == ("image/png", content)
    assert not path.exists()  # temporary, and done with


async def test_a_file_that_cannot_be_had_means_nothing_was_sent():
    async def later(part: FilePart) -> LocalFile:
        raise FetchRefused("Its server is away.", transient=True)

    async def never(part: FilePart) -> LocalFile:
        raise FetchRefused("The file is gone.")

    async with nasty(silence) as server:
        for sender, passing in ((Sender(open_file=later), True), (Sender(open_file=never), False), (Sender(), False)):
            async with sender:
                request = OutboundRequest(
                    method="POST",
                    url=server.url,
                    safe_url="",
                    files=(FilePart(field="a", filename="b", mime="", file_id="x"),),
                )
                if passing:
                    error = await failing(sender, request)
                    assert (error.reason, error.certain) == ("media_unavailable", True)
                else:
                    with pytest.raises(FetchRefused):
                        await sender(request)
        assert server.connections == 0


# --- the mapping ----------------------------------------------------------------------------------------------------


def all_exceptions() -> list[type[Exception]]:
    named = [getattr(client_exceptions, n) for n in client_exceptions.__all__] + [
        getattr(aiohttp, n) for n in aiohttp.__all__
    ]
    classes = {c for c in named if isinstance(c, type) and issubclass(c, Exception)}
    return sorted(classes, key=lambda c: c.__name__)


def test_no_exception_of_the_http_library_is_forgotten():
    classes = all_exceptions()
    assert len(classes) > 25
    general = {aiohttp.ClientError, Exception}
    # What a plain request cannot meet: we open no websockets and read no multipart answers.
    never = {
        "WSMessageTypeError", "WebSocketError", "WSServerHandshakeError", "ContentTypeError",
        "BadContentDispositionHeader", "BadContentDispositionParam", "PayloadEncodingError", "RedirectClientError",
        "EofStream",
    }  # fmt: skip
    for cls in classes:
        if cls in general or issubclass(cls, Warning) or cls.__name__ in never:
            continue
        row = next((r for r in MAPPING if issubclass(cls, r[0])), None)
        assert row is not None, f"{cls.__name__} is not mapped"
        assert row[0] not in general, f"{cls.__name__} is mapped only by its most general parent"


def test_a_narrow_row_comes_before_its_parent():
    kinds = [row[0] for row in MAPPING]
    for n, kind in enumerate(kinds):
        for earlier in kinds[:n]:
            assert not issubclass(kind, earlier), f"{kind.__name__} is never reached behind {earlier.__name__}"


@pytest.mark.parametrize(
    "error", [ssl.SSLError(1, "x"), OSError(5, "I/O error"), EOFError(), ConnectionAbortedError(), KeyError("bug")]
)
def test_whatever_happens_after_sending_is_uncertain(error: Exception, caplog: pytest.LogCaptureFixture):
    assert not to_send_error(error, sent=True).certain
    assert to_send_error(error, sent=False).certain
    assert ("unforeseen" in caplog.text) == isinstance(error, KeyError)


async def test_a_request_kept_to_public_addresses_never_reaches_a_private_one() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with nasty(answer) as server, Sender(timeout_s=5) as sender:
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host)
            with pytest.raises(SendError) as caught:
                await sender(OutboundRequest(method="POST", url=url, safe_url=url, public_only=True))
            assert (caught.value.reason, caught.value.certain) == ("private_address", True)
        assert server.connections == 0
        assert (await sender(OutboundRequest(method="POST", url=server.url, safe_url=server.url))).status == 200


async def test_files_are_fetched_outside_of_the_time_that_an_attempt_may_take(tmp_path: Path) -> None:
    """Fetching may take 30 s, delivering 10: a slow picture must not look like a desk that does not answer."""
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")

    async def slowly(part: FilePart) -> LocalFile:
        await asyncio.sleep(0.5)
        return LocalFile(path=path, size=7, mime="image/png", filename="a.png")

    got: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    file = FilePart(field="f", filename="a.png", mime="image/png", url="https://x/a.png")
    async with TestServer(app) as server, Sender(timeout_s=0.2, open_file=slowly) as sender:
        request = OutboundRequest(method="POST", url=str(server.make_url("/")), safe_url="x", files=(file,))
        assert (await sender(request)).status == 200, "opened by the call itself"
        opened = await sender.open_files(request)
        assert opened is not None and (await sender(request, opened)).status == 200, "opened before it"
        assert await sender.open_files(OutboundRequest(method="GET", url="http://x", safe_url="x")) is None
    assert all(b"picture" in body for body in got) and len(got) == 2


async def test_a_file_that_cannot_be_had_now_is_no_trouble_of_the_destination() -> None:
    async def away(part: FilePart) -> LocalFile:
        raise FetchRefused("The file's server cannot be reached.", transient=True)

    file = FilePart(field="f", filename="a.png", mime="image/png", url="https://x/a.png")
    async with Sender(open_file=away) as sender:
        with pytest.raises(SendError) as caught:
            await sender(OutboundRequest(method="POST", url="http://127.0.0.1:9/", safe_url="x", files=(file,)))
    assert caught.value.reason == "media_unavailable" and caught.value.certain
