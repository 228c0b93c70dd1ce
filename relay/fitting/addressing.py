"""Whom a text in the group is for, and what only looks as if it were for somebody. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.fitting.graphemes import from_first_visible

# A Russian keyboard has № where others have #; some phones write the full-width sign.
_SIGN = "[#№＃]"
# `#42 text`, `#42: text`, `#42, text`, `#42<newline>text` and a bare `#42`.
_NUMBER = re.compile(rf"{_SIGN}([0-9]{{1,18}})(?:[:,]|(?=\s|$))")
# `@anna: text`. The colon is asked for: a mention of a colleague must never reach a customer of that name.
_USERNAME = re.compile(r"@([\w.\-]{0,63}[\w\-]):")
_MENTION = re.compile(r"@([\w.\-]{0,63}[\w\-])(?=[\s,]|$)")
_COMMAND = re.compile(r"/([^\W\d_]+)(?:@\w+)?(?=\s|$)")
# `#42hello`, `# 42 hello`. How a long post of ours goes on, `#42… (2/3) `, is neither, also where the chat server has
# made three dots of one.
_NEARLY = re.compile(rf"{_SIGN}\s{{0,3}}([0-9]{{1,18}}+)(?!\s?(?:…|\.\.\.)\s?\()")
_FURTHER = re.compile(rf"^\s*{_SIGN}([0-9]{{1,18}})(?:[:,]|(?=\s|$))", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """A text taken apart: exactly one of `number` and `username` is set; `rest` is what is to be said to them."""

    number: int | None = None
    username: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """`/name argument`, the name in lower case."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearly:
    """Looks like an address and is none. `notice` names the hint; of a `username` it depends on whether a customer is
    called that."""

    notice: str
    number: int | None = None
    username: str = ""
    other: int = 0  # a further line's number


def addressed(text: str) -> Addressed | Commanded | Nearly | None:
    """What a text in the group is; None: talk. Invisible characters in front of it do not count."""
    said = from_first_visible(text).rstrip()
    if found := _NUMBER.match(said):
        rest = said[found.end() :]
        if further := _FURTHER.search(rest, rest.find("\n")) if "\n" in rest else None:
            return Nearly(notice="two_addresses", number=int(found[1]), other=int(further[1]))
        return Addressed(number=int(found[1]), rest=rest.strip())
    if found := _USERNAME.match(said):
        return Addressed(username=found[1], rest=said[found.end() :].strip())
    if found := _MENTION.match(said):
        return Nearly(notice="name_without_colon", username=found[1])
    if found := _COMMAND.match(said):
        argument = said[found.end() :].strip().partition("\n")[0].strip()
        return Commanded(name=found[1].lower(), argument=argument)
    if found := _NEARLY.match(said):
        return Nearly(notice="nearly_an_address", number=int(found[1]))
    return None


def behind_number(text: str, number: int) -> str | None:
    """What follows `#42` in a text that begins with it, however it is followed; None for any other text."""
    found = re.match(rf"{_SIGN}\s{{0,3}}0*{number}(?![0-9])[:,]?", from_first_visible(text))
    return from_first_visible(text)[found.end() :] if found else None
