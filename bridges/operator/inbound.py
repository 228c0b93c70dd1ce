"""What the panel sends us: an operator's words. (Its two questions are in `answer.py`.)

The document's fields (Operator API, "Send message from control panel"): `user_id` is the *bot* that speaks, for us the
channel; `contact_id` is the *user* spoken to, for us the contact. `token` proves the caller; it may come in a
multipart or urlencoded form or in JSON. No field of the document identifies a message, so repeats are told by
everything there is
(FACTS 4).

A panel may send more: `client_id` (its own id of the message, then the only thing that makes a repeat), `author` (who
wrote), `after` (the newest answer it has shown: when there is another by now, nothing is sent, and the reply is 412)
and `force` (send all the same).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any

from relay.contract import RawRequest, VerifiedRequest
from relay.contract.errors import MalformedPayload, StoreUnavailable, VerificationFailed
from relay.contract.model import Answer, Content, Event, Unknown, Upload
from relay.fitting.options import take_options
from relay.fitting.texts import clean, unix_lines

MESSAGE, USER, MEDIA = "message", "user", "media"
TOKEN = "token"  # noqa: S105 - the field's name
# Ours, besides the document's: a panel may send them, and none must.
CLIENT_ID, AFTER, FORCE = "client_id", "after", "force"
LONGEST_CLIENT_ID = 200
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")
_SCALAR = (TOKEN, "message", "contact_id", "user_id")
_FILE_FIELD = re.compile(r"(?:attach(?:es|ments?)?|files?)(?:\[.*)?", re.IGNORECASE)
_NO_FILE = frozenset({"", "null", "[]", "{}", "none", "undefined", "false", "0"})  # what panels write for "no file"


def fields_of(request: RawRequest) -> dict[str, str]:
    """The request's fields by name, whatever it was encoded as; values as text, null as "".

    The first of several equal names counts. Raises MalformedPayload when the body should be JSON and is not an object.
    """
    if request.form or request.uploads or not request.body.strip():
        fields: dict[str, str] = {}
        for name, value in request.form:
            fields.setdefault(clean(name), clean(value))
        return fields
    value = request.json()
    if not isinstance(value, dict):
        raise MalformedPayload("The body must be a form or a JSON object.")
    return {clean(name): clean(_text(name, item)) for name, item in value.items()}


def _text(name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "1" if value else "0"  # as a form would say it
        case int() | float():
            return repr(value)
        case _ if name in _SCALAR:
            raise MalformedPayload(f"{name} must be a string or a number.")
        case _:
            return json.dumps(value, sort_keys=True) if value else ""


def integer(fields: dict[str, str], name: str) -> int | None:
    """A field as an integer: 42, "42" and " 42 " are equal, missing, null and "" are None. Raises MalformedPayload."""
    value = fields.get(name, "").strip()
    if not value:
        return None
    if not _INTEGER.fullmatch(value):
        raise MalformedPayload(f"{name} must be an integer, found {value[:40]!r}.")
    return int(value.partition(".")[0])


def verify(request: RawRequest, webhook_token: str) -> VerifiedRequest:
    """Compares the field `token` with ours, in constant time. Raises VerificationFailed, or MalformedPayload when
    there is a body in which no token can be looked for."""
    given = fields_of(request).get(TOKEN, "").strip()
    # Digests, so that the comparison's time tells neither length nor content (PITFALLS 3.1).
    ours, theirs = (hashlib.sha256(t.encode("utf-8", "replace")).digest() for t in (webhook_token, given))
    if not hmac.compare_digest(ours, theirs) or not webhook_token:
        raise VerificationFailed(f"The field {TOKEN} is {'wrong' if given else 'missing'}.")
    return VerifiedRequest(request)


def parse(verified: VerifiedRequest, *, dedupe_s: float) -> Sequence[Event]:
    """`message` -> one Answer. Raises MalformedPayload with a sentence when nobody is named as the recipient."""
    request = verified.request
    if request.tail != MESSAGE:
        return [Unknown(type=request.tail or "(none)")]
    fields = fields_of(request)
    uploads = tuple(u for u in request.uploads if not _left_empty(u))
    contact_id = integer(fields, "contact_id")
    if contact_id is None:
        raise MalformedPayload("contact_id is missing: it names the user the message is for.")
    for name, value in fields.items():
        # A form that has the field but no file leaves it empty. Anything else would be a file we cannot see, and
        # dropping it in silence would send half of what the operator meant.
        if _FILE_FIELD.fullmatch(name) and value.strip().lower() not in _NO_FILE:
            raise MalformedPayload(
                f"{name[:60]} must be a file in a multipart/form-data body, not its address; nothing was sent."
            )
    raw_text = unix_lines(fields.get("message", ""))
    client_id = fields.get(CLIENT_ID, "").strip()
    if len(client_id) > LONGEST_CLIENT_ID:
        raise MalformedPayload(f"{CLIENT_ID} has more than {LONGEST_CLIENT_ID} characters.")
    text, options = take_options(raw_text)
    return [
        Answer(
            contact_id=contact_id,
            bot_id=integer(fields, "user_id"),
            content=Content(text=text, options=options),
            uploads=uploads,
            author=fields.get("author", "").strip(),
            client_id=client_id,
            identity=(CLIENT_ID, client_id) if client_id else _identity(fields, uploads),
            within_s=None if client_id else dedupe_s,
            after=None if _forced(fields) or AFTER not in fields else fields[AFTER].strip(),
            raw_text=raw_text,
        )
    ]


def _forced(fields: dict[str, str]) -> bool:
    return fields.get(FORCE, "").strip().lower() in ("1", "true")


def _left_empty(upload: Upload) -> bool:
    """A browser's file input in which nothing was chosen: no name, no bytes. (A named file of 0 bytes is a mistake
    worth a sentence.)"""
    return upload.size == 0 and not upload.filename


def _identity(fields: dict[str, str], uploads: tuple[Upload, ...]) -> tuple[str, ...]:
    """Every field but the token, in one order, and what is in the files (their names may differ between tries)."""
    parts = [item for name in sorted(fields) if name != TOKEN for item in (name, fields[name])]
    return (*parts, *(item for upload in uploads for item in (f"file:{upload.field}", _digest(upload))))


def _digest(upload: Upload) -> str:
    try:
        with upload.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        # Our own disk failed us: the panel must be asked to come back, not told that it made a mistake.
        raise StoreUnavailable(f"The file that was uploaded cannot be read back ({e.strerror}).") from None
