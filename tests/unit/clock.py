"""A clock for what takes one, so that a week passes in no time."""

from __future__ import annotations


class FakeClock:
    """Stands still until it is moved; seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds
