"""`/api/v1/events` as server-sent events, and `/api/v1/events.json` for whoever cannot hold a connection open."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from relay.web.feed.event import Event, encoded
from relay.web.feed.listener import Listener
from relay.web.feed.reader import FeedReader

log = logging.getLogger("relay.web.feed")

BEAT_S: Final = 15.0
PROVE_EVERY_S: Final = 60.0
WRITE_S: Final = 30.0  # a peer that takes nothing for so long is gone
RETRY_MS: Final = 1_500
_BEAT: Final = encoded(Event("beat", {}))
HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would otherwise hold events back
    "X-Content-Type-Options": "nosniff",
}


async def stream(
    request: web.Request,
    reader: FeedReader,
    listener: Listener,
    missed: Sequence[Event],
    *,
    user: str,
    still_valid: Callable[[], Awaitable[bool]],
) -> web.StreamResponse:
    """Send events until the listener ends or its peer leaves. `still_valid` is asked once a minute, and at once when
    its user's sessions were changed."""
    response = web.StreamResponse(headers=HEADERS)
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        hello = Event("hello", {"epoch": reader.epoch, "at": reader.position, "user": user}, reader.position)
        await _write(response, f"retry: {RETRY_MS}\n\n".encode())
        if missed:
            # What comes first has its own position; hello's would be ahead of it.
            hello = Event("hello", {"epoch": reader.epoch, "at": missed[0].data.get("prev", ""), "user": user})
        await _write(response, hello.bytes() + b"".join(e.bytes() for e in missed if not e.user))
        await _follow(response, listener, still_valid)
    except (ConnectionError, TimeoutError) as e:
        log.debug("a listener left: %s", e)
    finally:
        reader.leave(listener)
    return response


async def _follow(response: web.StreamResponse, listener: Listener, still_valid: Callable[[], Awaitable[bool]]) -> None:
    proved = time.monotonic()
    while True:
        event = await listener.next(BEAT_S)
        if event is not None:
            await _write(response, event.bytes())
            continue
        if listener.closing:
            pause_ms = random.randint(500, 3_000)  # noqa: S311 - so that not all come back at once
            await _write(response, f"retry: {pause_ms}\n".encode() + Event("bye", {"why": listener.closing}).bytes())
            return
        if listener.must_prove or time.monotonic() - proved > PROVE_EVERY_S:
            # A session that got a new id meanwhile comes back with it; one that was ended does not.
            why = "revoked" if listener.must_prove else "renew"
            listener.must_prove = False
            proved = time.monotonic()
            if not await still_valid():
                listener.close(why)
                continue
        await _write(response, _BEAT.raw)


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_S):
        await response.write(data)


async def poll(
    reader: FeedReader, listener: Listener, missed: Sequence[Event], wait_s: float
) -> tuple[list[Event], str]:
    """(events, position to ask after next time): what was missed, or what comes first within `wait_s`."""
    try:
        events = [e for e in missed if not e.user]
        if not events:
            deadline = time.monotonic() + wait_s
            while not events and not listener.closing and (left := deadline - time.monotonic()) > 0:
                event = await listener.next(left)
                if event is not None and event.name in ("change", "resync"):
                    events.append(event)
                elif listener.must_prove:
                    break
        return events, next((e.id for e in reversed(events) if e.id), reader.position)
    finally:
        reader.leave(listener)
