"""What unverified bytes may cost all together, and how slowly they may come."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from relay.contract.errors import RelayError

UNVERIFIED_BYTES: Final = 64 * 1024 * 1024
# A body without a byte for this long is given up, and so is one that after a while is slower than any telephone.
SILENCE_S: Final = 10.0
GRACE_S: Final = 15.0
LEAST_RATE: Final = 8 * 1024  # bytes/s, on average since the beginning


class Crowded(RelayError):
    """What is under way already takes all that strangers may use here -> 503; the caller is asked to come back."""


class Budget:
    """Bytes in memory that nobody has vouched for yet, of all requests of this process together."""

    def __init__(self, limit: int = UNVERIFIED_BYTES) -> None:
        self.limit = limit
        self.used = 0

    def share(self) -> Share:
        """One request's part, given back at the end of a `with`."""
        return Share(self)


class Share:
    """What one request holds of the budget."""

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    def take(self, size: int) -> None:
        """`size` bytes more. Raises Crowded."""
        if self._budget.used + size > self._budget.limit:
            raise Crowded("Too much is being sent here at the moment; please come back.")
        self._budget.used += size
        self._held += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget.used -= self._held
        self._held = 0


class Pace:
    """How long to wait for the next bytes of a body: as long as it flows there is no end to an upload."""

    def __init__(
        self, *, silence_s: float | None = None, grace_s: float | None = None, least_rate: float | None = None
    ) -> None:
        self.silence_s = SILENCE_S if silence_s is None else silence_s
        self.grace_s = GRACE_S if grace_s is None else grace_s
        self.least_rate = LEAST_RATE if least_rate is None else least_rate
        self._began = time.monotonic()
        self._size = 0

    def came(self, size: int) -> None:
        """So many bytes came."""
        self._size += size

    def patience_s(self) -> float:
        """Seconds until the next ones are due. Raises TimeoutError for a body that is too slow already."""
        passed = time.monotonic() - self._began
        left = self.grace_s + self._size / self.least_rate - passed
        if left <= 0:
            raise TimeoutError
        return min(self.silence_s, left)
