"""Quick-reply options: taken off a desk's text, and checked. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from relay.contract import Limits
from relay.contract.errors import Refusal
from relay.fitting.refusing import refusal


def take_options(text: str) -> tuple[str, tuple[str, ...]]:
    """Takes a last line `> Yes | No | Later` off a desk's text: `("Come today?", ("Yes", "No", "Later"))`.

    Only `> ` with at least two options, or with one that has a letter or a digit in it, is such a line: `>_<` and
    `>>> look` are talk. Without the space at least two such words must follow (`>Yes|No`). A `>` line right below
    another `>` line is a quotation and stays text. Empty options stay in, for `check_options` to refuse.
    """
    lines = text.rstrip().splitlines()
    if not lines:
        return text, ()
    last = lines[-1].strip()
    quoted = len(lines) > 1 and lines[-2].lstrip().startswith(">")
    if not last.startswith(">") or last.startswith((">>", "> >")) or quoted:
        return text, ()
    options = tuple(" ".join(option.split()) for option in last[1:].split("|"))
    words = sum(map(_is_words, options))
    spaced = last[1:2].isspace()
    if words >= 2 or (spaced and (words or (len(options) > 1 and any(options)))):
        return "\n".join(lines[:-1]).rstrip(), options
    return text, ()


def _is_words(option: str) -> bool:
    return any(c.isalnum() for c in option)


def check_options(options: Sequence[str], limits: Limits) -> list[Refusal]:
    """Everything that is wrong with these options."""
    refusals: list[Refusal] = []
    if limits.options is not None and len(options) > limits.options:
        refusals.append(refusal("refused_too_many_options", found=len(options), allowed=limits.options))
    if any(not option.strip() for option in options):
        refusals.append(refusal("refused_option_empty"))
    for option in options:
        if limits.option_chars is not None and len(option) > limits.option_chars:
            facts = {"option": option[:60], "found": len(option), "allowed": limits.option_chars}
            refusals.append(refusal("refused_option_too_long", **facts))
    return refusals
