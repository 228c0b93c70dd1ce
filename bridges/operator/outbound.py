"""What we tell the panel: a customer's words, other desks' answers, and the relay's own notices.

In the panel's terms (Operator API, "Send message to control panel") the customer is the user that sends, the channel
is the bot that receives: `user_id` is the contact's number, `contact_id` the channel's integer id.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridges.operator.client import Photo, message_sent_request
from bridges.operator.settings import Attaching, OperatorSettings
from relay.contract import BridgeContext
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Attachment, Delivery, FilePart, Kind, OutboundRequest, Part

RELAY_USER = 0  # speaks for the relay itself, where a notice concerns no conversation; contacts are numbered from 1

_TEMPLATES = {Kind.MESSAGE: "message", Kind.COMMENT: "comment", Kind.MIRROR: "mirror", Kind.NOTICE: "notice"}


def fit(delivery: Delivery, settings: OperatorSettings, context: BridgeContext) -> Sequence[Part]:
    """One part; with `attaches: file` one for each file, for the panel has a single `attach` field."""
    template = _TEMPLATES.get(delivery.kind)
    if template is None:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    text = _worded(delivery, template, context)
    files = delivery.content.attachments
    if settings.attaches is Attaching.FILE and len(files) > 1:
        return [Part(text=text if i == 0 else "", attachments=(file,)) for i, file in enumerate(files)]
    return [Part(text=text, attachments=files)]


def _worded(delivery: Delivery, template: str, context: BridgeContext) -> str:
    contact, content = delivery.contact, delivery.content
    return context.texts.message(
        f"operator/{template}",
        text=content.text,
        options=content.options,
        files=len(content.attachments),
        placeholder=delivery.placeholder,
        late=delivery.late,
        sent_at=delivery.created_at,
        number=contact.id if contact else None,
        name=(contact.name or contact.username) if contact else "",
        username=contact.username.removeprefix("@") if contact else "",
        origin=delivery.origin,
        author=delivery.author,
    )


def render(delivery: Delivery, part: Part, settings: OperatorSettings, context: BridgeContext) -> OutboundRequest:
    """The multipart POST of one part. Files that have no public address go as bytes, whatever `attaches` says."""
    photos: list[Photo] = []
    files: list[FilePart] = []
    for attachment in part.attachments:
        if settings.attaches is Attaching.FILE or not attachment.url:
            files.append(_file(attachment, len(files)))
        else:
            photos.append(Photo(file_url=attachment.url, big=attachment.url))
    return message_sent_request(
        context.url,
        settings.token.get_secret_value(),
        user_id=delivery.contact.id if delivery.contact else RELAY_USER,
        contact_id=delivery.bot_id,
        message=part.text,
        photos=photos,
        files=files,
        attaching=settings.attaches,
    )


def _file(attachment: Attachment, index: int) -> FilePart:
    return FilePart(
        field="attach" if index == 0 else f"attach{index}",
        filename=attachment.filename or attachment.kind.value,
        mime=attachment.mime or "application/octet-stream",
        file_id=attachment.file_id,
        url="" if attachment.file_id else attachment.url,
    )
