"""Accounts whose events are fetched: one poller an account, whatever the number of processes; and catching up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from hiredis import ReplyError

from relay.contract import CatchingUp, Http, Polling
from relay.contract.errors import RelayError
from relay.inbound.intake import Intake
from relay.routing.accounts import Accounts
from relay.store.store import Store, StoreMemory

log = logging.getLogger("relay.service.pollers")

LEASE_S = 15.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
CATCH_UP_EVERY_S = 600.0


class Pollers:
    """Runs what `Polling` and `CatchingUp` bridges ask for."""

    def __init__(
        self, accounts: Accounts, store: Store, senders: Mapping[str, Http], intake: Intake, holder: str
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.senders = senders
        self.intake = intake
        self.holder = holder

    def needed(self) -> list[str]:
        """The accounts whose events are fetched."""
        return [
            a.name
            for a in self.accounts.by_name.values()
            if (isinstance(a.bridge, Polling) and a.bridge.polls()) or isinstance(a.bridge, CatchingUp)
        ]

    async def run(self, name: str) -> None:
        """For ever: hold the lease, catch up, then poll if the settings ask for it, else catch up again after a while;
        back off on trouble."""
        connection, pause = self.accounts.by_name[name], FIRST_PAUSE_S
        bridge = connection.bridge
        memory = StoreMemory(self.store, connection.name)
        http = self.senders[connection.name]
        while True:
            try:
                if not await self.store.try_lease(f"poll:{connection.name}", self.holder, LEASE_S):
                    await asyncio.sleep(LEASE_S / 3)
                    continue
                async with asyncio.TaskGroup() as group:
                    renewing = group.create_task(self._renew(connection.name))
                    if isinstance(bridge, CatchingUp):
                        for event in await bridge.missed(http, memory):
                            await self.intake.take(connection, event, b"")
                    if isinstance(bridge, Polling) and bridge.polls():
                        async for events in bridge.events(http, memory):
                            pause = FIRST_PAUSE_S
                            for event in events:
                                await self.intake.take(connection, event, b"")
                    else:
                        # Also while all is well: a hook may have got lost, and a bridge that looks often knows that
                        # what it finds is younger than the keys by which repeats are told (`keys.SEEN_TTL_S`).
                        pause = FIRST_PAUSE_S
                        await asyncio.sleep(CATCH_UP_EVERY_S)
                    renewing.cancel()
            except* (RelayError, ReplyError, OSError) as group_error:
                log.warning("%s: polling: %s; again in %.0f s", connection.name, group_error.exceptions[0], pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_S)

    async def _renew(self, name: str) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            if not await self.store.try_lease(f"poll:{name}", self.holder, LEASE_S):
                raise RelayError("another process polls now")
