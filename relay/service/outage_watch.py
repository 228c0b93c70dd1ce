"""A destination that takes nothing for minutes is told to whoever waits, and once more when it is over.

The store notes in the scripts since when nothing has got through, and a success takes the note away; here is only
decided whom to tell, and when. A breaker that is open, or a refused key, has its own words.
"""

from __future__ import annotations

import logging

from relay.routing.accounts import Accounts
from relay.service.announcer import Announcer
from relay.store.records import Destination
from relay.store.store import Store

log = logging.getLogger("relay.service.outage_watch")

LOOK_EVERY_S = 10.0
TELL_AFTER_S = 120.0
LEASE_S = 30.0


def to_be_told(d: Destination, now_ms: int, after_s: float = TELL_AFTER_S) -> bool:
    """Whether people have to hear of it now: something waits, and nothing has got through for that long."""
    if d.told or d.paused or d.open_ms or not d.failing_ms or not d.backlog:
        return False
    return now_ms - d.failing_ms >= after_s * 1000


class OutageWatch:
    """Looks after all destinations; one process of a deployment does."""

    def __init__(
        self, accounts: Accounts, store: Store, announcer: Announcer, *, after_s: float = TELL_AFTER_S
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.announcer = announcer
        self.after_s = after_s

    async def look(self, holder: str) -> None:
        """Tell what has to be told. Raises StoreUnavailable."""
        if not await self.store.try_lease("outages", holder, LEASE_S):
            return
        now_ms = int(await self.store.now_s() * 1000)
        for name in list(self.accounts.by_name):
            found = await self.store.destination(name)
            if to_be_told(found, now_ms, self.after_s) and await self.store.mark_told(name):
                await self.announcer.state_change(name, "failing", found.last_words)
