"""How many streams one asker may hold open at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PER_ASKER = 6


class TooManyStreams(Exception):
    """This session or token has as many as it may."""


class Streams:
    """Counts open streams by asker, for one process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """One stream, for as long as the block takes. Raises TooManyStreams."""
        if self._open[who] >= PER_ASKER:
            raise TooManyStreams(f"At most {PER_ASKER} streams may be open at a time; close one, or share it.")
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
