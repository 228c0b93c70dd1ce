"""What every open page is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp_sse import sse_response

from bridges.sandbox_kit.answers import dumps

EVENTS_PER_PAGE = 500  # a page that falls further behind is told to read the state again


PING_S = 5.0  # how soon a page that went away is noticed


def _end(queue: asyncio.Queue[str | None]) -> None:
    """Whoever reads the queue stops, whatever was in it."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass  # pages say nothing


class EventHub:
    """Tells every open page what happened. Queues are bounded: a page that does not read gets one `resync` instead."""

    def __init__(self) -> None:
        self._pages: set[asyncio.Queue[str | None]] = set()
        self._closed = False
        self.on_last_page_left: Callable[[], None] | None = None

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    def publish(self, kind: str, data: Any = None) -> None:
        """Never waits. `data` is any JSON value, serialised here, so later changes to it do not matter."""
        if not self._pages:
            return
        event = dumps({"kind": kind, "data": data})
        for queue in self._pages:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(dumps({"kind": "resync", "data": None}))
            else:
                queue.put_nowait(event)

    def close(self) -> None:
        """Ends every stream at once; new ones end at once too."""
        self._closed = True
        for queue in self._pages:
            _end(queue)

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """The handler of `_sandbox/live`: the same events for pages. A browser opens only six HTTP connections to one
        address; a WebSocket is none of them, so any number of pages can be open beside each other."""
        origin = request.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="A page of another site may not listen.")
        response = web.WebSocketResponse(heartbeat=PING_S * 3)
        await response.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue(EVENTS_PER_PAGE)
        self._pages.add(queue)
        watch = asyncio.ensure_future(_until_closed(response))
        watch.add_done_callback(lambda _: _end(queue))
        try:
            await response.send_str(dumps({"kind": "hello", "data": None}))
            while not self._closed and (event := await queue.get()) is not None:
                await response.send_str(event)
        except (ConnectionError, RuntimeError):
            pass  # the page was closed
        finally:
            self._pages.discard(queue)
            watch.cancel()
            if not self._pages and self.on_last_page_left is not None:
                self.on_last_page_left()
        await response.close()
        return response

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The handler of `_sandbox/events`."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(EVENTS_PER_PAGE)
        async with sse_response(request, ping_interval=PING_S) as response:
            watch = asyncio.ensure_future(response.wait())  # ends when the page's connection is found lost
            watch.add_done_callback(lambda _: _end(queue))
            self._pages.add(queue)
            try:
                await response.send(dumps({"kind": "hello", "data": None}), retry=1000)
                while not self._closed and (event := await queue.get()) is not None:
                    await response.send(event)
            except ConnectionResetError:
                pass  # the page was closed
            finally:
                self._pages.discard(queue)
                watch.cancel()
                if not self._pages and self.on_last_page_left is not None:
                    self.on_last_page_left()
        return response
