"""The front door: hooks that come whole are read straight from their connection, everything else is aiohttp's.

aiohttp wakes three tasks and builds a dozen objects for a request, which is several times what a hook itself needs. A
sender's hook is small and nearly always comes in one piece over a connection kept open: then it is parsed here, by
httptools (the parser of Node.js), and answered. The first request on a connection that is anything else (a page, an
upload, a body in pieces, two requests at once, HTTP/1.0, something unreadable) hands the connection over to aiohttp for
good, with every byte that came: nothing that is at all unusual is judged here.

The door also bounds what connections cost, whoever reads them: there is a most of them, below what the system lets this
process open, and each is looked at every few seconds (see `relay.inbound.connections`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from relay.inbound.connections import (
    AiohttpConnection,
    Connection,
    HookConnection,
    RequestHandler,
)
from relay.inbound.hooks import Hooks
from relay.inbound.replies import ReplyWriter
from relay.observe.quiet_log import QuietLog

log = logging.getLogger("relay.inbound.front")

BACKLOG: Final = 128
CONNECTIONS: Final = 8192
# Descriptors that are not connections of strangers: store, deliveries, files.
KEPT_BACK: Final = 512
LOOK_EVERY_S: Final = 2.5


class Front:
    """Listens, and serves hooks and the application."""

    def __init__(
        self, app: web.Application, hooks: Hooks | None, *, shutdown_timeout: float, connections: int | None = None
    ) -> None:
        """`shutdown_timeout`: seconds that requests under way may still take when it stops. `connections`: how many at
        once; None: as many as the system's limit on open files leaves room for."""
        self.hooks = hooks
        self.composer = ReplyWriter()
        self.connections: set[Connection] = set()
        self.fresh: dict[Connection, None] = {}  # those that have not brought a request yet, the oldest first
        self.limit = connections or room_for_connections()
        self._quiet = QuietLog(log)
        self._timeout_s = shutdown_timeout
        app.on_response_prepare.append(_without_server)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=shutdown_timeout)
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        factory: Callable[[], asyncio.Protocol] = lambda: AiohttpConnection(self, fresh_since=loop.time())  # noqa: E731
        if (hooks := self.hooks) is not None:
            factory = lambda: HookConnection(self, hooks)  # noqa: E731
        self._server = await loop.create_server(factory, sock=listening, backlog=BACKLOG)
        self._watching = asyncio.create_task(self._watch(), name="connections")

    async def stop(self) -> None:
        """Take no connection more; let what is under way end, for at most the time given; close all."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # what has arrived is begun before it is looked for
        busy = [task for one in tuple(self.connections) if (task := one.leave()) is not None]
        if busy:
            await asyncio.wait(busy, timeout=self._timeout_s)
        for one in tuple(self.connections):
            if isinstance(one, HookConnection):
                one.close()
        await self._runner.cleanup()
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    def handler(self) -> RequestHandler:
        """A protocol of aiohttp's server for one connection."""
        server = self._runner.server
        assert server is not None
        return RequestHandler(server, self._quiet)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more. Where there is none, who has waited longest without a word makes room."""
        if len(self.connections) >= self.limit:
            self._quiet.say(
                logging.WARNING,
                "full",
                "%d connections are open, which is all that this process may have (see `ulimit -n`): "
                "those that have been silent for longest are closed.",
                len(self.connections),
            )
            oldest = next(iter(self.fresh), None)
            if oldest is None:
                return False
            oldest.abort()
        self.connections.add(connection)
        self.fresh[connection] = None
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed, or somebody else's."""
        self.connections.discard(connection)
        self.fresh.pop(connection, None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = loop.time()
            for connection in tuple(self.connections):
                connection.look(now)


def room_for_connections() -> int:
    """Raise this process's limit on open files as far as it may, and say how many of them connections may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + KEPT_BACK
    if soft != resource.RLIM_INFINITY and soft < wanted:
        more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, more), hard))
            soft = max(soft, more)
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(min(CONNECTIONS, soft - KEPT_BACK), soft // 4)


async def _without_server(request: web.Request, response: web.StreamResponse) -> None:
    """Which software and version answers is nobody's business."""
    response.headers.pop(hdrs.SERVER, None)
