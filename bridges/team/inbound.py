"""The way in: a group's webhook becomes an answer, a command, a note or a hint.

Team API v3, integrations, `help`: POST with `chat`, `chat_display_name`, `created`, `sender`, `sender_display_name`
and `text`, and the header `key`; anything but HTTP 200 is repeated 8 times. FACTS 1.8: the body is a form, either
urlencoded or multipart; there is no message id. JSON is taken too.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from relay.contract import RawRequest, VerifiedRequest
from relay.contract.errors import MalformedPayload, VerificationFailed
from relay.contract.model import Event
from relay.fitting.group_texts import group_event

FIELDS = ("chat", "chat_display_name", "created", "sender", "sender_display_name", "text")
# Two equal texts of one person are one message only for as long as a lost answer of ours may be repeated at once,
# where the hook carries no `created` that would tell them apart.
UNDATED_WITHIN_S = 60.0


def verify_key(request: RawRequest, keys: Iterable[str]) -> VerifiedRequest:
    """Compare the header `key` with each of ours, in constant time. Raises VerificationFailed."""
    given = request.headers.get("key", "").encode("utf-8", "surrogateescape")
    matched = False
    for key in keys:  # no early exit: the time taken must not tell which key was nearly right
        matched |= hmac.compare_digest(given, key.encode()) and bool(key)
    if not matched:
        raise VerificationFailed("The header `key` is not this desk's key.")
    return VerifiedRequest(request)


def parse_hook(verified: VerifiedRequest) -> Event:
    """What the hook says. Raises MalformedPayload where none of the documented fields is there."""
    fields = read_fields(verified.request)
    text = fields["text"]
    identity = (fields["chat"], fields["sender"], fields["created"], text)
    author = " ".join((fields["sender_display_name"] or fields["sender"]).split())
    within_s = None if fields["created"] else UNDATED_WITHIN_S
    return group_event(text, author=author, identity=identity, within_s=within_s)


def read_fields(request: RawRequest) -> dict[str, str]:
    """The six documented fields, "" where one is missing; others are left alone.

    Accepts urlencoded, multipart and JSON bodies, the latter two of the three also without a Content-Type. Raises
    MalformedPayload with a sentence.
    """
    found: Mapping[str, object]
    if request.form:
        found = dict(reversed(request.form))  # the first of a repeated field counts
    elif not request.body.strip():
        raise MalformedPayload("The body is empty.")
    elif "json" not in request.content_type and request.body.lstrip()[:1] not in (b"{", b"["):
        found = _form(request.body)
    else:
        value = request.json()
        if not isinstance(value, dict):
            raise MalformedPayload(f"The JSON must be an object with the fields {', '.join(FIELDS)}.")
        found = value
    if not any(name in found for name in FIELDS):
        raise MalformedPayload(f"None of the fields {', '.join(FIELDS)} is there.")
    return {name: as_text(found.get(name)) for name in FIELDS}


def _form(body: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except UnicodeDecodeError:
        raise MalformedPayload("The body is not UTF-8.") from None
    except ValueError:
        raise MalformedPayload("The body is no form and no JSON.") from None
    return dict(reversed(pairs))


def as_text(value: object) -> str:
    """A field as text that can be stored and sent: numbers as written, null and structures as "".

    JSON may smuggle in halves of surrogate pairs, which no UTF-8 can carry; they become question marks.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode("utf-8")
