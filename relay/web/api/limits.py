"""How much a caller may ask for: 600 requests a minute for each token or user, counted for all processes together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relay.store.store import Store
from relay.web.api.problems import Problem

A_MINUTE: Final = 600
BODY_BYTES: Final = 1_000_000
_COUNT: Final = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('EXPIRE', KEYS[1], 70) end
return n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left of this minute."""

    left: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As drafted by the IETF (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"minute";q={A_MINUTE};w=60',
            "RateLimit": f'"minute";r={max(0, self.left)};t={self.reset_s}',
        }


class Limits:
    """Counts requests in the store."""

    def __init__(self, store: Store, *, a_minute: int = A_MINUTE, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.a_minute = a_minute
        self.clock = clock

    async def count(self, who: str) -> Allowance:
        """Count a request. Raises Problem when it is one too many."""
        now = self.clock()
        minute = int(now // 60)
        reset_s = max(1, int((minute + 1) * 60 - now + 0.999))
        n = int(await self.store.wire.call("EVAL", _COUNT, "1", self.store.key(f"rate:{who}:{minute}")))
        allowance = Allowance(left=self.a_minute - n, reset_s=reset_s)
        if n > self.a_minute:
            raise Problem(
                "too-many",
                f"More than {self.a_minute} requests in a minute. Try again in {reset_s} s.",
                headers={"Retry-After": str(reset_s), **allowance.headers()},
                limit=self.a_minute,
                retry_after=reset_s,
            )
        return allowance
