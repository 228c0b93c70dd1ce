"""What a person takes for one character, and what nobody can see. Pure, by Unicode's own tables."""

from __future__ import annotations

from collections.abc import Iterator

import regex

_CLUSTER = regex.compile(r"\X")
_EXTENDING = regex.compile(r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]")
# Formats and fillers: nothing is drawn for them. U+2800 is a Braille cell without dots.
_UNSEEN = r"\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\u2800"
_SEEN = regex.compile(rf"[^\s{_UNSEEN}]")
_UNSEEN_START = regex.compile(rf"[\s{_UNSEEN}]+")


def clusters(text: str) -> Iterator[str]:
    """Single characters as people count them: a base with its marks, an emoji joined of several, a flag (UAX 29)."""
    return (found[0] for found in _CLUSTER.finditer(text))


def extends(character: str) -> bool:
    """Whether the character belongs to the one before it."""
    return _EXTENDING.match(character) is not None


def is_visible(text: str) -> bool:
    """Whether anything of the text can be seen: white space, zero-width and direction marks cannot."""
    return _SEEN.search(text) is not None


def from_first_visible(text: str) -> str:
    """The text without the invisible characters and white space in front of it."""
    found = _UNSEEN_START.match(text)
    return text[found.end() :] if found else text
