"""A customer's words, on their way to the desks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from relay.contract.model import Incoming, Kind
from relay.fitting.texts import one_line, unix_lines
from relay.inbound.handover import Handover
from relay.inbound.taken import Taken
from relay.routing.accounts import Account, Accounts
from relay.routing.routes import desks_of_message
from relay.store import envelope as envelopes
from relay.store import keys
from relay.store.envelope import Envelope
from relay.store.records import NewMessage
from relay.store.store import Store, new_id


class IncomingMessages:
    """Accepts messages and comments."""

    def __init__(
        self, accounts: Accounts, store: Store, handover: Handover, wake_workers: Callable[[Sequence[str]], None]
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.handover = handover
        self.wake_workers = wake_workers

    async def take(self, channel: Account, event: Incoming, raw: bytes) -> Taken:
        """Make it durable for every desk on the channel's routes. Raises StoreUnavailable."""
        content = event.content
        if "\r" in content.text:
            content = replace(content, text=unix_lines(content.text))
        if any(one_line(a.filename) != a.filename for a in content.attachments):
            files = tuple(replace(a, filename=one_line(a.filename)) for a in content.attachments)
            content = replace(content, attachments=files)
        e = Envelope(
            content=content,
            comment_id=event.comment_id,
            placeholder=one_line(event.placeholder),
            late=event.late,
            sent_at=event.sent_at.isoformat() if event.sent_at else "",
            source_id=event.remote_id,
        )
        identity = (event.remote_id,) if event.remote_id else event.identity or (raw.decode("utf-8", "replace"),)
        desks = desks_of_message(self.accounts, channel.name)
        offered = self.handover.reserve(desks)
        try:
            accepted = await self.store.accept(
                NewMessage(
                    id=new_id(),
                    kind=Kind.COMMENT if event.comment_id or event.comment_without_id else Kind.MESSAGE,
                    origin=channel.name,
                    envelope=envelopes.dump(e),
                    raw=raw,
                ),
                desks,
                seen=keys.seen(channel.name, identity),
                channel=channel.name,
                remote_user=event.remote_user,
                username=one_line(event.username),
                name=one_line(event.name),
                comment_id=event.comment_id,
                worker=self.handover.name,
                handover_to=offered,
            )
        finally:
            self.handover.cancel(offered)
        self.wake_workers(accepted.woken)
        for destination, lane in accepted.held:
            if lane.head is not None:
                lane.head.said = e
            self.handover.hand_over(destination, lane)
        what = "accepted" if accepted.fresh else "repeat"
        return Taken(what=what, message_id=accepted.message_id, number=accepted.number)
