"""Texts made to suit the side they go to: cleaned, and split at words within limits of characters *and* UTF-8 bytes.
Pure, and without knowing any bridge."""

from __future__ import annotations

import math
import re

from relay.fitting.graphemes import clusters, extends

NO_BREAK = frozenset("\u00a0\u2007\u202f")  # white space at which a text must not be cut
# Controls, and what turns the writing direction: in a name they would garble the line around it.
_UNRULY = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_PRINTABLE = bytes(range(32, 127))


def is_printable(text: str) -> bool:
    """`text.isprintable()`, five times as fast for ASCII."""
    return not text.encode().translate(None, _PRINTABLE) if text.isascii() else text.isprintable()


def clean(text: str) -> str:
    """Without what no outside system can carry: lone surrogates become U+FFFD, NUL is left out."""
    if is_printable(text):  # most texts, and a tenth of the cost: neither of the two is printable
        return text
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # A pair of escaped surrogates is one character; what is still alone after joining pairs is broken.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str) -> str:
    """A name as one line: white space runs are single blanks, control characters and marks that turn the direction of
    what follows are left out."""
    if is_printable(text) and "  " not in text:
        return text.strip()
    return " ".join(_UNRULY.sub("", " ".join(text.split())).split())


def unix_lines(text: str) -> str:
    """The text with line breaks of one kind: `\\r\\n` and `\\r` become `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def byte_length(text: str) -> int:
    """UTF-8 bytes; a lone surrogate counts as the three bytes of its replacement."""
    return len(text.encode("utf-8", "surrogatepass"))


def split_text(text: str, *, chars: int | None = None, utf8_bytes: int | None = None) -> tuple[str, ...]:
    """The text as pieces of at most `chars` characters and `utf8_bytes` bytes each, in order.

    A text that fits is one piece, untouched; an empty one is none. Otherwise it is cut at white space, which is all
    that gets lost, there and at the two ends. A word longer than a piece is cut between clusters (see `clusters`),
    inside one only where a single cluster is longer than a piece. Raises ValueError for limits nothing fits in.
    """
    if (chars is not None and chars < 1) or (utf8_bytes is not None and utf8_bytes < 4):
        raise ValueError("a piece must hold at least one character of four bytes")
    max_chars = chars if chars is not None else math.inf
    max_bytes = utf8_bytes if utf8_bytes is not None else math.inf
    if not text:
        return ()
    if len(text) <= max_chars and byte_length(text) <= max_bytes:
        return (text,)

    pieces: list[str] = []
    at = 0
    while at < len(text):
        if _breaks(text, at):
            at += 1
            continue
        end = _reach(text, at, max_chars, max_bytes)
        cut = end if end == len(text) or _breaks(text, end) else _last_break(text, at, end)
        if cut == at:  # one word longer than a piece
            cut = _last_boundary(text, at, end)
        if piece := text[at:cut].strip():
            pieces.append(piece)
        at = cut
    return tuple(pieces)


def _reach(text: str, at: int, max_chars: float, max_bytes: float) -> int:
    """How far a piece that begins at `at` may go within both limits."""
    window = text[at : at + int(min(max_chars, max_bytes, len(text)))]
    raw = window.encode("utf-8", "surrogatepass")
    if len(raw) > max_bytes:
        window = raw[: int(max_bytes)].decode("utf-8", "ignore")
        # A lone surrogate is "ignored" as well; what it left out must not be skipped over.
        while not text.startswith(window, at):
            window = text[at : at + len(window) - 1]
    return at + len(window)


def _breaks(text: str, i: int) -> bool:
    """Whether the character there is white space at which a text may be cut."""
    return text[i].isspace() and text[i] not in NO_BREAK and not (i + 1 < len(text) and extends(text[i + 1]))


def _last_break(text: str, at: int, end: int) -> int:
    """The last such place before `end`; `at` if there is none."""
    return next((i for i in range(end - 1, at, -1) if _breaks(text, i)), at)


def _last_boundary(text: str, at: int, end: int) -> int:
    """The last place before or at `end` between two clusters; `end` if a single cluster goes further."""
    # Clusters are short: a little more than the piece shows whether one goes on past its end.
    found = at
    for cluster in clusters(text[at : end + 64]):
        if found + len(cluster) > end:
            break
        found += len(cluster)
    return found if found > at else end
