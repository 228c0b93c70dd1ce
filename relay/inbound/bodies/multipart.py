"""multipart/form-data as it comes, piece by piece: no I/O, nothing kept but what has not been judged yet.

Written by hand because every byte must count. Readers of e-mail look for a boundary in a preamble, line by line and
for ever; a form begins with its boundary. They also leave base64 as it is, and names in encodings that break later.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from relay.contract.errors import MalformedPayload
from relay.inbound.bodies.charsets import mended
from relay.inbound.bodies.content_types import content_type_of

PARTS: Final = 1000
HEAD_BYTES: Final = 8 * 1024  # of one part
EPILOGUE_BYTES: Final = 1024
BOUNDARY_CHARS: Final = 200  # RFC 2046 allows 70
_LINE_KEPT: Final = 64 * 1024
_PARAMETER: Final = re.compile(r';\s*([\w.*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_SPACES: Final = b" \t"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a part says of itself. `filename`: None where it has none, "" where it is empty."""

    name: str
    filename: str | None
    mime: str
    charset: str | None
    coding: str  # content-transfer-encoding in lower case


class PartEnd:
    """A part is complete."""


Piece = Head | bytes | PartEnd


class MultipartParser:
    """`feed` it; it yields a Head, the part's bytes (decoded), and a PartEnd for each part. Raises MalformedPayload."""

    def __init__(self, boundary: str | None) -> None:
        if not boundary or len(boundary) > BOUNDARY_CHARS:
            raise MalformedPayload("The form cannot be read: its Content-Type names no boundary.")
        self._first = b"--" + boundary.encode("utf-8", "surrogateescape")
        self._between = b"\r\n" + self._first
        self._held = b""
        self._state = self._at_beginning
        self._parts = 0
        self._decoder: _Decoder = _Decoder()
        self._epilogue = 0
        self.complete = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The next bytes of the body."""
        self._held += data
        before: tuple[int, object] = (-1, None)
        while self._held and before != (len(self._held), self._state):
            before = (len(self._held), self._state)
            yield from self._state()

    def close(self) -> None:
        """There is no more. Raises MalformedPayload where the last boundary has not come."""
        if not self.complete:
            raise MalformedPayload("The form cannot be read: it ends before its last boundary.")

    # --- states -----------------------------------------------------------------------------------------------------

    def _at_beginning(self) -> Iterator[Piece]:
        start = self._held.removeprefix(b"\r\n")
        if len(start) < len(self._first):
            if not self._first.startswith(start):
                raise MalformedPayload("The form cannot be read: it does not begin with its boundary.")
            return
        if not start.startswith(self._first):
            raise MalformedPayload("The form cannot be read: it does not begin with its boundary.")
        self._held = start[len(self._first) :]
        self._state = self._after_boundary
        yield from ()

    def _after_boundary(self) -> Iterator[Piece]:
        held = self._held
        if held.startswith(b"--"):
            self.complete = True
            self._held = held[2:]
            self._state = self._at_end
            return
        line, found, rest = held.partition(b"\r\n")
        if not found:
            if len(held) > 100 or line.strip(b" \t\r-"):
                raise MalformedPayload("The form cannot be read: there is something behind a boundary.")
            return
        if line.strip(_SPACES):
            raise MalformedPayload("The form cannot be read: there is something behind a boundary.")
        self._parts += 1
        if self._parts > PARTS:
            raise MalformedPayload(f"The form has more than {PARTS} fields.")
        self._held = rest
        self._state = self._in_head
        yield from ()

    def _in_head(self) -> Iterator[Piece]:
        if self._held.startswith(b"\r\n"):
            raise MalformedPayload("The form cannot be read: a part has no name.")
        head, found, rest = self._held.partition(b"\r\n\r\n")
        if len(head) > HEAD_BYTES:
            raise MalformedPayload(f"The form cannot be read: a part's head is larger than {HEAD_BYTES} bytes.")
        if not found:
            return
        parsed = head_of(head)
        self._decoder = _decoder(parsed.coding)
        self._held = b"\r\n" + rest  # an empty part's boundary begins with the head's own end of line
        self._state = self._skip_line
        yield parsed

    def _skip_line(self) -> Iterator[Piece]:
        """Between head and body: the two bytes that belong to both if the part is empty."""
        if len(self._held) < len(self._between) and self._between.startswith(self._held):
            return
        if self._held.startswith(self._between):
            self._held = self._held[len(self._between) :]
            yield PartEnd()
            self._state = self._after_boundary
            return
        self._held = self._held[2:]
        self._state = self._in_body

    def _in_body(self) -> Iterator[Piece]:
        at = self._held.find(self._between)
        if at >= 0:
            if data := self._decoder.last(self._held[:at]):
                yield data
            yield PartEnd()
            self._held = self._held[at + len(self._between) :]
            self._state = self._after_boundary
            return
        sure = len(self._held) - len(self._between) + 1  # the boundary may have begun behind this
        if sure > 0:
            piece, self._held = self._held[:sure], self._held[sure:]
            if data := self._decoder.next(piece):
                yield data

    def _at_end(self) -> Iterator[Piece]:
        self._epilogue += len(self._held)
        self._held = b""
        if self._epilogue > EPILOGUE_BYTES:
            raise MalformedPayload("The form cannot be read: something comes after its last boundary.")
        yield from ()


# --- the head of a part ---------------------------------------------------------------------------------------------


def head_of(raw: bytes) -> Head:
    """Pure: a part's head. Raises MalformedPayload without a name."""
    headers: dict[str, str] = {}
    for line in raw.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise MalformedPayload("The form cannot be read: a line of a part's head has no colon.")
        headers.setdefault(
            name.strip().decode("latin-1").lower(), value.strip(_SPACES).decode("utf-8", "surrogateescape")
        )
    found: dict[str, str] = {}
    for key, value in _PARAMETER.findall(headers.get("content-disposition", "")):
        found.setdefault(key.lower(), _unquoted(value))
    if "name" not in found:
        raise MalformedPayload("The form cannot be read: a part has no name.")
    filename = _extended(found["filename*"]) if "filename*" in found else found.get("filename")
    kind = headers.get("content-type", "")
    return Head(
        name=mended(found["name"]),
        filename=None if filename is None else mended(filename),
        mime=content_type_of(kind).kind if kind else "",
        charset=content_type_of(kind).charset,
        coding=headers.get("content-transfer-encoding", "").lower(),
    )


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    # Browsers write a quote as %22, curl and PHP as \"; a lone backslash is part of an old browser's path.
    return (
        value[1:-1]
        .replace('\\"', '"')
        .replace("\\\\", "\\")
        .replace("%22", '"')
        .replace("%0D", "\r")
        .replace("%0A", "\n")
    )


