"""What the Insta API tells us: its hooks as events. Pure.

Source: the document's section "Входящие веб-хуки", and FACTS 2 for where its own samples break its rules: two are no
valid JSON (a comma before a closing brace), a video is typed `image`, reports carry `mdn` (a phone number) instead of
`user_id` and the time `2020-00-00T00:00:00+00:00`. So everything is read leniently, reports are matched by `queueId`
alone, and what a file is gets decided by its mime type.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload
from relay.contract.model import (
    Attachment,
    Content,
    Event,
    Incoming,
    MediaKind,
    Report,
    ReportStatus,
    Unknown,
    Unreadable,
)
from relay.contract.responses import reason_words
from relay.fitting.files import web_address
from relay.fitting.graphemes import is_visible
from relay.fitting.texts import clean

INCOMING_MESSAGE = "incomingmessage"
INCOMING_COMMENT = "incomingcomment"
# "Отбивки по доставке": the event's name decides.
REPORTS = {
    "whatsappsuccess": ReportStatus.PENDING,
    "reportactionreceived": ReportStatus.DELIVERED,
    "reportactionexecuted": ReportStatus.READ,
    "erroractionfail": ReportStatus.FAILED,
}
# The names above were taken over from another product of the vendor; an unknown name with one of these is a report too.
STATUSES = {
    "pending": ReportStatus.PENDING,
    "delivered": ReportStatus.DELIVERED,
    "read": ReportStatus.READ,
    "fail": ReportStatus.FAILED,
    "failed": ReportStatus.FAILED,
}
# Types we know how to show; everything else is shown as a placeholder with its own name.
PLAIN_TYPES = frozenset({"text", "comment"})
MEDIA_TYPES = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
    "voice": MediaKind.AUDIO,
    "ptt": MediaKind.AUDIO,
    "file": MediaKind.FILE,
    "document": MediaKind.FILE,
}
EVENTS_PER_HOOK = 1000
# A string may lack its end: then it is one match to the end of the text, so that the time stays linear.
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"?|,(?=\s*[}\]])', re.DOTALL)


def events(request: RawRequest) -> Sequence[Event]:
    """The hook's events; one, as documented, or several if they come as an array.

    Raises MalformedPayload where nothing can be made of the body: no JSON, an `event` that is no object, a message
    without a sender, a report without `queueId`.
    """
    value = _payload(request)
    hooks = value if isinstance(value, list) else [value]
    if len(hooks) > EVENTS_PER_HOOK:
        raise MalformedPayload(f"The array has {len(hooks)} events; allowed are {EVENTS_PER_HOOK}.")
    if len(hooks) == 1:
        return (_event(hooks[0]),)
    found = tuple(_event_or_unreadable(hook) for hook in hooks)
    bad = [event.sentence for event in found if isinstance(event, Unreadable)]
    if bad and len(bad) == len(found):
        raise MalformedPayload(f"None of the {len(bad)} events can be read. {bad[0]}")
    return found


def _event_or_unreadable(hook: Any) -> Event:
    """One of several: what is wrong with one must not keep the others out."""
    try:
        return _event(hook)
    except MalformedPayload as e:
        return Unreadable(sentence=str(e), raw=json.dumps(hook, ensure_ascii=True).encode())


def _event(hook: Any) -> Event:
    if not isinstance(hook, dict):
        raise MalformedPayload(f"A hook must be a JSON object, not {_kind(hook)}.")
    event = hook.get("event")
    if event is None:
        return Unknown(type="")  # a test call, say: nothing for us, and no reason to make the caller repeat it
    if not isinstance(event, dict):
        raise MalformedPayload(f"`event` must be an object, not {_kind(event)}.")
    name = _text(event.get("name")).strip()
    properties, device = _object(event.get("properties")), _object(hook.get("device"))
    known = name.lower()
    if known in (INCOMING_MESSAGE, INCOMING_COMMENT):
        return _incoming(known == INCOMING_COMMENT, properties, device, event.get("createdAt"))
    status = REPORTS.get(known) or STATUSES.get(_text(properties.get("status")).strip().lower())
    if status is not None:
        return _report(name, status, properties, event.get("createdAt"))
    return Unknown(type=name[:100])


def _incoming(comment: bool, properties: Mapping[str, Any], device: Mapping[str, Any], created: Any) -> Incoming:
    user = _identifier(device.get("user_id")) or _identifier(device.get("mdn"))
    if not user:
        raise MalformedPayload("A message needs its sender: there is no device.user_id (nor device.mdn).")
    said = properties.get("content")
    content = said if isinstance(said, dict) else {"body": said}
    body = _text(content.get("body"))
    kind = _text(properties.get("type")).strip()
    known = kind.lower()
    attachment = _attachment(known, content)
    content_out = Content(text=body, attachments=(attachment,) if attachment else ())
    something = attachment is not None or is_visible(body)
    known_type = not kind or known in PLAIN_TYPES or known in MEDIA_TYPES
    # A photo that we cannot show must be seen to be missing, also beside a caption.
    without_file = attachment is None and known in MEDIA_TYPES
    placeholder = "" if something and known_type and not without_file else (kind[:60] or "empty")
    queue_id = _identifier(properties.get("queueId"))
    comment_id = _identifier(device.get("comment_id")) if comment else ""
    return Incoming(
        remote_user=user,
        remote_id=queue_id,
        username=_text(device.get("username")).strip().removeprefix("@"),
        name=_text(device.get("profileName")).strip(),
        content=content_out,
        comment_id=comment_id,
        comment_without_id=comment and not comment_id,
        placeholder=placeholder,
        sent_at=moment(created),
        identity=()
        if queue_id
        else (user, _text(created), kind, body, _text(content.get("href")), _identifier(device.get("comment_id"))),
    )


def _attachment(kind: str, content: Mapping[str, Any]) -> Attachment | None:
    """The file of a message. Its mime type says what it is; without one its name, then the message's type."""
    href = web_address(_text(content.get("href")))
    if not href:
        return None
    filename = _text(content.get("filename")).strip()
    mime = _text(content.get("mimeType")).strip().lower().partition(";")[0].strip()
    if not mime:
        mime = mimetypes.guess_type(filename or urlsplit(href).path)[0] or ""
    media = MediaKind.of_mime(mime) if mime else MEDIA_TYPES.get(kind, MediaKind.FILE)
    return Attachment(kind=media, mime=mime, filename=filename, url=href)


