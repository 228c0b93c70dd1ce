"""One listener's queue: bounded in events and bytes, so that a page which does not read costs nobody else anything."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from relay.web.feed.event import Event

EVENTS_MAX = 256
BYTES_MAX = 512 * 1024
RESYNC = Event("resync", {"why": "too slow"})


class Listener:
    """`put` never waits; `next` does. Overflowing empties it and leaves one `resync` behind."""

    def __init__(self, may_see: Callable[[str], bool], user: str = "") -> None:
        """`may_see(channel)`: whether events of a channel are for this listener; `user`: whose session it is."""
        self.may_see = may_see
        self.user = user
        self.must_prove = False  # its user's sessions were changed: ask whether it may go on
        self.closing = ""  # why it has to end
        self._queue: deque[Event] = deque()
        self._bytes = 0
        self._waiting: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        if event.user:
            if event.user != self.user:
                return
            self.must_prove = True
            self._wake()
            return
        event = self.seen(event)
        self._queue.append(event)
        self._bytes += len(event.raw) or 100
        if len(self._queue) > EVENTS_MAX or self._bytes > BYTES_MAX:
            self._queue.clear()
            self._queue.append(RESYNC)
            self._bytes = 100
        self._wake()

    def seen(self, event: Event) -> Event:
        """What this listener may be told of an event. Its position goes on in any case, or a gap would be seen where
        there is none."""
        if event.channel and not self.may_see(event.channel):
            return Event("change", {"prev": event.data.get("prev", ""), "k": "hidden"}, event.id)
        return event

    def close(self, why: str) -> None:
        """End it after what is queued."""
        self.closing = self.closing or why
        self._wake()

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None when there is none within that time, or `must_prove` or `closing` is to be looked at."""
        if not self._queue and not self.closing and not self.must_prove:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._waiting
            except TimeoutError:
                return None
            finally:
                self._waiting = None
        if not self._queue:
            return None
        event = self._queue.popleft()
        self._bytes = max(0, self._bytes - (len(event.raw) or 100))
        return event

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
