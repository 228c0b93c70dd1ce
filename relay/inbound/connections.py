"""Connections of strangers: what each may cost before, between and after requests.

A new connection has 15 s to bring a request's head, however slowly its bytes drip; one that takes no answer is dropped
after 30 s without progress; one that is idle between hooks is kept as long as a proxy's pool wants it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, cast

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler as AiohttpHandler

from relay.inbound.complete_hooks import CompleteHook, complete_hook
from relay.inbound.hooks import Hooks
from relay.inbound.replies import said
from relay.observe.quiet_log import QuietLog
from relay.transport.flow_control import FlowControl

if TYPE_CHECKING:
    from relay.inbound.front import Front

log = logging.getLogger("relay.inbound.hooks")

KEEPALIVE_S: Final = 75.0  # long enough for a proxy's pool
HEAD_S: Final = 15.0
UNSENT_S: Final = 30.0  # an answer of which the peer takes not a byte
LINGER_S: Final = 1.0  # who was refused in mid-body has so long to read why, before its connection is closed
# What may wait behind a hook that is being accepted; a sender that goes on regardless is not read any further.
AHEAD_LIMIT: Final = 64 * 1024


class Connection(FlowControl):
    """One connection, whoever reads it. The front door looks at it every few seconds."""

    __slots__ = ("_front", "_transport", "_unsent", "_unsent_since")

    def __init__(self, front: Front) -> None:
        super().__init__(asyncio.get_running_loop())
        self._front = front
        self._transport: asyncio.Transport | None = None
        self._unsent = 0
        self._unsent_since = 0.0

    def look(self, now: float) -> None:
        """Drop it if its time is up. `now`: loop time."""
        transport = self._transport
        if transport is None:
            return
        unsent = transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > UNSENT_S:
            self.abort()
            return
        if not transport.is_closing() and self.is_overdue(now):
            self.close()

    def is_overdue(self, now: float) -> bool:
        raise NotImplementedError

    def leave(self) -> asyncio.Task[None] | None:
        """Close after what is under way, which is returned; None if nothing is, or somebody else knows."""
        return None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it without another byte."""
        transport, self._transport = self._transport, None
        self._front.forget(self)
        if transport is not None:
            transport.abort()


class HookConnection(Connection):
    """One connection, for as long as nothing but whole hooks come over it."""

    __slots__ = ("_ahead", "_fresh", "_hooks", "_leaving", "_quiet_since", "_remote", "_task")

    def __init__(self, front: Front, hooks: Hooks) -> None:
        super().__init__(front)
        self._hooks = hooks
        self._remote = ""
        self._ahead = b""
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._fresh = True
        self._quiet_since = 0.0

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape, not by birth
        if not self._front.admit(self):
            self.abort()
            return
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else ""
        self._quiet_since = self._loop.time()

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
        self._front.forget(self)
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
        if self._fresh:
            self._fresh = False
            self._front.fresh.pop(self, None)
        if (ahead := self._ahead) and self._transport is not None and not self._transport.is_closing():
            self._ahead = b""
            self._transport.resume_reading()
            self._take(ahead)

    def _hand_over(self, data: bytes) -> None:
        """The rest of this connection is aiohttp's."""
        transport = self._transport
        if transport is None:
            return
        self._front.forget(self)
        since = self._quiet_since if self._fresh else self._loop.time()
        protocol = AiohttpConnection(self._front, fresh_since=since)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    # --- the end ----------------------------------------------------------------------------------------------------

    def leave(self) -> asyncio.Task[None] | None:
        self._leaving = True
        if self._task is None:
            self.close()
        return self._task

    def is_overdue(self, now: float) -> bool:
        if self._task is not None:
            return False
        return now - self._quiet_since > (HEAD_S if self._fresh else KEEPALIVE_S)


class AiohttpConnection(Connection):
    """One connection that aiohttp reads and answers: every event goes on to its handler, and is timed."""

    __slots__ = ("_fresh_since", "_handler", "_head_since")

    def __init__(self, front: Front, *, fresh_since: float) -> None:
        super().__init__(front)
        self._handler = front.handler()
        self._fresh_since = fresh_since
        self._head_since = fresh_since  # 0: no head is awaited, or none has begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._front.admit(self):
            self.abort()
            return
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        handler = self._handler
        handler.data_received(data)
        if handler.is_between_requests():
            if not self._head_since:
                self._head_since = self._loop.time()
        elif self._head_since:
            self._head_since = 0.0
            self._front.fresh.pop(self, None)

    def eof_received(self) -> None:
        self._handler.eof_received()

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._front.forget(self)
        self._handler.connection_lost(exc)

    def is_overdue(self, now: float) -> bool:
        return bool(self._head_since) and self._handler.is_between_requests() and now - self._head_since > HEAD_S


class RequestHandler(AiohttpHandler):
    """aiohttp's protocol with our limits. Nothing is inflated: who sends compressed bodies is refused."""

    __slots__ = ("_quiet",)

    def __init__(self, server: web.Server, quiet: QuietLog) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGER_S,
            auto_decompress=False,
        )
        self._quiet = quiet

    def is_between_requests(self) -> bool:
        """Whether no request is being answered, nor waits for it."""
        return self._current_request is None and not self._messages

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is answered to what is no HTTP: a sentence, and one line in the log a minute."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        self._quiet.say(logging.INFO, "unreadable", "refused a request that cannot be read: %s", type(exc).__name__)
        reply = said(status, "The request cannot be read.")
        response = _Anonymous(status=status, body=reply.body, content_type="application/json")
        response.force_close()
        return response


class _Anonymous(web.Response):
    """A response of which nobody can tell which software it comes from."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop(hdrs.SERVER, None)
