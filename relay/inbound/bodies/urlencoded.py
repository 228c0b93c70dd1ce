"""application/x-www-form-urlencoded, in the encoding it names or is in."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from relay.contract.errors import MalformedPayload
from relay.inbound.bodies.charsets import codec_of, decode

FIELDS: Final = 1000
_PAIR: Final = re.compile(rb"[^=&\s{}<>\"]{1,200}=")


def looks_like_a_form(body: bytes) -> bool:
    """Whether a body without a label begins as a form does."""
    return _PAIR.match(body) is not None


def fields(body: bytes, charset: str | None) -> tuple[tuple[str, str], ...]:
    """The fields in order. What stands raw and what is escaped is in one encoding. Raises MalformedPayload."""
    codec = None if charset is None else codec_of(charset)
    try:
        if codec is None or codec == "utf-8":
            try:
                return tuple(
                    parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
                )
            except UnicodeDecodeError:
                pass
        # Latin-1 is one letter a byte, both ways: the bytes as they were meant.
        pairs = parse_qsl(
            body.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS, encoding="latin-1", errors="strict"
        )
    except UnicodeDecodeError:
        raise MalformedPayload("The form cannot be read.") from None
    except ValueError:
        raise MalformedPayload(f"The form has more than {FIELDS} fields.") from None
    raw = [text.encode("latin-1") for pair in pairs for text in pair]
    whole = decode(b"\0".join(raw), codec, what="form").split("\0") if all(b"\0" not in r for r in raw) else None
    if whole is None or len(whole) != len(raw):
        whole = [decode(r, codec, what="form") for r in raw]
    return tuple(zip(whole[::2], whole[1::2], strict=True))
