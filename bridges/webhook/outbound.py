"""The way out: a delivery becomes one signed event. Nothing is cut and nothing left out, so there is one part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridges.webhook.client import event_request
from relay.contract import BridgeContext
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Attachment, Contact, Delivery, Kind, OutboundRequest, Part
from relay.fitting.texts import clean

TYPES = {
    Kind.MESSAGE: "message.created",
    Kind.COMMENT: "message.created",
    Kind.ANSWER: "message.created",
    Kind.MIRROR: "message.created",
    Kind.NOTICE: "notice.created",
    Kind.DELETE: "message.deleted",
}
FROM_CUSTOMERS = frozenset({Kind.MESSAGE, Kind.COMMENT})
_TEMPLATES = {Kind.MESSAGE: "message", Kind.COMMENT: "comment", Kind.MIRROR: "mirror", Kind.NOTICE: "notice"}


def fit_to_channel(delivery: Delivery) -> Sequence[Part]:
    """An answer, whole. Raises UnsupportedContent for one that says nothing."""
    if delivery.kind is Kind.DELETE:
        return (Part(),)
    if delivery.kind is not Kind.ANSWER:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    content = delivery.content
    if not content.text.strip() and not content.attachments:
        raise UnsupportedContent(Refusal("refused_empty"))
    return (Part(text=content.text, attachments=content.attachments, options=content.options),)


def fit_to_desk(delivery: Delivery, context: BridgeContext) -> Sequence[Part]:
    """What happened, whole; `text` by template, so that a desk that only shows it shows something sensible."""
    template = _TEMPLATES.get(delivery.kind)
    if template is None:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    content = delivery.content
    text = context.texts.message(
        f"webhook_desk/{template}", text=content.text, placeholder=delivery.placeholder, files=len(content.attachments)
    )
    return (Part(text=text, attachments=content.attachments, options=content.options),)


def render(url: str, delivery: Delivery, part: Part, *, public_only: bool) -> OutboundRequest:
    """The event that says it; still unsigned, for a signature needs the time of the attempt."""
    at = f"{delivery.created_at:%Y-%m-%dT%H:%M:%S}Z" if delivery.created_at else ""
    return event_request(
        url, event_id(delivery), TYPES[delivery.kind], data_of(delivery, part), at=at, public_only=public_only
    )


def event_id(delivery: Delivery) -> str:
    """The same at every try of a delivery, another for its replay."""
    return f"msg_{delivery.id or 'planned'}"


def data_of(delivery: Delivery, part: Part) -> dict[str, Any]:
    """The event's `data`. Every field is always there; what is not known is null, "" or []."""
    contact = delivery.contact
    about: dict[str, Any] = {
        "id": delivery.id,
        "conversation": {"id": contact.id, "channel": contact.channel} if contact else None,
        "contact": _contact(contact) if contact else None,
    }
    if delivery.kind is Kind.DELETE:
        return {**about, "id": delivery.remote_ids[0] if delivery.remote_ids else "", "ids": [*delivery.remote_ids]}
    if delivery.kind is Kind.NOTICE:
        return {**about, "text": clean(part.text)}
    return {
        **about,
        "direction": "in" if delivery.kind in FROM_CUSTOMERS else "out",
        "text": clean(part.text),
        "attachments": [_attachment(a) for a in part.attachments],
        "options": [clean(option) for option in part.options],
        "comment_id": delivery.comment_id or None,
        "placeholder": delivery.placeholder or None,
        "author": clean(delivery.author) or None,
        "desk": delivery.origin if delivery.kind not in FROM_CUSTOMERS and delivery.origin else None,
        "late": delivery.late,
        "created_at": f"{delivery.created_at:%Y-%m-%dT%H:%M:%S}Z" if delivery.created_at else None,
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "remote_id": contact.remote_id,
        "username": clean(contact.username),
        "name": clean(contact.name),
    }


def _attachment(a: Attachment) -> dict[str, Any]:
    return {"kind": a.kind.value, "mime": a.mime, "filename": clean(a.filename), "size": a.size, "url": a.url}
