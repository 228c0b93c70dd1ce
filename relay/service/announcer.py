"""Telling people about accounts: a key refused, a destination down, back again."""

from __future__ import annotations

import asyncio
import logging

from relay.contract import Texts
from relay.contract.errors import StoreUnavailable
from relay.inbound.intake import Intake
from relay.routing.accounts import Accounts
from relay.store.store import Store

log = logging.getLogger("relay.service.announcer")

_NOTICES = {
    "paused": "credentials",
    "opened": "breaker_opened",
    "closed": "resumed",
    "resumed": "resumed",
    "failing": "failing",
    "recovered": "working_again",
}
# The same news about an account within this time is not news, unless it is still so afterwards.
QUIET_S = 60.0


class Announcer:
    """Puts news about one account to all desks but itself, once."""

    def __init__(self, accounts: Accounts, store: Store, texts: Texts, intake: Intake) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.intake = intake
        self._held_back: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def state_change(self, account: str, what: str, words: str) -> None:
        """`what`: paused (credentials), opened, closed, resumed, failing (for minutes, messages waiting), recovered.

        An account that goes back and forth is not told each time; but what people heard last must be true, so news
        that was held back is told after all when it still holds.
        """
        log.warning("%s: %s %s", account, what, words)
        if await self._tell(account, what, words) or (account, what) in self._held_back:
            return
        self._held_back[account, what] = asyncio.create_task(self._tell_later(account, what, words))

    async def _tell(self, account: str, what: str, words: str) -> bool:
        """Whether it was news to anybody."""
        notice = _NOTICES[what]
        over = notice in ("resumed", "working_again")
        facts = {"account": account} if over else {"account": account, "words": words}
        text = self.texts.notice(notice, **facts)
        told = False
        for desk in self.accounts.desks():
            if desk.name == account:
                continue
            try:
                accepted = await self.intake.tell(
                    desk.name, text, 0, seen=f"seen:news:{account}:{what}:{desk.name}", seen_ttl_s=QUIET_S
                )
                told |= accepted.fresh
            except StoreUnavailable as e:
                log.warning("%s could not be told about %s: %s", desk.name, account, e)
        return told

    async def _tell_later(self, account: str, what: str, words: str) -> None:
        try:
            await asyncio.sleep(QUIET_S)
            where = await self.store.destination(account)
            down = bool(where.paused or where.open_ms)
            if down == (what in ("paused", "opened", "failing")):
                await self._tell(account, what, words)
        except StoreUnavailable as e:
            log.warning("people could not be told about %s: %s", account, e)
        finally:
            del self._held_back[account, what]

    async def taken_back(self, delivery_id: str) -> None:
        """A channel has deleted what a desk asked to have taken back; tell that desk, once."""
        journal = await self.store.journal(delivery_id.rpartition("-")[0])
        if journal is not None and journal.origin in self.accounts.by_name:
            text = self.texts.notice("deleted", number=journal.number)
            await self.intake.tell(journal.origin, text, journal.number, seen=f"seen:notice:deleted:{delivery_id}")

    async def early_failure(self, delivery_id: str) -> None:
        """A report of failure had come before the channel's answer; tell the desk now. Dead letters of ours have told
        it already, in the same step in which they died."""
        record = await self.store.record(delivery_id)
        if record is not None and record.reason == "reported":
            await self.intake.tell_of_failed_report(delivery_id, record.words)
