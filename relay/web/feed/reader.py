"""The one reader of a process: waits for entries, reads what each is about once, encodes it once, hands it to all.

It keeps the newest events, so most listeners that come back are served from memory; what is older is read from the feed
again, and what is older than the feed is a `resync`: the listener reads its state anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson

from relay.contract.errors import RelayError, StoreUnavailable
from relay.history.archived import ArchivedPosition
from relay.store.feed import START, FeedEntry, order
from relay.store.store import Store, listen
from relay.web.feed.event import Event, encoded
from relay.web.feed.listener import Listener

log = logging.getLogger("relay.web.feed")

RING = 2_000
REPLAY_MAX = 5_000  # entries that are read again from the feed for one listener
BLOCK_MS = 1_000
BATCH = 500
PAUSE_S = 1.0
ARCHIVED_S = 10.0
LISTENERS_MAX = 1_000


class TooMany(RelayError):
    """This process has as many listeners as it takes."""


class FeedReader:
    """`run` for ever; `resume` gives a listener what it has missed and everything from then on."""

    def __init__(self, store: Store, read: Callable[[FeedEntry], Awaitable[Event]], archived: ArchivedPosition) -> None:
        """`read`: what an entry is about, as an event without `prev`; it is asked once the database contains the entry.
        May raise RelayError."""
        self._archived = archived
        self.store = store
        self.position = ""  # of the newest event handed out
        self.epoch = ""
        self._read = read
        self._ring: deque[Event] = deque(maxlen=RING)
        self._before_ring = ""  # position before the oldest event in the ring
        self._listeners: set[Listener] = set()
        self._ready = asyncio.Event()
        self._stage: Any = None

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def run(self) -> None:
        """For ever. Survives the store being away; listeners stay and hear of everything afterwards."""
        self._stage = listen(self.store, "stage", self._staged)
        await self._stage.start()
        try:
            while True:
                try:
                    await self._begin()
                    while True:
                        for entry in await self.store.feed.read(self.position, BATCH, BLOCK_MS):
                            while not await self._archived.reach(entry.id, ARCHIVED_S):
                                log.warning("pages wait for the history, which is behind")
                            await self._take(entry)
                except RelayError as e:
                    log.warning("the feed cannot be read; pages hear nothing meanwhile: %s", e)
                    await asyncio.sleep(PAUSE_S)
        finally:
            await self._stage.stop()

    async def _begin(self) -> None:
        epoch = await self.store.feed.epoch()
        _, last = await self.store.feed.bounds()
        if self.epoch and (epoch != self.epoch or (self.position and order(last) < order(self.position))):
            # Another store than the one our listeners know, or one that has forgotten something.
            self._ring.clear()
            self.position = ""
            for listener in self._listeners:
                listener.put(encoded(Event("resync", {"why": "store"})))
        self.epoch = epoch
        if not self.position:
            self.position = self._before_ring = last
        self._ready.set()

    async def _take(self, entry: FeedEntry) -> None:
        event = await self._read(entry)
        event = msgspec.structs.replace(event, id=entry.id, data={"prev": self.position, **event.data})
        if not event.user:
            event = encoded(event)
        if len(self._ring) == RING:
            self._before_ring = self._ring[0].id
        self._ring.append(event)
        self.position = entry.id
        for listener in self._listeners:
            listener.put(event)

    def _staged(self, payload: str) -> None:
        """Who looks, who types: to whoever listens now."""
        try:
            said = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if isinstance(said, dict):
            event = encoded(Event("stage", said, channel=str(said.pop("channel", ""))))
            for listener in self._listeners:
                listener.put(event)

    # --- listeners ---------------------------------------------------------------------------------------------------

    async def resume(self, listener: Listener, after: str | None) -> list[Event]:
        """Add a listener. Returns what it has missed since `after` (None: nothing is asked for), a `resync` where that
        cannot be told. From here on it must be taken off with `leave`. Raises TooMany, StoreUnavailable, ValueError."""
        if len(self._listeners) >= LISTENERS_MAX:
            raise TooMany("This process has as many listeners as it takes; try again in a while.")
        try:
            async with asyncio.timeout(5):
                await self._ready.wait()
        except TimeoutError:
            raise StoreUnavailable("The feed is not read yet.") from None
        if after is None:
            self._listeners.add(listener)
            return []
        wanted = order(after)
        if wanted > order(self.position):
            _, last = await self.store.feed.bounds()
            if wanted > order(last):
                self._listeners.add(listener)
                return [Event("resync", {"why": "newer than the feed"})]
        older: list[Event] = []
        if wanted < order(self._before_ring):
            found = await self._older(after)
            if found is None:
                self._listeners.add(listener)
                return [Event("resync", {"why": "too old"})]
            older = found
            wanted = max(wanted, order(older[-1].id)) if older else wanted
        # No pause from here on: what is not in the ring yet will be put into the listener's queue.
        self._listeners.add(listener)
        return [listener.seen(e) for e in older] + [listener.seen(e) for e in self._ring if order(e.id) > wanted]

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    async def _older(self, after: str) -> list[Event] | None:
        """What lies between a position and the ring, read again; None where it is too much, or gone."""
        first, _ = await self.store.feed.bounds()
        if order(first) > order(after) and after != START and order(first) != (0, 0):
            return None
        events: list[Event] = []
        position = after
        while order(position) < order(self._before_ring):
            entries = await self.store.feed.read(position, BATCH)
            if not entries:
                break
            for entry in entries:
                if order(entry.id) > order(self._before_ring):
                    return events
                event = await self._read(entry)
                if not event.user:
                    data = {"prev": position, **event.data}
                    events.append(msgspec.structs.replace(event, id=entry.id, data=data))
                position = entry.id
            if len(events) > REPLAY_MAX:
                return None
        return events

    def close(self, why: str) -> None:
        """End all listeners: a process that stops, first."""
        for listener in self._listeners:
            listener.close(why)
