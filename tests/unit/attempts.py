"""Attempts that do what a test says, for a worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from relay.outbound.lane_worker import Begin
from relay.store.records import Finish, Head, LeasedLane

Deliver = Callable[[LeasedLane, Head, bool], Awaitable[Finish]]


class _Told:
    def __init__(self, deliver: Deliver, what: tuple[LeasedLane, Head, bool]) -> None:
        self._deliver = deliver
        self._what = what

    async def send(self) -> None:
        self._said = await self._deliver(*self._what)

    def finish(self) -> Finish:
        return self._said


def made_by(deliver: Deliver) -> Begin:
    """Attempts whose sending is `deliver`, which says what to write."""
    return lambda *what: _Told(deliver, what)
