"""An update becomes an event: a customer's message in a private chat, or an answer, a command, a note in the group.

An update's own number is the identity of an answer; a message is known by chat and message id, which both a repeated
hook and a poll after a crash carry again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from relay.contract import RawRequest, VerifiedRequest
from relay.contract.errors import MalformedPayload, VerificationFailed
from relay.contract.model import Content, Event, Incoming, Misaddressed, Role, Unknown
from relay.contract.signatures import same
from relay.fitting.addressing import Addressed, addressed
from relay.fitting.group_texts import group_event
from relay.fitting.texts import clean

HEADER = "x-telegram-bot-api-secret-token"
FILES = ("photo", "video", "animation", "audio", "voice", "video_note", "document", "sticker")
OTHERS = ("contact", "location", "venue", "poll", "dice", "story", "game", "invoice")


def verify(request: RawRequest, secret: str) -> VerifiedRequest:
    """Raises VerificationFailed unless the header holds what setWebhook was told."""
    if not same(secret, request.headers.get(HEADER, "")):
        raise VerificationFailed("The header X-Telegram-Bot-Api-Secret-Token is not ours; run `relay provision`.")
    return VerifiedRequest(request)


def update_of(request: RawRequest) -> Mapping[str, Any]:
    """The hook's update. Raises MalformedPayload."""
    value = request.json()
    if not isinstance(value, dict):
        raise MalformedPayload("An update must be a JSON object.")
    return value


def event_of(update: Mapping[str, Any], role: Role, chat: int = 0) -> Event:
    """What an update says; `chat` is the desk's group. Never raises."""
    message = _object(update.get("message"))
    if not message:
        kind = next((k for k in update if k != "update_id"), "(empty)")
        return Unknown(type=clean(str(kind))[:80])
    where, sender = _object(message.get("chat")), _object(message.get("from"))
    chat_id, message_id = _integer(where.get("id")), _integer(message.get("message_id"))
    if chat_id is None or message_id is None or sender.get("is_bot") is True:
        return Unknown(type="message")
    if role is Role.CHANNEL:
        return _incoming(message, sender, where, chat_id, message_id)
    if chat_id != chat:
        return Unknown(type="message of another chat")
    return _at_desk(message, sender, chat_id, message_id)


def _incoming(
    message: Mapping[str, Any], sender: Mapping[str, Any], where: Mapping[str, Any], chat_id: int, message_id: int
) -> Event:
    if where.get("type") != "private":
        return Unknown(type="message of a group")
    text = _text(message.get("text")) or _text(message.get("caption"))
    kind = next((k for k in (*FILES, *OTHERS) if message.get(k)), "")
    return Incoming(
        remote_user=str(chat_id),
        remote_id=f"{chat_id}:{message_id}",
        username=_line(sender.get("username")),
        name=_name(sender),
        content=Content(text=text),
        placeholder=kind or ("" if text else "message"),
        sent_at=_moment(message.get("date")),
    )


def _at_desk(message: Mapping[str, Any], sender: Mapping[str, Any], chat_id: int, message_id: int) -> Event:
    raw_text = _text(message.get("text")) or _text(message.get("caption"))
    identity = (str(chat_id), str(message_id))
    if any(message.get(kind) for kind in FILES) and isinstance(found := addressed(raw_text), Addressed):
        # Its words alone would be half of what was meant, so nothing is sent and the group is told.
        return Misaddressed(
            notice="file_not_taken",
            contact_id=found.number,
            username="",
            identity=identity,
            raw_text=raw_text,
        )
    author = _name(sender) or _line(message.get("author_signature"))
    return group_event(raw_text, author=author, identity=identity)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _line(value: Any) -> str:
    return " ".join(_text(value).split())


def _name(sender: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_line(sender.get("first_name")), _line(sender.get("last_name")))))


def _moment(value: Any) -> datetime | None:
    seconds = _integer(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds and 0 < seconds < 2**33 else None
