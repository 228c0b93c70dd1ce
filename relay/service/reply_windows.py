"""Warns desks before a customer can no longer be answered."""

from __future__ import annotations

import time

from relay.contract import Texts
from relay.inbound.intake import Intake
from relay.routing.accounts import Accounts
from relay.routing.reply_path import CannotReply, OpenComment, reply_paths
from relay.store.records import ContactCard
from relay.store.store import Store

LOOK_EVERY_S = 60.0


class ReplyWindowWatch:
    """Looks for unanswered customers whose reply window closes within `warn_before_s`."""

    def __init__(self, accounts: Accounts, store: Store, texts: Texts, intake: Intake, warn_before_s: float) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.intake = intake
        self.warn_before_ms = int(warn_before_s * 1000)

    async def look(self, holder: str) -> None:
        """Tell every desk of the route, once per message that waits."""
        now = int(time.time() * 1000)
        spans = set()
        for channel in self.accounts.channels():
            limits = channel.bridge.spec.limits
            spans |= {int(s * 1000) for s in (limits.reply_window_s, limits.comment_window_s) if s}
        if not spans or not self.warn_before_ms or not await self.store.try_lease("windows", holder, LOOK_EVERY_S):
            return
        for span in spans:
            # Only those whose last activity is between "the window has just closed" and "closes within warn_before".
            for number in await self.store.active_between(now - span, now - span + self.warn_before_ms):
                card = await self.store.contact(number)
                if card is not None:
                    await self._warn(card, now)

    async def _warn(self, card: ContactCard, now: int) -> None:
        channel = self.accounts.by_name.get(card.contact.channel)
        if channel is None or card.answered_ms >= card.last_ms or card.closed:
            return
        last = [OpenComment(id=card.comment_id, at_ms=card.comment_ms)] if card.comment_id else []
        paths = reply_paths(card, channel.bridge.spec.limits, now, comments=last)
        if isinstance(paths, CannotReply):
            return
        left_ms = paths[0].deadline_ms - now if paths[0].deadline_ms else 0
        if not 0 < left_ms <= self.warn_before_ms:
            return
        text = self.texts.notice("window_closing", number=card.contact.id, left=left_ms / 1000)
        for desk in self.accounts.desks_of[channel.name]:
            seen = f"seen:window:{card.contact.id}:{card.last_ms}:{desk}"
            await self.intake.tell(desk, text, card.contact.id, seen=seen)
