"""From what people write to words that can be searched: pure, the same for every database.

A text becomes stems once, before any engine sees it, so SQLite and PostgreSQL find the same. Snowball's stemmers take a
word's endings off ("заказами" -> "заказ"); which language's is decided by the word's own letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import Stemmer

NORM = 1
"""Version of the rules below. Raised when they change, so that older rows can be made anew."""

WORDS_MAX = 2000  # of one message; nobody searches for what is behind that
_WORD = re.compile(r"\w+")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_QUOTED = re.compile(r'"([^"]*)"')


@lru_cache(maxsize=2)
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language)


def fold(text: str) -> str:
    """Letters that people take for the same are the same: case, width, ё and е, marks that stand apart."""
    return unicodedata.normalize("NFKC", text.replace("\0", " ")).casefold().replace("ё", "е")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of one folded word. What holds a digit stays whole: it is an order's number, not a word."""
    if any(c.isdigit() for c in word):
        return word
    return str(_stemmer("russian" if _CYRILLIC.search(word) else "english").stemWord(word))


def stems(text: str) -> list[str]:
    """All words of a text as stems, in order; at most WORDS_MAX."""
    found = []
    for match in _WORD.finditer(fold(text)):
        # An underscore is a letter to the pattern, and none to the engines.
        found += [stem(piece) for piece in match[0].split("_") if piece]
        if len(found) >= WORDS_MAX:
            break
    return found[:WORDS_MAX]


def scope(conversation: int) -> str:
    """The word that stands first in a message's words: a search within one conversation asks for it."""
    return f"c{conversation}x"


def indexed(conversation: int, text: str) -> str:
    """What is stored for searching."""
    return " ".join([scope(conversation), *stems(text)])


def asked(query: str) -> tuple[list[str], list[list[str]]]:
    """A person's query as (stems that must all be there, phrases). Whatever they type is words and never syntax."""
    phrases = [p for p in (stems(q) for q in _QUOTED.findall(query)) if len(p) > 1]
    return stems(query), phrases


def fts5(query: str, conversation: int | None = None) -> str:
    """The query for SQLite: every word quoted, the last one perhaps only begun. "" when nothing is asked."""
    single, phrases = asked(query)
    if not single:
        return ""
    parts = [f'"{w}"' for w in single[:-1]] + [f'"{single[-1]}"*']
    parts += [f'"{" ".join(p)}"' for p in phrases]
    if conversation is not None:
        parts.insert(0, f'"{scope(conversation)}"')
    return " ".join(parts)


def tsquery(query: str, conversation: int | None = None) -> str:
    """The same for PostgreSQL's to_tsquery('simple', ...)."""
    single, phrases = asked(query)
    if not single:
        return ""
    parts = [f"'{w}'" for w in single[:-1]] + [f"'{single[-1]}':*"]
    parts += ["(" + " <-> ".join(f"'{w}'" for w in p) + ")" for p in phrases]
    if conversation is not None:
        parts.insert(0, f"'{scope(conversation)}'")
    return " & ".join(parts)


def marks(text: str, query: str) -> list[tuple[int, int]]:
    """Where a text holds what was asked for, as (from, to) in characters, for showing it."""
    wanted, _ = asked(query)
    if not wanted:
        return []
    *whole, last = wanted
    found = []
    for match in _WORD.finditer(text):
        word = fold(match[0])
        if stem(word) in whole or stem(word) == last or word.startswith(last):
            found.append(match.span())
    return found


def name_pattern(query: str) -> str:
    """The query as a pattern for LIKE over folded names, `\\` escaping. "" when nothing is asked."""
    text = fold(query).strip().lstrip("@")
    for c in ("\\", "%", "_"):
        text = text.replace(c, "\\" + c)
    return f"%{text}%" if text else ""


def folded_names(names: Sequence[str]) -> str:
    """What names are searched in."""
    return " ".join(fold(n) for n in names if n)
