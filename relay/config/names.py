"""Names of accounts: they stand in hook addresses, on the command line and in metrics."""

from __future__ import annotations

import re

from relay.config.suggestions import listed, quoted

RESERVED = ("all", "none", "relay", "system")  # words of our own in addresses, options and traces
PATTERN = r"^[a-z][a-z0-9_-]{0,39}$"
SHAPE = "allowed are a-z, then a-z, 0-9, _ and -, at most 40 characters"
_NAME = re.compile(PATTERN)


def objection(name: str) -> str:
    """Why this may not be an account's name, as a sentence; "" if it may."""
    if name in RESERVED:
        return f"{quoted(name)} is a word of the relay's own; not allowed as names: {listed(RESERVED)}"
    if not _NAME.fullmatch(name):
        return f"{quoted(name, 40)} is not allowed as a name; {SHAPE}"
    return ""
