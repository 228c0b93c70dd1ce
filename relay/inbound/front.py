"""The front door: hooks that come whole are read straight from their connection, everything else is aiohttp's.

aiohttp wakes three tasks and builds a dozen objects for a request, which is several times what a hook itself needs. A
sender's hook is small and nearly always comes in one piece over a connection kept open: then it is parsed here, by
httptools (the parser of Node.js), and answered. The first request on a connection that is anything else (a page, an
upload, a body in pieces, two requests at once, HTTP/1.0, something unreadable) hands the connection over to aiohttp for
good, with every byte that came: nothing that is at all unusual is judged here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final, cast

import httptools
import msgspec
from aiohttp import web
from multidict import CIMultiDict

from relay.inbound.bodies import is_plain
from relay.inbound.hooks import PATH, Hooks
from relay.inbound.replies import ReplyWriter, said
from relay.transport.flow_control import FlowControl

log = logging.getLogger("relay.inbound.hooks")

# Long enough for a proxy's pool, short enough that a slow header ends (PITFALLS 3.4).
KEEPALIVE_S: Final = 75.0
BACKLOG: Final = 128
# As much as the usual servers take; whatever has more is aiohttp's to refuse.
HEAD_LIMIT: Final = 8190
HEADERS: Final = 128
# What may wait behind a hook that is being accepted; a sender that goes on regardless is not read any further.
AHEAD_LIMIT: Final = 64 * 1024
_START: Final = b"POST " + PATH.encode()
_KEPT: Final = "keep-alive"
# What these ask for is aiohttp's to give.
_UNUSUAL: Final = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade"})


class CompleteHook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook, complete. `name` and `tail` are what its address says: /hooks/<name>[/<tail>]."""

    name: str
    tail: str
    headers: CIMultiDict[str]
    body: bytes


def complete_hook(data: bytes) -> CompleteHook | None:
    """The one hook that `data` is, from first to last byte; None for everything else."""
    if not data.startswith(_START):
        return None
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if not reading.complete or reading.begun != 1 or parser.get_http_version() != "1.1":
        return None
    if len(data) - len(reading.body) > HEAD_LIMIT:
        return None
    headers = reading.headers
    if len(headers) > HEADERS or not _UNUSUAL.isdisjoint([name.lower() for name, _ in headers]):
        return None
    try:
        address = reading.url.decode("ascii")
    except UnicodeDecodeError:
        return None
    name, _, tail = address.removeprefix(PATH).partition("/")
    if "/" in tail or "%" in address or "?" in address or "#" in address:
        return None
    known = CIMultiDict(headers)
    if known.get("Connection", _KEPT).lower() != _KEPT or not is_plain(known.get("Content-Type", "")):
        return None
    return CompleteHook(name=name, tail=tail, headers=known, body=reading.body)


class _Reading:
    """What httptools says of one request."""

    __slots__ = ("begun", "body", "complete", "headers", "url")

    def __init__(self) -> None:
        self.begun = 0
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.complete = False

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Front:
    """Listens, and serves hooks and the application."""

    def __init__(self, app: web.Application, hooks: Hooks | None, *, shutdown_timeout: float) -> None:
        """`shutdown_timeout`: seconds that requests under way may still take when it stops."""
        self.hooks = hooks
        self.composer = ReplyWriter()
        self.guests: set[_HookConnection] = set()
        self._timeout_s = shutdown_timeout
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            handle_signals=False,
            shutdown_timeout=shutdown_timeout,
        )
        self._server: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        factory: Callable[[], asyncio.Protocol] = self.aiohttp
        if (hooks := self.hooks) is not None:
            factory = lambda: _HookConnection(self, hooks)  # noqa: E731
        self._server = await loop.create_server(factory, sock=listening, backlog=BACKLOG)

    async def stop(self) -> None:
        """Take no connection more; let what is under way end, for at most the time given; close all."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # what has arrived is begun before it is looked for
        busy = [task for guest in self.guests if (task := guest.leave()) is not None]
        if busy:
            await asyncio.wait(busy, timeout=self._timeout_s)
        for guest in list(self.guests):
            guest.close()
        await self._runner.cleanup()

    def aiohttp(self) -> asyncio.Protocol:
        """A protocol of aiohttp's server for one connection."""
        server = self._runner.server
        assert server is not None
        return server()


class _HookConnection(FlowControl):
    """One connection, for as long as nothing but whole hooks come over it."""

    __slots__ = ("_ahead", "_front", "_hooks", "_idle", "_leaving", "_quiet_since", "_remote", "_task", "_transport")

    def __init__(self, front: Front, hooks: Hooks) -> None:
        super().__init__(asyncio.get_running_loop())
        self._front = front
        self._hooks = hooks
        self._transport: asyncio.Transport | None = None
        self._remote = ""
        self._ahead = b""
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._quiet_since = 0.0
        self._idle: asyncio.TimerHandle | None = None

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape, not by birth
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else ""
        self._quiet_since = self._loop.time()
        self._idle = self._loop.call_later(KEEPALIVE_S, self._close_if_idle)
        self._front.guests.add(self)

    def data_received(self, data: bytes) -> None:
        if self._task is None:
            self._take(data)
            return
        self._ahead += data
        if len(self._ahead) > AHEAD_LIMIT and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        # What was begun goes on: the sender will repeat it, and find it accepted.
        self._transport = None
        self._depart()
        self.resume_writing()

    # --- one hook after another -------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        if (hook := complete_hook(data)) is None:
            self._hand_over(data)
        else:
            self._task = asyncio.Task(self._answer(hook), loop=self._loop, name="hook")

    async def _answer(self, hook: CompleteHook) -> None:
        try:
            reply = await self._hooks.handle_complete(hook.name, hook.tail, hook.headers, hook.body, self._remote)
        except Exception:
            log.exception("%s: a bug while taking a hook", hook.name)
            reply = said(500, "Something is wrong here; it has been noted.")
            self._leaving = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._front.composer.bytes_of(reply))
        if self._writable is not None:
            await self._writable  # a sender that reads no answers is not asked for more hooks
        self._task = None
        if self._leaving:
            self.close()
            return
        self._quiet_since = self._loop.time()
        if (ahead := self._ahead) and self._transport is not None and not self._transport.is_closing():
            self._ahead = b""
            self._transport.resume_reading()
            self._take(ahead)

    def _hand_over(self, data: bytes) -> None:
        """The rest of this connection is aiohttp's."""
        transport = self._transport
        assert transport is not None
        self._depart()
        protocol = self._front.aiohttp()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    # --- the end ----------------------------------------------------------------------------------------------------

    def leave(self) -> asyncio.Task[None] | None:
        """Close after what is under way, which is returned; at once if nothing is."""
        self._leaving = True
        if self._task is None:
            self.close()
        return self._task

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _close_if_idle(self) -> None:
        due = self._quiet_since + KEEPALIVE_S
        if self._task is not None:
            due = self._loop.time() + KEEPALIVE_S
        if due <= self._loop.time():
            self.close()
        else:
            self._idle = self._loop.call_at(due, self._close_if_idle)

    def _depart(self) -> None:
        self._front.guests.discard(self)
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
