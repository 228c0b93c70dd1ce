"""Destinations that were paused because our key was refused come back by themselves once the other side is content.

Where the system can be asked (`Probing`), it is asked at growing intervals; where it cannot, the destination is let go
at the same intervals, and the next message finds out: a refusal pauses it again and uses up no try.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from relay.config.settings import Delivery
from relay.contract import Http, Probing
from relay.contract.errors import RelayError
from relay.routing.accounts import Accounts
from relay.service.announcer import Announcer
from relay.store.store import Store

log = logging.getLogger("relay.service.resumer")

DEFAULT_FIRST_S, DEFAULT_MAX_S = 5.0, 300.0


class Resumer:
    """Looks after paused destinations; one process at a time does."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        senders: Mapping[str, Http],
        announcer: Announcer,
        delivery: Delivery,
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.senders = senders
        self.announcer = announcer
        self.breaker = delivery.breaker
        self._next: dict[str, tuple[int, float]] = {}  # destination -> (times asked, when to ask again)

    async def look(self, holder: str) -> None:
        """Ask about every destination whose time has come."""
        paused = await self.store.paused_for_credentials(list(self.accounts.by_name))
        for name in set(self._next) - paused:
            del self._next[name]
        if not paused or not await self.store.try_lease("resumer", holder, 10.0):
            return
        now = time.monotonic()
        for name in paused:
            asked, due = self._next.get(name, (0, 0.0))
            if not due:
                self._next[name] = (0, now + self._pause_s(1))
            elif now >= due:
                self._next[name] = (asked + 1, now + self._pause_s(asked + 2))
                if await self._content(name):
                    await self.store.resume(name)
                    await self.announcer.state_change(name, "resumed", "")

    def _pause_s(self, number: int) -> float:
        if self.breaker is not None:
            return float(self.breaker.pause_s(number))
        return min(DEFAULT_FIRST_S * 2.0 ** min(number - 1, 20), DEFAULT_MAX_S)

    async def _content(self, name: str) -> bool:
        bridge = self.accounts.by_name[name].bridge
        if not isinstance(bridge, Probing):
            return True
        try:
            checks = await bridge.probe(self.senders[name])
        except RelayError as e:
            log.info("%s: still not content: %s", name, e)
            return False
        return not any(c.ok is False and c.credentials for c in checks)
