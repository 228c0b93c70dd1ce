"""The relay's own words for desks: queued as everything else is, in the conversation's lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.contract import Texts
from relay.contract.model import Kind
from relay.routing.accounts import Accounts
from relay.routing.routes import told_of_failure
from relay.store import keys
from relay.store.envelope import notice_envelope
from relay.store.records import Accepted, NewMessage
from relay.store.store import Store, new_id


class DeskNotifier:
    """Tells desks things."""

    def __init__(
        self, accounts: Accounts, store: Store, texts: Texts, wake_workers: Callable[[Sequence[str]], None]
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.wake_workers = wake_workers

    async def tell(
        self, desk: str, text: str, number: int, *, seen: str = "", seen_ttl_s: float = keys.SEEN_TTL_S
    ) -> Accepted:
        """Queue a notice for a desk. `number`: the conversation it concerns, 0 for none. With `seen`, the name of a
        store key, it is said once within `seen_ttl_s`. Raises StoreUnavailable."""
        accepted = await self.store.accept(
            NewMessage(id=new_id(), kind=Kind.NOTICE, origin="", envelope=notice_envelope(text)),
            [desk],
            seen=seen,
            seen_ttl_s=seen_ttl_s,
            number=number,
        )
        self.wake_workers(accepted.woken)
        return accepted

    async def tell_of_failed_report(self, delivery_id: str, words: str) -> None:
        """Tell the desk that wrote an answer, and those that were shown it, once, that the channel could not deliver it
        after all."""
        journal = await self.store.journal(delivery_id.rpartition("-")[0])
        if journal is None or journal.kind is not Kind.ANSWER:
            return
        record = next((r for r in journal.records if r.id == delivery_id), None)
        if record is None or (record.reason != "reported" and not record.replayed_as):
            return  # it died of something else, and the desks were told then; news only to who has tried again since
        text = self.texts.notice(
            "failed", number=journal.number, text=journal.envelope.get("text", ""), words=words, reason="reported"
        )
        desks = told_of_failure(
            self.accounts, Kind.ANSWER, origin=journal.origin, channel=record.destination,
            destination=record.destination,
        )  # fmt: skip
        elsewhere = self.texts.notice(
            "failed_elsewhere", number=journal.number, text=journal.envelope.get("text", ""), words=words,
            origin=journal.origin,
        )  # fmt: skip
        for desk in desks:
            seen = f"seen:notice:failed:{delivery_id}"
            if desk == journal.origin:
                await self.tell(desk, text, journal.number, seen=seen)
            else:
                await self.tell(desk, elsewhere, journal.number, seen=f"{seen}:{desk}")
