"""JSON that a stranger sent: told from a form by its first byte, brought to UTF-8, and bounded before it is parsed."""

from __future__ import annotations

import json
import re
from typing import Final

from relay.contract.errors import MalformedPayload
from relay.inbound.bodies.charsets import as_russian, codec_of

DEPTH: Final = 100
VALUES: Final = 50_000
VALUES_UNPROVEN: Final = 5_000  # where the proof of who sent it is in the JSON itself
_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
# `[` may begin a form's field name, `[0]=x`, but never with one of these behind it.
_ARRAY: Final = re.compile(rb'\[\s*(?:[{\["\]\-tfn]|[0-9.eE+-]+\s*[,\]]\s*(?:[^=]|$))')


def looks_like_json(body: bytes) -> bool:
    """Whether `body` (UTF-8) is an object or an array, whatever its label says: many clients call all they post a
    form."""
    if body[:1].isalpha():
        return False  # what forms begin with
    head = body[:200].removeprefix(_BOM).lstrip()
    return head.startswith(b"{") or _ARRAY.match(head) is not None


def utf8(body: bytes, charset: str | None) -> bytes:
    """JSON in UTF-8 without a mark at its beginning; as it is where it cannot be read, for whom it concerns to say so.
    Raises MalformedPayload for an encoding that is not known, or is named and not kept to."""
    codec = codec_of(charset)
    if codec is not None and codec != "utf-8":
        try:
            return body.decode(codec).encode()
        except UnicodeDecodeError:
            raise MalformedPayload("The body is not in the encoding it names.") from None
    body = body.removeprefix(_BOM)
    if body.isascii() and b"\0" not in body[:4]:
        return body
    try:
        if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return body.decode(json.detect_encoding(body)).encode()
        body.decode()
    except UnicodeError:
        if codec is None and (text := as_russian(body)) is not None:
            return text.encode()
    return body


def check_bounds(body: bytes, values: int = VALUES) -> None:
    """Raises MalformedPayload for what nests deeper than DEPTH or may hold more than `values` values: parsers recurse,
    and a megabyte of `[[],[],` becomes a hundred of objects. Cheap for everything usual."""
    opened = body.count(b"{") + body.count(b"[")
    many = opened > DEPTH
    if not many and (len(body) <= values or body.count(b",") + body.count(b":") + opened <= values):
        return
    bare = _STRING.sub(b"", body)
    if bare.count(b",") + bare.count(b":") + bare.count(b"{") + bare.count(b"[") > values:
        raise MalformedPayload(f"The JSON holds more than {values} values.")
    depth = 0
    for bracket in _BRACKETS.findall(bare) if many else ():
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH:
            raise MalformedPayload("The JSON is nested too deeply.")
