"""The way in: signed events (Standard Webhooks), and the simple mode for scripts.

A signed request proves itself by its signature and means what its `type` says. A simple one proves itself by a bearer
token or by the secret in its path, and means "this person says this". A signature, where there is one, must be right
whatever else is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.contract import RawRequest, VerifiedRequest, http_address
from relay.contract.errors import MalformedPayload, StoreUnavailable, VerificationFailed
from relay.contract.model import (
    Answer,
    Attachment,
    Command,
    Content,
    Event,
    Incoming,
    MediaKind,
    Report,
    ReportStatus,
    Role,
    Unknown,
    Upload,
)
from relay.contract.signatures import is_signed, same, standard_id, verify_standard
from relay.fitting.options import take_options
from relay.fitting.texts import clean

SECRET_TAIL = "<secret>"  # noqa: S105 - the word in a spec, no secret
SIMPLE_FIELDS = ("user", "text", "name", "username", "author", "file_url", "id")
MAX_FILES = 20  # of one event
_NUMBER = re.compile(r"#?([0-9]{1,15})")
_STATUSES = {status.value: status for status in ReportStatus}
_BY_ENDING = {
    **dict.fromkeys(("jpg", "jpeg"), "image/jpeg"),
    **{e: f"image/{e}" for e in ("png", "gif", "webp")},
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "wav": "audio/wav",
    "pdf": "application/pdf",
}


def verify(request: RawRequest, keys: Sequence[bytes], token: str) -> VerifiedRequest:
    """Raises VerificationFailed. The secret in the path has been checked by the core."""
    if is_signed(request.headers):
        verify_standard(keys, request.headers, request.body, now_s=request.received_at)
        return VerifiedRequest(request)
    if request.tail == SECRET_TAIL:
        return VerifiedRequest(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and same(token, given.strip()):
        return VerifiedRequest(request)
    raise VerificationFailed("The request is not signed (webhook-id, webhook-timestamp, webhook-signature).")


def parse(verified: VerifiedRequest, role: Role) -> Sequence[Event]:
    """One event. Raises MalformedPayload with a sentence that names the field."""
    request = verified.request
    value = _object(request)
    if not is_signed(request.headers) and ("type" not in value or not isinstance(value.get("data"), dict)):
        return [_simple(request, value, role)]
    kind, data = value.get("type"), value.get("data")
    if not isinstance(kind, str) or not kind.strip():
        raise MalformedPayload("The event has no `type`.")
    if not isinstance(data, dict):
        raise MalformedPayload("The event's `data` must be an object.")
    event_id = _word(standard_id(request.headers)) or _digest(request)
    made = _READERS[role].get(kind, _unknown)
    return [made(clean(kind), data, event_id)]


def _object(request: RawRequest) -> Mapping[str, Any]:
    if request.form or request.uploads:
        fields: dict[str, Any] = {}
        for name, item in request.form:
            fields.setdefault(name, item)
        return fields
    if not request.body.strip():
        raise MalformedPayload("The body is empty.")
    value = request.json()
    if not isinstance(value, dict):
        raise MalformedPayload("The body must be a JSON object.")
    return value


# --- simple mode ----------------------------------------------------------------------------------------------------


def _simple(request: RawRequest, value: Mapping[str, Any], role: Role) -> Event:
    user, text = _word(value.get("user")), _text(value.get("text"))
    if not user:
        raise MalformedPayload(
            f"`user` is missing: who writes or is written to. A simple message has {', '.join(SIMPLE_FIELDS)}."
        )
    files = _attachments([{"url": value["file_url"]}]) if value.get("file_url") else ()
    if not text.strip() and not files and not request.uploads:
        raise MalformedPayload("`text` is missing, and there is no file.")
    given = _word(value.get("id")) or _word(standard_id(request.headers))
    if role is Role.CHANNEL:
        if request.uploads:
            raise MalformedPayload("A file must be named by `file_url`: an address from which it can be fetched.")
        return Incoming(
            remote_user=user,
            remote_id=given,
            username=_word(value.get("username")),
            name=_word(value.get("name")),
            content=Content(text=text, attachments=files),
            identity=() if given else (_digest(request), str(int(request.received_at // REPEAT_S))),
        )
    said, options = take_options(text)
    return Answer(
        contact_id=_number(user, "user"),
        content=Content(text=said, attachments=files, options=options),
        uploads=request.uploads,
        author=_word(value.get("author")) or _word(value.get("name")),
        identity=("id", given) if given else (_digest(request), *map(_file_digest, request.uploads)),
        within_s=None if given else REPEAT_S,
        raw_text=text,
    )


REPEAT_S = 5.0  # without an `id`, the same words from the same script within this time are taken for a repeat


def _file_digest(upload: Upload) -> str:
    try:
        with upload.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise StoreUnavailable(f"The file that was uploaded cannot be read back ({e.strerror}).") from None


# --- signed events --------------------------------------------------------------------------------------------------


def _incoming(kind: str, data: Mapping[str, Any], event_id: str) -> Event:
    contact = _inner(data, "contact")
    user = _word(contact.get("remote_id")) or _word(contact.get("id"))
    if not user:
        raise MalformedPayload("`data.contact.id` is missing: your stable id of the person who writes.")
    content = _content(data)
    return Incoming(
        remote_user=user,
        remote_id=_word(data.get("id")) or event_id,
        username=_word(contact.get("username")),
        name=_word(contact.get("name")),
        content=content,
        placeholder="" if content.text.strip() or content.attachments else kind,
        sent_at=_moment(data.get("created_at")),
    )


def _status(kind: str, data: Mapping[str, Any], event_id: str) -> Event:
    status = _STATUSES.get(_word(data.get("status")).lower())
    remote_id = _word(data.get("id"))
    if status is None or not remote_id:
        raise MalformedPayload(f"`data.id` and `data.status` ({', '.join(_STATUSES)}) say what became of a message.")
    return Report(
        remote_id=remote_id,
        status=status,
        words=_text(data.get("reason")),
        at=_moment(data.get("created_at")),
    )


def _answer(kind: str, data: Mapping[str, Any], event_id: str) -> Event:
    content = _content(data)
    text, options = take_options(content.text)
    return Answer(
        contact_id=_conversation(data),
        content=Content(text=text, attachments=content.attachments, options=content.options or options),
        author=_word(data.get("author")),
        identity=("event", event_id),
        raw_text=content.text,
    )


def _closed(kind: str, data: Mapping[str, Any], event_id: str) -> Event:
    return Command(
        name="close",
        argument=f"#{_conversation(data)}",
        author=_word(data.get("author")),
        identity=("event", event_id),
    )


def _unknown(kind: str, data: Mapping[str, Any], event_id: str) -> Event:
    return Unknown(type=kind)


_READERS = {
    Role.CHANNEL: {"message.created": _incoming, "message.status": _status},
    Role.DESK: {"message.created": _answer, "conversation.closed": _closed},
}


def _conversation(data: Mapping[str, Any]) -> int:
    """The conversation's number, which is also our contact's id."""
    for name in ("conversation", "contact"):
        inner = data.get(name)
        given = inner.get("id") if isinstance(inner, dict) else inner
        if _word(given):
            return _number(_word(given), f"data.{name}.id")
    raise MalformedPayload("`data.conversation.id` is missing: the number of the conversation that is answered.")


def _number(text: str, field: str) -> int:
    if found := _NUMBER.fullmatch(text):
        return int(found[1])
    raise MalformedPayload(f"`{field}` must be a conversation's number, such as 42.")


# --- values ---------------------------------------------------------------------------------------------------------


def _content(data: Mapping[str, Any]) -> Content:
    options = data.get("options")
    return Content(
        text=_text(data.get("text")),
        attachments=_attachments(data.get("attachments")),
        options=tuple(filter(None, map(_word, options))) if isinstance(options, list) else (),
    )


def _attachments(value: Any) -> tuple[Attachment, ...]:
    """Files by address. What is none is left out; too many are refused, so that none gets lost in silence."""
    if value in (None, ""):
        return ()
    if not isinstance(value, list):
        raise MalformedPayload("`attachments` must be an array of objects with a `url`.")
    if len(value) > MAX_FILES:
        raise MalformedPayload(f"An event may bring at most {MAX_FILES} files.")
    return tuple(_attachment(item) for item in value)


def _attachment(item: Any) -> Attachment:
    url = _word(item.get("url")) if isinstance(item, dict) else ""
    parts = http_address(url)
    if parts is None:
        raise MalformedPayload("A file's `url` must be an address that begins with https:// or http://.")
    filename = _word(item.get("filename"))
    ending = (filename or parts.path).rpartition(".")[2].lower()
    mime = _word(item.get("mime")).lower() or _BY_ENDING.get(ending, "")
    size = item.get("size")
    return Attachment(
        kind=MediaKind.of_mime(mime) if mime else _kind(item.get("kind")),
        mime=mime,
        filename=filename,
        url=url,
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**53 else None,
    )


def _kind(value: Any) -> MediaKind:
    return MediaKind(value) if value in tuple(MediaKind) else MediaKind.FILE


def _inner(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = data.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(value: Any) -> str:
    """Text as it came; numbers as written, anything else as none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value)).replace("\r\n", "\n")


def _word(value: Any) -> str:
    """An id or a name: on one line, at most 500 characters."""
    return " ".join(_text(value).split())[:500]


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _digest(request: RawRequest) -> str:
    """Tells requests apart that have no id: everything in the body, or all fields of a multipart form."""
    if request.body:
        return hashlib.sha256(request.body).hexdigest()
    hashed = hashlib.sha256()
    for name, value in request.form:
        for word in (name, value):
            raw = word.encode("utf-8", "surrogatepass")
            hashed.update(b"%d:%b" % (len(raw), raw))
    return hashed.hexdigest()
