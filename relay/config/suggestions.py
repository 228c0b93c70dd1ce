"""The right name for a misspelt one, and lists of names for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(found: str, allowed: Iterable[str]) -> str:
    """`("slaes", ["sales", "panel"])` -> `sales`; "" when nothing is near enough to be a slip of the hand."""
    by_lower = {name.lower(): name for name in allowed}
    close = get_close_matches(found[:80].lower().replace("-", "_"), by_lower, n=1, cutoff=0.66)
    return by_lower[close[0]] if close else ""


def quoted(text: str, limit: int = 60) -> str:
    """`slaes` -> `"slaes"`, on one line and cut to `limit` characters."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f'"{line}"' if len(line) <= limit else f'"{line[:limit]}…"'


def listed(names: Iterable[str]) -> str:
    """`["a", "b", "c"]` -> `"a", "b" or "c"`."""
    words = [quoted(name) for name in names]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def hint(found: str, allowed: Iterable[str]) -> str:
    """`did you mean "sales"?`, or what is allowed when nothing is near, or "" when there is nothing at all."""
    names = list(allowed)
    near = nearest(found, names)
    if near:
        return f"did you mean {quoted(near)}?"
    return f"allowed: {listed(names)}" if names else ""
