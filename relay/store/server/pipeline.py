"""One shared connection to the store for the hot scripts.

redis-py costs about 45 us a command with 50 in flight, this 4 to 6 (measured): every caller writes into
one buffer that leaves once per turn of the event loop, so accepts are grouped by themselves and one fsync serves many
of them. Everything that is not hot goes through redis-py.

A connection that answers nothing for `timeout_s` is dropped and all its callers are told `StoreUnavailable`: a frozen
store must not hang a hook (PITFALLS A21).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import hiredis

from relay.contract.errors import StoreUnavailable

log = logging.getLogger("relay.store.store")

Value = str | bytes | int
# Trying costs next to nothing, and everybody waits for it.
RECONNECT_MAX_S = 0.5
# What a store says when it takes no writes: not our mistake, and it passes (PITFALLS A20).
REFUSALS = ("OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS", "MASTERDOWN", "BUSY", "CLUSTERDOWN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the store is. Either `path` (unix socket) or `host` and `port`."""

    path: str = ""
    host: str = ""
    port: int = 6379
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0


class _Protocol(asyncio.Protocol):
    def __init__(self) -> None:
        self.reader = hiredis.Reader()
        self.waiting: deque[tuple[asyncio.Future[Any] | None, float]] = deque()  # None: nobody waits for this answer
        self.buffer: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        # Its own: the loss of an old connection, noticed late, must not pass for the loss of the new one.
        self.lost = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.scheduled = False
        self.on_push: Callable[[Any], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape, not by birth

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        try:
            while (reply := self.reader.gets()) is not False:
                if self.on_push is not None:
                    self.on_push(reply)
                    continue
                future, _ = self.waiting.popleft()
                if future is not None and not future.done():
                    if isinstance(reply, hiredis.ReplyError):
                        future.set_exception(_foreign(reply))
                    else:
                        future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            log.warning("the store broke the protocol; reconnecting")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        while self.waiting:
            future, _ = self.waiting.popleft()
            if future is not None and not future.done():
                future.set_exception(StoreUnavailable("The connection to the store broke."))
        self.lost.set()

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.loop.create_future()
        if self.transport is None:
            # Lost already, and `connection_lost` has told everybody who waited then: nobody would tell this one.
            future.set_exception(StoreUnavailable("The connection to the store broke."))
            return future
        self._write(packed, future)
        return future

    def post(self, packed: bytes) -> None:
        """Send without waiting for the answer."""
        if self.transport is not None:
            self._write(packed, None)

    def _write(self, packed: bytes, future: asyncio.Future[Any] | None) -> None:
        self.waiting.append((future, self.loop.time()))
        self.buffer.append(packed)
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        self.scheduled = False
        if self.transport is not None:
            self.transport.write(b"".join(self.buffer))
        self.buffer.clear()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def _pack(args: tuple[Value, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]  # its stub knows one-tuples only
    return packed


def _foreign(reply: hiredis.ReplyError) -> Exception:
    text = str(reply)
    if text.startswith(REFUSALS):
        return StoreUnavailable(f"The store refuses writes: {text}")
    return reply


class StorePipeline:
    """A connection that mends itself. `call` fails at once while it is down; nothing is queued in memory."""

    def __init__(
        self,
        locate: Callable[[], Awaitable[Endpoint]],
        *,
        scripts: dict[str, str] | None = None,
        timeout_s: float = 3.0,
        subscribe: tuple[str, Callable[[str], None]] | None = None,
    ) -> None:
        self._locate = locate
        self._scripts = scripts or {}
        self._shas: dict[str, bytes] = {}
        self._timeout_s = timeout_s
        self._subscribe = subscribe
        self._protocol: _Protocol | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self.why_down = "not connected yet"
        self.connections = 0  # how many there have been: with each that broke, answers may have been lost

    @property
    def connected(self) -> bool:
        return self._protocol is not None

    async def start(self) -> None:
        """Connect and keep connected. Raises StoreUnavailable when the first connection fails within the time-out."""
        self._task = asyncio.create_task(self._keep())
        try:
            await asyncio.wait_for(self._up.wait(), self._timeout_s)
        except TimeoutError:
            raise StoreUnavailable(f"The store cannot be reached: {self.why_down}.") from None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.close()
            await asyncio.sleep(0)
        self._protocol = None

    async def pause(self, seconds: float) -> None:
        """Wait so long before trying again what failed; while the connection is down, only until it stands again."""
        if self._up.is_set():
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    def call(self, *args: Value) -> asyncio.Future[Any]:
        """Send one command. The future raises StoreUnavailable or, for our own mistakes, hiredis.ReplyError."""
        protocol = self._protocol
        if protocol is None:
            raise StoreUnavailable(f"The store is away: {self.why_down}.")
        return protocol.send(_pack(args))

    def post(self, *args: Value) -> None:
        """Send one command whose answer nobody needs. Raises StoreUnavailable."""
        protocol = self._protocol
        if protocol is None:
            raise StoreUnavailable(f"The store is away: {self.why_down}.")
        protocol.post(_pack(args))

    async def run(self, script: str, prefix: Value, *args: Value) -> Any:
        """Run one of our scripts with KEYS = [prefix]."""
        for again in (True, False):
            sha = self._shas.get(script)
            if sha is None:
                raise StoreUnavailable(f"The store is away: {self.why_down}.")
            try:
                return await self.call(b"EVALSHA", sha, b"1", prefix, *args)
            except hiredis.ReplyError as e:
                # Somebody flushed the script cache, or another server took over.
                if not (again and str(e).startswith("NOSCRIPT")) or self._protocol is None:
                    raise
                await self._load(self._protocol)
        raise AssertionError("unreachable")

    async def _load(self, protocol: _Protocol) -> None:
        for name, source in self._scripts.items():
            self._shas[name] = await protocol.send(_pack(("SCRIPT", "LOAD", source)))

    async def _keep(self) -> None:
        pause = 0.05
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    protocol = await self._connect()
            except (OSError, TimeoutError, StoreUnavailable, hiredis.ReplyError, hiredis.ProtocolError) as e:
                self.why_down = str(e) or type(e).__name__
                await asyncio.sleep(pause)
                pause = min(pause * 2, RECONNECT_MAX_S)
                continue
            pause = 0.05
            self._protocol = protocol
            self.connections += 1
            self._up.set()
            try:
                await self._watch(protocol)
            finally:
                self._protocol = None
                self._up.clear()
                protocol.abort()
            self.why_down = "the connection broke"

    async def _connect(self) -> _Protocol:
        where = await self._locate()
        loop = asyncio.get_running_loop()
        if where.path:
            _, protocol = await loop.create_unix_connection(_Protocol, where.path)
        else:
            _, protocol = await loop.create_connection(
                _Protocol, where.host, where.port, ssl=True if where.tls else None
            )
        try:
            if where.password:
                who = (where.username, where.password) if where.username else (where.password,)
                await protocol.send(_pack(("AUTH", *who)))
            if where.db:
                await protocol.send(_pack(("SELECT", str(where.db))))
            await self._load(protocol)
            if self._subscribe is not None:
                channel, ring = self._subscribe
                await protocol.send(_pack(("SUBSCRIBE", channel)))

                def push(reply: Any) -> None:
                    if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
                        ring(reply[2].decode())
                    elif protocol.waiting:  # the answer to our own PING
                        protocol.waiting.popleft()

                protocol.on_push = push
        except BaseException:
            protocol.abort()
            raise
        return protocol

    async def _watch(self, protocol: _Protocol) -> None:
        """Until the connection is lost, or the store has let somebody wait too long."""
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while True:
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event, and
                # `stop` during the loss of the connection waited for ever.
                async with asyncio.timeout(self._timeout_s / 3):
                    await protocol.lost.wait()
                return
            except TimeoutError:
                pass
            now = loop.time()
            if protocol.waiting and now - protocol.waiting[0][1] > self._timeout_s:
                log.warning("the store has not answered for %.1f s; reconnecting", now - protocol.waiting[0][1])
                self.why_down = "it does not answer"
                return
            if not protocol.waiting and now - idle_since > self._timeout_s * 2:
                # A half-open connection shows itself only to someone who asks.
                idle_since = now
                protocol.post(_pack(("PING",)))