def _extended(value: str) -> str:
    """`UTF-8''%D1%84.png` of RFC 5987, which forms must not use and some clients do."""
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - rare

    _, _, rest = value.partition("'")
    _, _, text = rest.partition("'")
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


# --- content-transfer-encoding --------------------------------------------------------------------------------------


class _Decoder:
    """None: the bytes are what they are."""

    def next(self, data: bytes) -> bytes:
        return data

    def last(self, data: bytes) -> bytes:
        return self.next(data)


class _Base64(_Decoder):
    def __init__(self) -> None:
        self._left = b""

    def next(self, data: bytes) -> bytes:
        data = self._left + data.translate(None, b" \t\r\n")
        whole = len(data) - len(data) % 4
        self._left = data[whole:]
        try:
            return binascii.a2b_base64(data[:whole], strict_mode=bool(whole))
        except binascii.Error:
            raise MalformedPayload("A part of the form is not the base64 it says it is.") from None

    def last(self, data: bytes) -> bytes:
        found = self.next(data)
        if self._left:
            raise MalformedPayload("A part of the form is not the base64 it says it is.")
        return found


class _QuotedPrintable(_Decoder):
    """Decoded line by line."""

    def __init__(self) -> None:
        self._left = b""

    def next(self, data: bytes) -> bytes:
        data = self._left + data
        end = data.rfind(b"\n") + 1
        self._left = data[end:]
        if len(self._left) > _LINE_KEPT:
            raise MalformedPayload("A part of the form is not the quoted-printable text it says it is.")
        return binascii.a2b_qp(data[:end])

    def last(self, data: bytes) -> bytes:
        found = self.next(data)
        return found + binascii.a2b_qp(self._left)


def _decoder(coding: str) -> _Decoder:
    match coding:
        case "" | "binary" | "8bit" | "7bit":
            return _Decoder()
        case "base64":
            return _Base64()
        case "quoted-printable":
            return _QuotedPrintable()
    raise MalformedPayload("A part of the form names a transfer encoding that is not known.")
