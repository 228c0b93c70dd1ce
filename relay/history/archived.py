"""How far the database has come, for whoever must not read it before it holds something."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from relay.history.queries import Queries
from relay.store.feed import START, order
from relay.store.store import Store, listen

CHANNEL: Final = "archived"
LOOK_EVERY_S: Final = 0.5  # what is published may be lost; the database is then asked


class ArchivedPosition:
    """Hears the archiver, in whatever process it runs."""

    def __init__(self, store: Store, queries: Queries) -> None:
        self.position = START
        self._store = store
        self._queries = queries
        self._waiting: set[asyncio.Future[None]] = set()
        self._listening: Any = None

    async def start(self) -> None:
        self._listening = listen(self._store, CHANNEL, self._hear)
        await self._listening.start()

    async def stop(self) -> None:
        if self._listening is not None:
            await self._listening.stop()

    async def reach(self, position: str, timeout_s: float) -> bool:
        """Wait until the database contains that position of the feed; False when it does not come to it in time.
        Raises HistoryUnavailable."""
        deadline = time.monotonic() + timeout_s
        wanted = order(position)
        while order(self.position) < wanted:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(turn)
            try:
                async with asyncio.timeout(min(left, LOOK_EVERY_S)):
                    await turn
            except TimeoutError:
                self._hear(await self._queries.position())
            finally:
                self._waiting.discard(turn)
        return True

    def _hear(self, position: str) -> None:
        try:
            known = order(position)
        except ValueError:
            return
        # It may also go back: another store, or an older copy of this one.
        if known == order(self.position):
            return
        self.position = position
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
