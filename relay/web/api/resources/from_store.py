"""Messages as the API shows them, from the store: there, a message is known before it is in the history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from relay.contract.model import Attachment, Kind, State
from relay.media.library import thumbnail_id
from relay.store import envelope as envelopes
from relay.store.records import DeliveryRecord, MessageRecord
from relay.web.api.resources.shapes import CommentShown, DeliveryShown, FileShown, MessageShown

Link = Callable[[Attachment], str]
_LADDER = [State.QUEUED, State.ACCEPTED, State.DELIVERED, State.READ, State.FAILED]


def message_shown(message: MessageRecord, channel: str, link: Link) -> MessageShown:
    """A message of a conversation in `channel`. `link`: an address for a file that we hold."""
    said = envelopes.load(message.envelope)
    to_customer = answer_delivery(message, channel)
    from_customer = message.kind in (Kind.MESSAGE, Kind.COMMENT)
    is_answer = message.kind in (Kind.ANSWER, Kind.DELETE)
    failed = to_customer is not None and to_customer.state is State.FAILED
    return MessageShown(
        id=message.id,
        conversation=message.number,
        at=datetime.fromtimestamp(message.at_ms / 1000, UTC),
        kind=message.kind.value,
        author=said.author or None,
        desk=None if from_customer else message.origin or None,
        text=said.content.text,
        attachments=[file_shown(a, link) for a in said.content.attachments],
        options=list(said.content.options),
        state=to_customer.state.value if to_customer is not None and is_answer else None,
        reason=(to_customer.words or to_customer.reason) if to_customer is not None and failed else "",
        comment=CommentShown(id=said.comment_id) if said.comment_id else None,
        parts=max(1, len(to_customer.remote_ids)) if to_customer is not None else 1,
        client_id=said.client_id,
        placeholder=said.placeholder,
        deliveries=[
            DeliveryShown(id=r.id, destination=r.destination, state=r.state.value, reason=r.reason, said=r.words)
            for r in message.records
        ],
        version=_version(message),
    )


def answer_delivery(message: MessageRecord, channel: str) -> DeliveryRecord | None:
    """The delivery that brings an answer to its customer; the latest, where it was replayed."""
    to_channel = [r for r in message.records if r.destination == channel]
    current = [r for r in to_channel if not r.replayed_as] or to_channel
    return current[-1] if current else None


def file_shown(attachment: Attachment, link: Link) -> FileShown:
    """A file; what is elsewhere keeps its address, what we hold gets a fresh one."""
    small = thumbnail_id(attachment) if attachment.file_id else ""
    return FileShown(
        id=attachment.file_id or attachment.url,
        url=link(attachment) if attachment.file_id else attachment.url,
        big=link(Attachment(kind=attachment.kind, file_id=small)) if small else None,
        name=attachment.filename,
        mime=attachment.mime,
        size=attachment.size,
    )


def _version(message: MessageRecord) -> int:
    """Goes up with whatever happens to the message: its deliveries only ever climb."""
    return 1 + sum(_LADDER.index(r.state) + len(r.log) + len(r.remote_ids) for r in message.records)
