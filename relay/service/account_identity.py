"""A token that suddenly opens somebody else's account: its channel stops before the wrong customers are answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from relay.contract import Http, Identified, Texts
from relay.contract.errors import RelayError, StoreUnavailable
from relay.inbound.intake import Intake
from relay.routing.accounts import Account, Accounts
from relay.service.announcer import Announcer
from relay.store.store import Store

log = logging.getLogger("relay.service.account_identity")

# How long the start waits for all answers together; who has not answered is asked again later.
AT_START_S = 5.0
OTHER_ACCOUNT = "other_account"


class Identities:
    """Compares each account's stable id with the one it had before."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        senders: Mapping[str, Http],
        texts: Texts,
        *,
        intake: Intake,
        announcer: Announcer,
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.senders = senders
        self.texts = texts
        self.intake = intake
        self.announcer = announcer
        self._silent = {c.name for c in accounts.by_name.values() if isinstance(c.bridge, Identified)}

    async def at_start(self) -> None:
        """Ask everybody, for a few seconds at most."""
        try:
            async with asyncio.timeout(AT_START_S):
                await self.check()
        except TimeoutError:
            log.info("not every account has said who it is; asked again later")

    async def check(self) -> None:
        """Ask everybody; trouble with one is a line in the log."""
        await asyncio.gather(*(self._one(c) for c in self.accounts.by_name.values()))

    async def look_again(self) -> None:
        """Ask those who have not answered since this process started: until then nobody knows whose they are."""
        await asyncio.gather(*(self._one(self.accounts.by_name[name]) for name in sorted(self._silent)))

    async def _one(self, connection: Account) -> None:
        bridge = connection.bridge
        if not isinstance(bridge, Identified):
            return
        try:
            found = await bridge.identity(self.senders[connection.name])
            expected = await self.store.identity(connection.name, found)
        except (RelayError, StoreUnavailable) as e:
            log.info("%s did not say which account it is: %s", connection.name, e)
            return
        self._silent.discard(connection.name)
        if not found:
            return
        if expected == found:
            await self._back(connection.name)
            return
        text = self.texts.notice(OTHER_ACCOUNT, account=connection.name, expected=expected, found=found)
        log.error("%s Put its own key back, or `relay resume %s` if the new account is meant.", text, connection.name)
        await self.store.pause(connection.name, OTHER_ACCOUNT, text)
        for desk in self.accounts.desks_of.get(connection.name, ()):
            seen = f"seen:identity:{connection.name}:{found}:{desk}"
            await self.intake.tell(desk, text, 0, seen=seen, seen_ttl_s=3600)

    async def _back(self, name: str) -> None:
        """The key is its own account's: if it was stopped for another's, it goes on."""
        if (await self.store.destination(name)).paused == OTHER_ACCOUNT:
            await self.store.resume(name)
            await self.announcer.state_change(name, "resumed", "")
