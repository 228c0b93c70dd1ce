"""How many attempts of one destination may be under way at once.

A place is held while an attempt is sent and no longer: it is worded before, and its answer judged afterwards. Lanes are
claimed a few ahead of the free places: what comes after an attempt, writing its result and claiming the next lane, is
two answers of the store, and a destination that takes 50 ms would be idle for a fifth of the time (measured: 0.75 of
what its places allow).
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """First come, first served."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._closed = False

    async def take(self) -> bool:
        """Wait for a place. False, then or later, once it is closed: there is none to `release`."""
        if self._closed:
            return False
        if self._free:
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.release()  # it was given to us in the very moment
            raise

    def release(self) -> None:
        """Give a place back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1

    def close(self) -> None:
        """Nobody gets a place any more."""
        self._closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(False)
