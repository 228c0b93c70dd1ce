"""Hands a message over to a worker of this very process in the step that accepts it.

Claiming is one more script, one more fsync and one more turn of the loop; where acceptor and worker are one process and
the lane is asleep, acceptance gives the lane to the worker under the same fenced lease that claiming would. The store
stays the truth: if we die in between, the lease ends and the lane moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from relay.store.records import LeasedLane


class LaneTaker(Protocol):
    """A worker, as far as acceptance knows one."""

    def reserve(self) -> bool:
        """Keep a place; False when none is free."""
        ...

    def cancel_reservation(self) -> None: ...

    def take(self, lane: LeasedLane) -> None: ...


class Handover:
    """The workers of this process, as acceptance sees them. Without any, nothing is handed over."""

    def __init__(self, name: str = "", workers: Mapping[str, LaneTaker] | None = None) -> None:
        self.name = name
        self.workers = {} if workers is None else workers  # by destination; filled while the process starts

    def reserve(self, to: Sequence[str]) -> list[str]:
        """Which of these destinations have a worker here with a place free; each place is kept until `cancel`."""
        return [d for d in to if (worker := self.workers.get(d)) is not None and worker.reserve()]

    def cancel(self, offered: Sequence[str]) -> None:
        """The places are no longer kept: the lanes have come, or did not."""
        for destination in offered:
            self.workers[destination].cancel_reservation()

    def hand_over(self, destination: str, lane: LeasedLane) -> None:
        """A lane that acceptance has leased to this process."""
        self.workers[destination].take(lane)
