"""Requests that another site makes a browser send (cross-site request forgery). Pure.

Two independent proofs are asked of everything that changes something on the strength of a cookie: the browser's own
word on where the request comes from, and a token that only our pages know.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Final

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER: Final = "X-Relay-CSRF"
FIELD: Final = "csrf"


def foreign(headers: Mapping[str, str], own_origins: Sequence[str]) -> str:
    """Why a request is taken for another site's, as a sentence; "" where it is our own page's.

    `Sec-Fetch-Site` is sent by every current browser over https and to this machine; over plain http to a name it is
    missing, and `Origin` is looked at. A browser sends one of them with every request that changes something.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return "" if site in ("same-origin", "none") else f"The browser says that the request is {site[:20]}."
    origin = headers.get("Origin")
    if origin is None:
        return "The request says neither Sec-Fetch-Site nor Origin, as a browser would."
    return "" if origin.lower() in own_origins else "The request comes from a page of another origin."


def same_token(expected: str, given: str | None) -> bool:
    """Compared in constant time; nothing matches an empty one."""
    if not expected or not given:
        return False
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
