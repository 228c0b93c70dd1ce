"""Time limits for very many short exchanges, kept by one timer.

`asyncio.timeout` sets and takes back a timer of the loop for every use; measured, that is a tenth of the cost of a
whole small HTTP request (16 of 160 µs). Here a limit costs two operations on a set: the one timer is set for the
earliest deadline known and, as limits are nearly always of the same length, rarely has to be set again.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class Deadlines:
    """The limits that hold at the moment. Belongs to the event loop it is first used on."""

    __slots__ = ("_due", "_open", "_timer")

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # loop time of the timer

    def limit(self, seconds: float) -> Deadline:
        """`with deadlines.limit(10): await ...` cancels what is inside after that time and raises TimeoutError."""
        return Deadline(self, seconds)

    def _add(self, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        self._open.add(deadline)
        if self._timer is not None:
            if self._due <= deadline.at:
                return
            self._timer.cancel()
        self._due = deadline.at
        self._timer = loop.call_at(deadline.at, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        left = []
        for deadline in self._open:
            if deadline.at <= now:
                deadline.expire()
            elif not deadline.expired:
                left.append(deadline.at)
        if left:
            self._due = min(left)
            self._timer = loop.call_at(self._due, self._expire, loop)


class Deadline:
    """One limit, on the current task. The rules of cancelling are those of `asyncio.timeout`."""

    __slots__ = ("_cancelling", "_deadlines", "_seconds", "_task", "at", "expired")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self.at = 0.0  # loop time
        self.expired = False

    def __enter__(self) -> Deadline:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        loop = task.get_loop()
        self._task = task
        self._cancelling = task.cancelling()
        self.at = loop.time() + self._seconds
        self._deadlines._add(self, loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines._open.discard(self)
        if self.expired:
            assert self._task is not None
            # Somebody else's cancellation that came at the same time is not ours to swallow.
            if (
                self._task.uncancel() <= self._cancelling
                and kind is not None
                and issubclass(kind, asyncio.CancelledError)
            ):
                raise TimeoutError from error

    def expire(self) -> None:
        if not self.expired and self._task is not None:
            self.expired = True
            self._task.cancel()
