"""Callers with wrong keys: they wait, so that a key cannot be found by trying.

Each caller may be wrong a few times at once and then twice a second for one account; what comes beyond that is not even
looked at before its turn. A right key costs nothing, and one account's wrong keys do not concern another's. Behind a
proxy that is not among `trusted_proxies` all callers have one address: then somebody with the right key may have to
wait in the same queue, but is not locked out. Path secrets are not looked after here, they are too long to be guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address
from typing import Final

from relay.contract.errors import RelayError

AT_ONCE: Final = 120
PER_S: Final = 2.0
QUEUE: Final = 20  # who waits at once, per caller and account
CALLERS: Final = 10_000
LATELY_S: Final = 600.0
SEVERAL: Final = 3
COUNTED: Final = 1000


class TooManyWrongKeys(RelayError):
    """-> 429 with Retry-After; the key was not looked at."""

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("Too many wrong keys from here.")


class _Caller:
    __slots__ = ("due", "tokens", "touched", "waiting")

    def __init__(self, now: float) -> None:
        self.tokens = float(AT_ONCE)
        self.touched = now
        self.due = now  # when the last one who waits may go
        self.waiting = 0


class WrongKeys:
    """Remembers callers by address (of IPv6 the network) and account. Empty while nobody was wrong."""

    def __init__(self) -> None:
        self.callers: OrderedDict[tuple[str, str], _Caller] = OrderedDict()

    def wrong(self, address: str, account: str) -> None:
        """A key was looked at and is wrong."""
        key = (network_of(address), account)
        now = time.monotonic()
        caller = self.callers.get(key)
        if caller is None:
            if len(self.callers) >= CALLERS:
                self.callers.popitem(last=False)
            caller = self.callers[key] = _Caller(now)
        self.callers.move_to_end(key)
        _refill(caller, now)
        caller.tokens = max(caller.tokens - 1.0, -1.0)

    async def turn(self, address: str, account: str) -> None:
        """Wait until this caller's next key may be looked at. Raises TooManyWrongKeys where too many wait already."""
        caller = self.callers.get((network_of(address), account))
        if caller is None:
            return
        now = time.monotonic()
        _refill(caller, now)
        if caller.tokens >= 1.0 and not caller.waiting:
            return
        if caller.waiting >= QUEUE:
            raise TooManyWrongKeys(int(QUEUE / PER_S) + 1)
        caller.due = max(caller.due, now) + 1.0 / PER_S
        caller.waiting += 1
        try:
            await asyncio.sleep(caller.due - now)
        finally:
            caller.waiting -= 1


class RefusedHooks:
    """Hooks of our accounts that came with a wrong secret or key lately: the far side may be registered with another
    relay, or with a secret of before. Now and then one is a stranger who tries; several are somebody's messages."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def note(self, account: str) -> None:
        """One came."""
        times = self._times.get(account)
        if times is None:
            times = self._times[account] = deque(maxlen=COUNTED)
        times.append(time.monotonic())

    def lately(self) -> dict[str, int]:
        """How many in the last `LATELY_S` seconds, of the accounts where it is `SEVERAL` or more."""
        oldest = time.monotonic() - LATELY_S
        counts = {name: sum(at >= oldest for at in times) for name, times in self._times.items()}
        return {name: count for name, count in counts.items() if count >= SEVERAL}


def _refill(caller: _Caller, now: float) -> None:
    caller.tokens = min(float(AT_ONCE), caller.tokens + (now - caller.touched) * PER_S)
    caller.touched = now


def network_of(address: str) -> str:
    """An IPv6 caller has 2**64 addresses of its own: its network is what counts."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(found) >> 64 << 64)) if isinstance(found, IPv6Address) else address
