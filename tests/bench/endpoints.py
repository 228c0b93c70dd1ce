"""The two ends of a message in the driver: a keep-alive HTTP/1.1 client connection and the server that takes the posts.

Bare on purpose: what these two cost is taken from the cores that the measured system needs too. They read what
aiohttp writes (a body with a length, no chunks), and nothing else.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MARK = re.compile(rb"bm-(\d+)\.")


def mark(index: int) -> str:
    """What stands in a text so that the sink knows the message again; URL encoding leaves it as it is."""
    return f"bm-{index}."


def _whole(data: bytes) -> tuple[int, int] | None:
    """(where the body begins, where it ends) of the first HTTP message in `data`; None while more must come."""
    begin = data.find(b"\r\n\r\n") + 4
    if begin == 3:
        return None
    length = _LENGTH.search(data, 0, begin)
    end = begin + (int(length[1]) if length else 0)
    return (begin, end) if len(data) >= end else None


class Caller(asyncio.Protocol):
    """One connection with at most one request under way. `on_answer(status)`; status 0: the connection broke."""

    def __init__(self) -> None:
        self.on_answer: Callable[[int], None] = _ignore
        self._waiting = False
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> None:
        """Write one whole request."""
        self._waiting = True
        if self._transport is None:
            asyncio.get_running_loop().call_soon(self._answered, 0)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if (found := _whole(self._data)) is not None:
            status = int(self._data[9:12])
            self._data = self._data[found[1] :]
            self._answered(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._answered(0)

    def _answered(self, status: int) -> None:
        if self._waiting:
            self._waiting = False
            self.on_answer(status)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _ignore(status: int) -> None:
    pass


async def connect(host: str, port: int, count: int) -> list[Caller]:
    """`count` open connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Caller, host, port))[1] for _ in range(count)]


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


OK = _answer("200 OK", b'{"ok":true}')
UNAVAILABLE = _answer("503 Service Unavailable", b'{"ok":false,"error":"try later"}')


class Sink:
    """The destination: answers 200 `{"ok": true}` to every post and reports the mark in its body.

    `delay_s` holds every answer back. `refuse(mark)` True: 503, and the message does not count as arrived; `refused`
    counts them. `on_arrival(mark)` is called once the answer is decided, that is, on arrival.
    """

    def __init__(self) -> None:
        self.on_arrival: Callable[[int], None] = _ignore
        self.refuse: Callable[[int], bool] | None = None
        self.delay_s = 0.0
        self.refused = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self.connections: set[_Answerer] = set()

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Answerer(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> bytes:
        """What to answer to a post."""
        found = _MARK.search(body)
        if found is None:
            return OK  # a probe, or a notice: not one of the measured messages
        index = int(found[1])
        if self.refuse is not None and self.refuse(index):
            self.refused += 1
            return UNAVAILABLE
        self.on_arrival(index)
        return OK

    def refuse_share(self, share: float, seed: int = 1) -> None:
        """503 for this share of the posts, the same ones in every run of the same order."""
        draw = random.Random(seed).random
        self.refuse = lambda index: draw() < share

    def behave(self) -> None:
        """Answer everything, at once."""
        self.refuse, self.delay_s, self.refused = None, 0.0, 0
        self.on_arrival = _ignore


class _Answerer(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.data = b""
        self.transport: asyncio.Transport | None = None
        self.later: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.sink.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.sink.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.data = self.data + data if self.data else data
        while (found := _whole(self.data)) is not None:
            body = self.data[found[0] : found[1]]
            self.data = self.data[found[1] :]
            answer = self.sink.take(body)
            if self.sink.delay_s:
                self.later.append(answer)
                asyncio.get_running_loop().call_later(self.sink.delay_s, self._send_later)
            elif self.transport is not None:
                self.transport.write(answer)

    def _send_later(self) -> None:
        answer = self.later.popleft()
        if self.transport is not None:
            self.transport.write(answer)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
