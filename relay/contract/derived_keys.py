"""One secret key, several uses: each has a key of its own, from which neither the first nor the others can be found.

So a link that anybody may hold gives away nothing about hook addresses or sessions, and what was signed for one use is
worth nothing in another. (Hook addresses have had a derivation of their own from the beginning, and keep it: an address
that was handed out may never change. See `relay.routing.hook_addresses`.)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

LINKS: Final = "relay.media-links.v2"
SESSIONS: Final = "relay.sessions.v1"
CURSORS: Final = "relay.cursors.v1"


@lru_cache(maxsize=256)
def derived_key(key: str, use: str) -> bytes:
    """The 32 bytes that stand for `key` in one use. Raises ValueError for an empty key."""
    if not key:
        raise ValueError("a secret key may not be empty")
    return hmac.digest(key.encode(), use.encode(), hashlib.sha256)


def derived_keys(keys: Sequence[str], use: str) -> tuple[bytes, ...]:
    """The same for all keys of a deployment, the one that signs first."""
    if not keys:
        raise ValueError("at least one secret key is needed")
    return tuple(derived_key(key, use) for key in keys)
