"""When to try again: pure, the random source is handed in."""

from __future__ import annotations

from collections.abc import Callable

JITTER = 0.10
# `Retry-After` is obeyed between the schedule's own delay and this; a mistaken "come back in 30 years" is not.
RETRY_AFTER_MAX_S = 3600.0


def delay_s(base_s: float, random: Callable[[], float], retry_after_s: float | None = None) -> float:
    """Seconds to wait for a step of the schedule: +-10 % jitter, so that lanes which failed together do not come back
    together. `random` gives [0, 1).

    A `Retry-After` lengthens the wait, to an hour or twice the step at most, and never shortens it (PITFALLS
    experiment 17).
    """
    delay = base_s * (1 + JITTER * (2 * random() - 1))
    if retry_after_s is not None and retry_after_s > delay:
        delay = min(retry_after_s, max(RETRY_AFTER_MAX_S, 2 * base_s))
    return delay
