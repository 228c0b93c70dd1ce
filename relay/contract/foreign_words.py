"""Words that others wrote: names, texts, file names, error pages. Data everywhere, and never instructions.

`Masking` is asked where they come in: what another system says may repeat our own address to it, token and all, and is
then shown to a group, kept in the store and printed. `for_terminal` is asked where they are printed: a terminal obeys
control characters, and shows what bidirectional ones make of a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
# Shorter values are words like "sandbox" that stand in every other sentence; the configuration refuses them as secrets.
SHORTEST_SECRET: Final = 8
_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROLS: Final = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff{_BIDI}]")
_CONTROLS_AND_BREAKS: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff{_BIDI}]")


class Masking:
    """The secrets of a deployment, as they may come back: as they are, percent-encoded, escaped as in JSON or HTML."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """More of them: a token that a login gave, say."""
        new = {s for s in secrets if len(s) >= SHORTEST_SECRET} - self._secrets
        if not new:
            return
        self._secrets |= new
        forms = {form for secret in self._secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        # Percent escapes are the same in either case; letters of a secret are not, but masking one too many is no harm.
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def __call__(self, words: str) -> str:
        """`words` without any of our secrets."""
        return words if self._pattern is None else self._pattern.sub(MASK, words)


def _forms(secret: str) -> set[str]:
    escaped = json.dumps(secret)[1:-1]
    unescaped = json.dumps(secret, ensure_ascii=False)[1:-1]
    html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    plain = {secret, escaped, escaped.replace("/", "\\/"), unescaped, unescaped.replace("/", "\\/"), html}
    coded = {quote(secret), quote(secret, safe=""), quote_plus(secret), quote(quote(secret, safe=""), safe="")}
    every = {"".join(f"%{byte:02X}" for byte in secret.encode())}
    return plain | coded | every | {html.replace("'", "&#x27;"), html.replace("'", "&#39;")}


masking: Final = Masking()
"""This process's own. It knows nothing until the deployment's secrets are learnt at the start; error words of other
systems go through it wherever they come in (`short_words`, `SendError`, `RemoteError`, outcomes of attempts)."""


def for_terminal(text: str, *, one_line: bool = False) -> str:
    """`text` with what a terminal would obey or reorder shown as escapes (`\\x1b`, `\\u202e`). Line breaks stay, unless
    one line is meant."""
    text = text.replace("\r\n", "\n")
    return (_CONTROLS_AND_BREAKS if one_line else _CONTROLS).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    known = {9: "\\t", 10: "\\n", 13: "\\r"}
    return known.get(number) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")
