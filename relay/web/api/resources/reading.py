"""Conversations and their messages as the API shows them, read from the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from relay.contract.model import Attachment, Kind, MediaKind
from relay.history.queries import ConversationRow
from relay.store.records import MessageRecord
from relay.web.api.resources.from_store import file_shown, message_shown
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

LAST_TEXT = 300  # characters of the newest message in a row


class Reading:
    """For one asker. `reader`: whose read positions count; "" for a token."""

    def __init__(self, services: Services, reader: str) -> None:
        self.services = services
        self.reader = reader

    async def position(self) -> str:
        """The position in the feed that what is read from now on contains at least."""
        return await self.services.queries.position()

    async def one(self, number: int) -> ConversationShown | None:
        row = await self.services.queries.conversation(number, self.reader)
        return (await self.shown([row]))[0] if row is not None and self._known(row) else None

    async def shown(self, rows: Sequence[ConversationRow]) -> list[ConversationShown]:
        """As the list shows them."""
        held = await self._held({r.row.channel for r in rows})
        found = []
        for row in rows:
            since_ms = held.get(row.row.channel)
            queued = 0
            if since_ms is not None:
                lane = self.services.store.key(f"lane:{row.row.channel}:{row.number}")
                queued = int(await self.services.store.wire.call("LLEN", lane))
            found.append(self._shown(row, HeldShown(count=queued, since=moment(since_ms)) if queued else None))
        return found

    def message(self, one: MessageRecord | Row[Any], channel: str) -> MessageShown:
        """A message, or the row of a note."""
        if isinstance(one, MessageRecord):
            return message_shown(one, channel, self.services.link_file)
        return note_shown(one, self.services)

    def _known(self, row: ConversationRow) -> bool:
        return row.row.channel in self.services.accounts.by_name

    async def _held(self, channels: set[str]) -> dict[str, int]:
        """Channels that are paused or down, with the time since when, ms."""
        found = {}
        for name in channels:
            key = self.services.store.key(f"dest:{name}")
            paused, since, opened = await self.services.store.wire.call("HMGET", key, "paused", "since", "open")
            if paused or opened:
                found[name] = int(since or opened or 0)
        return found

    def _shown(self, found: ConversationRow, held: HeldShown | None) -> ConversationShown:
        row = found.row
        channel = self.services.accounts.by_name[row.channel]
        limits = channel.bridge.spec.limits
        state, snoozed_ms = _state(found, self.services.now_ms())
        return ConversationShown(
            number=found.number,
            channel=row.channel,
            channel_kind=channel.bridge.spec.kind,
            contact=ContactShown(name=row.name, username=row.username),
            last=_last(found.last) if found.last is not None else None,
            last_answer=row.last_answer,
            unread=found.unread,
            waiting_since=moment(row.waiting_since) if state != "closed" else None,
            state=state,
            snoozed_until=moment(snoozed_ms),
            assignee=row.assignee,
            labels=list(found.labels),
            failed=row.failed,
            closed_by=row.closed_by if state == "closed" else None,
            reply_until=_until(row.direct_at, limits.reply_window_s),
            comment_until=_comment_until(found, limits.comment_window_s),
            held=held,
            first_seen=moment(row.first_at),
            fields=[CustomField(**f) for f in (row.fields or [])],
            version=version_of(row),
        )


def _state(found: ConversationRow, now_ms: int) -> tuple[ConversationState, int]:
    if found.closed:
        return "closed", 0
    until = int(found.row.snoozed_until or 0)
    return ("snoozed", until) if until > now_ms else ("open", 0)


def _until(from_ms: int, window_s: float | None) -> datetime | None:
    return moment(from_ms + int(window_s * 1000)) if from_ms and window_s else None


def _comment_until(found: ConversationRow, window_s: float | None) -> datetime | None:
    """Until when a comment of theirs may be answered; a moment that has passed where the last one is answered."""
    if found.open_comment_at:
        return _until(found.open_comment_at, window_s)
    return moment(found.row.comment_at)


def _last(row: Row[Any]) -> LastMessage:
    return LastMessage(
        id=row.id,
        at=datetime.fromtimestamp(row.at / 1000, UTC),
        kind=row.kind,
        text=str(row.text)[:LAST_TEXT],
        author=row.author or None,
        desk=row.origin if row.kind == Kind.ANSWER.value else None,
        files=len(row.content.get("files", ())),
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
