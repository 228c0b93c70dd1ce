"""Conversations and their messages, read from the store and from what colleagues have written about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select

from relay.contract.model import Attachment, Kind, MediaKind, State
from relay.history.schema import conversation, conversation_label, note, read_position
from relay.store.records import ContactCard, MessageRecord
from relay.web.api.resources.from_store import answer_delivery, file_shown, message_shown
from relay.web.api.resources.shapes import (
    ContactShown,
    ConversationShown,
    ConversationState,
    CustomField,
    HeldShown,
    LastMessage,
    MessageShown,
)
from relay.web.api.services import Services
from relay.web.api.times import moment

SCANNED = 1000  # conversations, the latest
HORIZON = 500  # messages of one
_SHOWN_KINDS = (Kind.MESSAGE, Kind.COMMENT, Kind.ANSWER, Kind.NOTICE, Kind.DELETE)


@dataclass(slots=True)
class Acts:
    """What colleagues have done to a conversation, as rows."""

    row: Row[Any] | None = None
    labels: list[str] = field(default_factory=list)
    read_ms: int | None = None
    notes: list[Row[Any]] = field(default_factory=list)


class Reading:
    """For one asker. `reader`: whose read positions count; "" for a token."""

    def __init__(self, services: Services, reader: str) -> None:
        self.services = services
        self.reader = reader

    async def position(self) -> str:
        """The position in the feed that what is read now contains at least."""
        return (await self.services.store.feed.bounds())[1]

    async def all(self) -> list[ConversationShown]:
        """Every conversation, the one with the latest activity first."""
        numbers = await self.services.store.recent(SCANNED)
        acts = await self._acts(numbers)
        found = [await self._row(n, acts.get(n, Acts())) for n in numbers]
        return [row for row in found if row is not None]

    async def one(self, number: int) -> ConversationShown | None:
        return await self._row(number, (await self._acts([number])).get(number, Acts()))

    async def messages(self, number: int, channel: str) -> list[MessageShown]:
        """All that the store and colleagues have, oldest first."""
        store, link = self.services.store, self.services.link_file
        shown = []
        for message_id in await store.messages(number, HORIZON):
            message = await store.journal(message_id)
            if message is not None and message.kind in _SHOWN_KINDS:
                shown.append(message_shown(message, channel, link))
        async with self.services.database.read() as connection:
            notes = (await connection.execute(select(note).where(note.c.conversation == number))).all()
        shown += [note_shown(row, self.services) for row in notes]
        return sorted(shown, key=lambda m: (m.at, m.id))

    # --- one row -----------------------------------------------------------------------------------------------------

    async def _acts(self, numbers: Sequence[int]) -> dict[int, Acts]:
        acts = {n: Acts() for n in numbers}
        async with self.services.database.read() as connection:
            for row in (await connection.execute(select(conversation).where(conversation.c.number.in_(numbers)))).all():
                acts[row.number].row = row
            query = select(conversation_label).where(conversation_label.c.conversation.in_(numbers))
            for row in (await connection.execute(query.order_by(conversation_label.c.label))).all():
                acts[row.conversation].labels.append(row.label)
            if self.reader:
                positions = select(read_position).where(
                    read_position.c.user == self.reader, read_position.c.conversation.in_(numbers)
                )
                for row in (await connection.execute(positions)).all():
                    acts[row.conversation].read_ms = row.at
        return acts

    async def _row(self, number: int, acts: Acts) -> ConversationShown | None:
        services = self.services
        card = await services.store.contact(number)
        if card is None or card.contact.channel not in services.accounts.by_name:
            return None
        channel = services.accounts.by_name[card.contact.channel]
        said = []
        for message_id in await services.store.messages(number, 50):
            message = await services.store.journal(message_id)
            if message is not None and message.kind in (Kind.MESSAGE, Kind.COMMENT, Kind.ANSWER):
                said.append(message)
        row = acts.row
        failed = sum(1 for m in said if m.kind is Kind.ANSWER and _has_failed(m, channel.name))
        by_hand_ms = int(row.answered_by_hand or 0) if row is not None else 0
        waiting_ms = _waiting_since(said, card, by_hand_ms)
        limits = channel.bridge.spec.limits
        state, snoozed_ms = _state(card, row, services.now_ms())
        read_ms = acts.read_ms or 0
        unread = sum(1 for m in said if m.kind is not Kind.ANSWER and m.at_ms > read_ms) if self.reader else None
        held = await services.store.wire.call("HMGET", services.store.key(f"dest:{channel.name}"), "paused", "since")
        queued = await services.store.wire.call("LLEN", services.store.key(f"lane:{channel.name}:{number}"))
        return ConversationShown(
            number=number,
            channel=channel.name,
            channel_kind=channel.bridge.spec.kind,
            contact=ContactShown(name=card.contact.name, username=card.contact.username),
            last=_last(said[-1]) if said else None,
            last_answer=next((m.id for m in reversed(said) if m.kind is Kind.ANSWER), ""),
            unread=unread,
            waiting_since=moment(waiting_ms) if state != "closed" else None,
            state=state,
            snoozed_until=moment(snoozed_ms),
            assignee=row.assignee if row is not None else None,
            labels=acts.labels,
            failed=failed,
            closed_by=row.closed_by if row is not None and state == "closed" else None,
            reply_until=_until(card.dm_ms, limits.reply_window_s),
            comment_until=_until(card.comment_ms, limits.comment_window_s) if card.last_kind == "comment" else None,
            held=HeldShown(count=int(queued), since=moment(int(held[1] or 0))) if held[0] and queued else None,
            first_seen=moment(card.first_ms),
            fields=[CustomField(**f) for f in (row.fields or [])] if row is not None else [],
            version=version_of(row),
        )


def version_of(row: Row[Any] | None) -> int:
    """Of what colleagues can change."""
    return int(row.version or 1) if row is not None else 1


def note_shown(row: Row[Any], services: Services) -> MessageShown:
    """A note as the API shows it."""
    return MessageShown(
        id=row.id,
        conversation=row.conversation,
        at=datetime.fromtimestamp(row.at / 1000, UTC),
        kind="note",
        author=row.author,
        desk=None,
        text=row.text,
        attachments=[
            file_shown(
                Attachment(
                    kind=MediaKind(f["kind"]), mime=f["mime"], filename=f["name"], file_id=f["id"], size=f["size"]
                ),
                services.link_file,
            )
            for f in row.files
        ],
        options=[],
        state=None,
        reason="",
        comment=None,
        parts=1,
        client_id=row.client_id,
        placeholder="",
        deliveries=[],
        version=1,
    )


def _has_failed(message: MessageRecord, channel: str) -> bool:
    delivery = answer_delivery(message, channel)
    return delivery is not None and delivery.state is State.FAILED and not delivery.dropped_ms


def _waiting_since(said: Sequence[MessageRecord], card: ContactCard, by_hand_ms: int) -> int:
    """When the oldest unanswered message of the customer came; 0 for none."""
    answered_ms = max(card.answered_ms, card.closed_ms, by_hand_ms)
    return next((m.at_ms for m in said if m.kind is not Kind.ANSWER and m.at_ms > answered_ms), 0)


def _state(card: ContactCard, row: Row[Any] | None, now_ms: int) -> tuple[ConversationState, int]:
    if card.closed:
        return "closed", 0
    until = int(row.snoozed_until or 0) if row is not None else 0
    # A message of the customer wakes it at once.
    if until > now_ms and card.last_ms <= int(row.snoozed_at or 0 if row is not None else 0):
        return "snoozed", until
    return "open", 0


def _until(from_ms: int, window_s: float | None) -> datetime | None:
    return moment(from_ms + int(window_s * 1000)) if from_ms and window_s else None


def _last(message: MessageRecord) -> LastMessage:
    said = message.envelope
    return LastMessage(
        id=message.id,
        at=datetime.fromtimestamp(message.at_ms / 1000, UTC),
        kind=message.kind.value,
        text=str(said.get("text", ""))[:300],
        author=said.get("author") or None,
        desk=message.origin if message.kind is Kind.ANSWER else None,
        files=len(said.get("files", ())),
    )