def _report(name: str, status: ReportStatus, properties: Mapping[str, Any], created: Any) -> Report:
    queue_id = _identifier(properties.get("queueId"))
    if not queue_id:
        raise MalformedPayload(f"The report {name} needs event.properties.queueId.")
    words = ""
    if status is ReportStatus.FAILED:  # the document's sample names no reason; if there is one it is told to the desk
        reasons = (reason_words(properties.get(k)) for k in ("error", "reason", "message", "description"))
        words = clean(next((reason for reason in reasons if reason), ""))
    return Report(remote_id=queue_id, status=status, words=words, at=moment(created))


# --- reading leniently ----------------------------------------------------------------------------------------------


def moment(value: Any) -> datetime | None:
    """`2022-12-07T12:29:21+03:00` as a time; None for what is none (`2020-00-00...`) or has no offset."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        return at if at.utcoffset() is not None else None
    except ValueError:
        return None


def _payload(request: RawRequest) -> Any:
    """The JSON, wherever it is: the body, or a field of a form."""
    if request.form:
        for value in _json_in(request.form):
            return value
        nested = _nested(request.form)
        if isinstance(nested.get("event"), dict):
            return nested
        raise MalformedPayload("The form has no field that holds the hook's JSON.")
    if request.content_type == "application/x-www-form-urlencoded" and not request.body:
        raise MalformedPayload("The body is empty.")
    try:
        return request.json()
    except MalformedPayload as e:
        try:
            text = request.body.decode("utf-8-sig")
            return json.loads(without_trailing_commas(text))
        except (ValueError, RecursionError):
            raise e from None


def without_trailing_commas(text: str) -> str:
    """JSON text without commas before `}` and `]`, as the document's own samples have them; strings stay untouched."""
    return _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)


def _json_in(form: Sequence[tuple[str, str]]) -> Iterator[Any]:
    """JSON objects among a form's values, and among its names (a JSON body that was labelled as a form)."""
    for field in form:
        for text in reversed(field):
            if text.lstrip().startswith(("{", "[")):
                try:
                    yield json.loads(without_trailing_commas(text))
                except (ValueError, RecursionError):
                    continue


def _nested(form: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`event[properties][queueId]=x` as nested objects, the way of PHP, the vendor's language."""
    tree: dict[str, Any] = {}
    for name, value in form:
        head, *rest = name.split("[")
        keys = [head, *(key.rstrip("]") for key in rest)]
        at = tree
        for key in keys[:-1][:10]:
            below = at.setdefault(key, {})
            if not isinstance(below, dict):
                break
            at = below
        else:
            at[keys[-1]] = value
    return tree


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Text as it is, numbers as text, anything else as ""."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def _identifier(value: Any) -> str:
    """An id, given as text or as a number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _text(value).strip()[:200]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
