"""A delivery becomes messages of a bot: to a person's private chat, or to the desk's group.

Never a parse_mode: nothing that a person wrote can then be markup. Lengths are counted in UTF-16, as Telegram does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridges.telegram.client import method_request
from bridges.telegram.spec import CAPTION_UNITS, CHANNEL, TEXT_UNITS
from relay.contract import BridgeContext
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Attachment, Contact, Delivery, FilePart, Kind, MediaKind, OutboundRequest, Part
from relay.fitting.files import check_files
from relay.fitting.options import check_options
from relay.fitting.texts import clean, split_text

_METHODS = {
    MediaKind.IMAGE: ("sendPhoto", "photo"),
    MediaKind.VIDEO: ("sendVideo", "video"),
    MediaKind.AUDIO: ("sendAudio", "audio"),
    MediaKind.FILE: ("sendDocument", "document"),
}
_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
_TEMPLATES = {Kind.MESSAGE: "message", Kind.COMMENT: "comment", Kind.MIRROR: "mirror", Kind.NOTICE: "notice"}
HEAD_UNITS = 60  # room for how a continued post begins


def units(text: str) -> int:
    """Its length as Telegram counts: characters beyond the first 65,536 are two."""
    return len(text) + sum(c > "\uffff" for c in text)


def split(text: str, limit: int) -> tuple[str, ...]:
    """Pieces of at most `limit` units each, cut at words."""
    if units(text) <= limit:
        return (text,) if text.strip() else ()
    pieces = split_text(text, chars=limit)
    if any(units(piece) > limit for piece in pieces):
        pieces = split_text(text, chars=limit // 2)
    return pieces


def fit_to_channel(delivery: Delivery) -> Sequence[Part]:
    """Files first, the text under the last of them where it fits, the options with the last of all."""
    if delivery.kind is Kind.DELETE:
        return (Part(),)
    content = delivery.content
    refusals = check_files(content.attachments, CHANNEL.limits) + check_options(content.options, CHANNEL.limits)
    text = content.text if content.text.strip() else ""
    if not text and not content.attachments:
        refusals.append(Refusal("refused_empty"))
    if refusals:
        raise UnsupportedContent(*refusals)
    files = [Part(attachments=(file,)) for file in content.attachments]
    if files and units(text) <= CAPTION_UNITS:
        files[-1] = Part(text=text, attachments=files[-1].attachments)
        texts: list[Part] = []
    else:
        texts = [Part(text=piece) for piece in split(text, TEXT_UNITS)]
    *before, last = [*files, *texts]
    return (*before, Part(text=last.text, attachments=last.attachments, options=content.options))


def fit_to_desk(delivery: Delivery, context: BridgeContext) -> Sequence[Part]:
    """The post, continued where it is long, and each file as a message of its own below it."""
    template = _TEMPLATES.get(delivery.kind)
    if template is None:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    content, contact = delivery.content, delivery.contact
    text = context.texts.message(
        f"telegram_desk/{template}",
        number=contact.id if contact else None,
        name=_line(contact.name) if contact else "",
        username=_line(contact.username) if contact else "",
        text=clean(content.text),
        placeholder=_line(delivery.placeholder),
        late=delivery.late,
        written=f"{delivery.created_at:%Y-%m-%d %H:%M}" if delivery.late and delivery.created_at else "",
        author=_line(delivery.author),
        origin=delivery.origin,
        options=tuple(_line(option) for option in content.options),
    )
    pieces = [text] if units(text) <= TEXT_UNITS else list(split(text, TEXT_UNITS - HEAD_UNITS))
    posts: list[tuple[str, tuple[Attachment, ...]]] = [(piece, ()) for piece in pieces or [text]]
    posts += [("", (file,)) for file in content.attachments]
    return [
        Part(text=_head(contact, i, len(posts)) + piece if i else piece, attachments=files)
        for i, (piece, files) in enumerate(posts)
    ]


def _head(contact: Contact | None, index: int, count: int) -> str:
    """How a continuing post begins; the number is followed by what makes it no address."""
    return (f"#{contact.id}… " if contact else "… ") + f"({index + 1}/{count}) "


def _line(text: str) -> str:
    return " ".join(clean(text).split())[:80]


def render(url: str, token: str, chat_id: str, delivery: Delivery, part: Part) -> OutboundRequest:
    """The one request of a part."""
    if delivery.kind is Kind.DELETE:
        ids = [int(i) for i in delivery.remote_ids if i.isdigit()]
        return method_request(url, token, "deleteMessages", {"chat_id": chat_id, "message_ids": ids})
    more: dict[str, Any] = {"chat_id": chat_id}
    if part.options:
        rows = [[{"text": clean(option)}] for option in part.options]
        more["reply_markup"] = {"keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True}
    if not part.attachments:
        more |= {"text": clean(part.text), "link_preview_options": {"is_disabled": True}}
        return method_request(url, token, "sendMessage", more)
    (file,) = part.attachments
    is_document = file.kind is MediaKind.IMAGE and file.mime not in _PHOTOS
    method, field = _METHODS[MediaKind.FILE if is_document else file.kind]
    if part.text:
        more["caption"] = clean(part.text)
    upload = FilePart(
        field=field,
        filename=file.filename or file.kind.value,
        mime=file.mime or "application/octet-stream",
        file_id=file.file_id,
        url="" if file.file_id else file.url,
    )
    return method_request(url, token, method, more, files=(upload,))
