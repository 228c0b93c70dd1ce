"""Events of the messenger, the same by callback and by polling: `{"type": ..., "event": {...}}`.

Known types: `new_message` (the document's only sample) and `callback_deprecated`, of which the document says that it
names the old and the new server, but not how (FACTS 3). The event may come as JSON, or as a form with `event` as JSON,
as `event[text]`, or flat.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bridges.astrak.client import DialogMessage, integer
from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload
from relay.contract.model import AccountWarning, Content, Event, Incoming, Unknown
from relay.fitting.texts import clean

NEW_MESSAGE, CALLBACK_DEPRECATED = "new_message", "callback_deprecated"
WITHOUT_TEXT = "message without text"  # the placeholder that desks see
OWN_ID = "me"  # query parameter of our callback: the account's own id, so that every process can tell own messages
_MILLISECONDS = 10**11  # a time above this is not in seconds


def payload(request: RawRequest) -> dict[str, Any]:
    """`{"type", "event"}` of a callback, however it was encoded. Raises MalformedPayload."""
    if not request.form:
        value = request.json()
        if not isinstance(value, dict):
            raise MalformedPayload("The body must be a JSON object with `type` and `event`.")
        return {**value, "event": _inner(value.get("event"))}
    fields = dict(reversed(request.form))
    inner = _inner(fields.get("event"))
    for name, value in fields.items():
        if name.startswith("event[") and name.endswith("]"):
            inner.setdefault(name[6:-1], value)
        elif name not in ("type", "event"):
            inner.setdefault(name, value)
    return {"type": fields.get("type", ""), "event": inner}


def _inner(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise MalformedPayload("`event` is neither an object nor JSON.") from None
    return dict(value) if isinstance(value, dict) else {}


def own_id_in(request: RawRequest) -> int | None:
    """Our own id, as we wrote it into the address that we registered."""
    return integer(request.query.get(OWN_ID, ""))


def events_of(
    value: Mapping[str, Any], *, own_id: int | None, usernames: Mapping[int, str], ours: Collection[str] = ()
) -> Sequence[Event]:
    """What one payload says. `ours`: beginnings (host and path) of addresses that are our own callbacks. Raises
    MalformedPayload for a message without a sender."""
    kind = value.get("type")
    inner = value.get("event")
    inner = inner if isinstance(inner, dict) else {}
    if kind == NEW_MESSAGE:
        return _message(inner, own_id, usernames)
    if kind == CALLBACK_DEPRECATED:
        new = _new_server({**value, **inner})
        if new and new.partition("://")[2].startswith(tuple(ours)):
            return [Unknown(type=f"{CALLBACK_DEPRECATED}, by ourselves")]  # a new secret, or another of our processes
        # Never more than the host: the rest of the address may be somebody's secret.
        return [AccountWarning(notice="callback_taken", facts=(("new", _host(new)),))]
    return [Unknown(type=clean(str(kind))[:80] if kind else "(none)")]


def _message(inner: Mapping[str, Any], own_id: int | None, usernames: Mapping[int, str]) -> Sequence[Event]:
    sender = integer(inner.get("from_id"))
    if sender is None:
        raise MalformedPayload("The message has no from_id: nobody can be answered.")
    if own_id is not None and sender == own_id:
        return []  # our own answer, on its way back to us
    message_id = integer(inner.get("message_id"))
    text = inner.get("text")
    text = "" if text is None else clean(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))
    sent_at = when(inner.get("created_at"))
    return [
        Incoming(
            remote_user=str(sender),
            remote_id="" if message_id is None else str(message_id),
            username=usernames.get(sender, ""),
            content=Content(text=text.replace("\r\n", "\n")),
            placeholder="" if text.strip() else WITHOUT_TEXT,
            sent_at=sent_at,
            identity=() if message_id is not None else (str(sender), str(inner.get("created_at")), text),
        )
    ]


def missed_message(message: DialogMessage, username: str, *, late: bool) -> Incoming:
    """A message found in its dialog instead of an event; the same identity, so that neither is taken twice."""
    text = clean(message.text).replace("\r\n", "\n")
    return Incoming(
        remote_user=str(message.from_id),
        remote_id=str(message.message_id),
        username=username,
        content=Content(text=text),
        placeholder="" if text.strip() else WITHOUT_TEXT,
        sent_at=when(message.created_at),
        late=late,
    )


def when(value: Any) -> datetime | None:
    """Seconds since 1970 (milliseconds are recognised by their size) as a time; None for anything else."""
    number = integer(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _new_server(said: Mapping[str, Any]) -> str:
    """The new callback's address, in whatever field it is: one with "new" in its name, else none."""
    for name, value in said.items():
        if isinstance(value, str) and "new" in str(name).lower() and _host(value):
            return value
    return ""


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else (parts.hostname or "")
    except ValueError:
        return ""
