"""Delivery reports, and what else a channel tells about itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
from msgspec.structs import replace

from relay.contract import Texts
from relay.contract.foreign_words import masking
from relay.contract.model import AccountWarning, Report, ReportStatus
from relay.inbound.taken import Taken
from relay.routing.accounts import Account, Accounts
from relay.routing.notifier import DeskNotifier
from relay.store import keys
from relay.store.store import Store

WORDS_LIMIT = 300
WARNED_FOR_S = 3600.0  # a hook that is repeated says the same again; one warning an hour is enough


class Reports:
    """Takes reports and warnings."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        texts: Texts,
        notifier: DeskNotifier,
        on_account_warning: Callable[[Account, AccountWarning], None] | None,
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.notifier = notifier
        self.on_account_warning = on_account_warning

    async def take(self, channel: Account, event: Report) -> Taken:
        """Move the delivery along its ladder. Raises StoreUnavailable."""
        event = replace(event, words=masking(event.words))
        line = {"at": int(time.time() * 1000), "what": event.status.value}
        if event.words:
            line["words"] = event.words[:WORDS_LIMIT]
        what, did, number, state = await self.store.report(channel.name, event, orjson.dumps(line))
        if what != "early" and event.status is ReportStatus.FAILED and state == "failed":
            # Also when nothing changed: an earlier try to tell the desk may have broken off. The key keeps it to once.
            await self.notifier.tell_of_failed_report(did, event.words)
        return Taken(what="report", message_id=did, number=number)

    async def warned(self, account: Account, event: AccountWarning) -> Taken:
        """Tell the account's desks. Raises StoreUnavailable."""
        text = self.texts.notice(event.notice, account=account.name, **dict(event.facts))
        for desk in self.accounts.desks_of.get(account.name, ()):
            seen = keys.seen(desk, ("warned", event.notice, str(event.facts)))
            await self.notifier.tell(desk, text, 0, seen=seen, seen_ttl_s=WARNED_FOR_S)
        if self.on_account_warning is not None:
            self.on_account_warning(account, event)
        return Taken(what="accepted")
