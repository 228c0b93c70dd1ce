"""Where a list goes on: opaque to whoever holds it, signed so that it cannot be altered, good for a day.

A cursor names the last row that was shown (its sort key and id), so what is added meanwhile shifts nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from relay.web.api.problems import Problem

GOOD_FOR_S: Final = 86_400
_TAG: Final = 16


class Cursors:
    """Makes and reads cursors with the deployment's secret keys."""

    def __init__(self, keys: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._keys = tuple(hmac.digest(k.encode(), b"relay.cursor.v1", hashlib.sha256) for k in keys)
        self._clock = clock

    def make(self, operation: str, filters: Any, position: Sequence[Any]) -> str:
        """A cursor after the row at `position`. `filters`: what the list was asked for; the same next time."""
        said = orjson.dumps([int(self._clock()), _digest(operation, filters), list(position)])
        return _encoded(hmac.digest(self._keys[0], said, hashlib.sha256)[:_TAG] + said)

    def read(self, operation: str, filters: Any, cursor: str | None) -> list[Any] | None:
        """The position, None for the beginning. Raises Problem for what is not ours, too old, or of another list."""
        if not cursor:
            return None
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raise Problem("malformed", "The cursor is not one of ours.") from None
        tag, said = raw[:_TAG], raw[_TAG:]
        if not any(hmac.compare_digest(tag, hmac.digest(k, said, hashlib.sha256)[:_TAG]) for k in self._keys):
            raise Problem("malformed", "The cursor is not one of ours.")
        made, digest, position = orjson.loads(said)
        if self._clock() - made > GOOD_FOR_S:
            raise Problem("malformed", "The cursor is older than a day; begin again without one.")
        if digest != _digest(operation, filters):
            raise Problem("malformed", "The cursor belongs to a list that was asked for differently.")
        return list(position)


def _digest(operation: str, filters: Any) -> str:
    said = orjson.dumps([operation, filters], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(said).hexdigest()[:16]


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
