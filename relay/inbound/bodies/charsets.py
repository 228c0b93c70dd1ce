"""Which encoding a hook's text is in: the one it names, or, where it names none, UTF-8, or else Russian windows-1251.

The sender chooses the name, so only a fixed few are known: some of Python's own codecs are quadratic (3 kB of
`punycode` hold the process for 13 seconds), some write to Python's escapes, and none can be interrupted.
"""

from __future__ import annotations

import re
from typing import Final

from relay.contract.errors import MalformedPayload

CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",  # of which it is a part
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "windows-1251": "windows-1251",
    "cp1251": "windows-1251",
    "koi8-r": "koi8-r",
}

_WORDS: Final = re.compile(r"[^\W\d_]+")
_CYRILLIC: Final = re.compile("[А-яЁё]")
_COMMON: Final = re.compile("[оеаинтсрвлкмдпу]", re.IGNORECASE)  # no Russian text is without all of these
_CASE_TURNS: Final = re.compile("[а-яё][А-ЯЁ]")


def codec_of(charset: str | None) -> str | None:
    """Python's name of an encoding that was named; None where none was. Raises MalformedPayload for others."""
    if charset is None:
        return None
    codec = CODECS.get(charset.strip().lower())
    if codec is None:
        raise MalformedPayload("The encoding it names is not known; send UTF-8.")
    return codec


def decode(raw: bytes, codec: str | None, *, what: str = "text") -> str:
    """Text in `codec`, or, without one, in whatever it reads as. Raises MalformedPayload."""
    try:
        return raw.decode(codec or "utf-8")
    except UnicodeDecodeError:
        pass
    if codec is None and (text := as_russian(raw)) is not None:
        return text
    raise MalformedPayload(f"The {what} is not in {'the encoding it names' if codec else 'UTF-8'}.")


def as_russian(raw: bytes) -> str | None:
    """`raw` read as windows-1251, if that makes Russian words of it; else None.

    Any bytes are *something* in a one-byte encoding. Russian is told from what merely decodes by its words: no Latin
    letters among Cyrillic ones (which is what becomes of "Müller" or "café"), and capitals only where words begin
    (KOI8-R read as windows-1251 has them the other way round).
    """
    try:
        text = raw.decode("windows-1251")
    except UnicodeDecodeError:
        return None
    words = [word for word in _WORDS.findall(text) if not word.isascii()]
    if not words:
        return None
    letters = "".join(words)
    if len(_CYRILLIC.findall(letters)) < len(letters):
        return None
    if len(letters) > 2 and not _COMMON.search(letters):
        return None
    turns = sum(len(_CASE_TURNS.findall(word)) for word in words)
    shouted = sum(word.isupper() and len(word) > 1 for word in words)
    return text if turns * 10 <= len(words) and shouted * 2 <= len(words) else None


def mended(name: str) -> str:
    """A header's value in which bytes that are not UTF-8 are half surrogates, as text: windows-1251 where that reads as
    Russian, U+FFFD for what nobody can read."""
    if name.isascii():
        return name
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return as_russian(raw) or raw.decode("utf-8", "replace")
