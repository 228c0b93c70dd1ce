"""One line a minute and kind, and a count, for what strangers or an outage can cause by the thousand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Final

EVERY_S: Final = 60.0
KINDS: Final = 1000  # remembered at once; strangers must not fill our memory with kinds of their own


class QuietLog:
    """The first of a kind is said at once; those of the minute after it are counted, and said together at its end."""

    def __init__(self, log: logging.Logger, *, every_s: float = EVERY_S) -> None:
        self._log = log
        self._every_s = every_s
        self._since: dict[object, float] = {}
        self._more: dict[object, tuple[int, int, str]] = {}

    def say(
        self, level: int, kind: object, message: str, *facts: object, exc_info: BaseException | None = None
    ) -> None:
        """`message % facts`, unless one of this kind was said within the minute."""
        now = time.monotonic()
        since = self._since.get(kind)
        if since is not None and now - since < self._every_s:
            count = self._more.get(kind, (0,))[0]
            if not count:
                self._remind(kind, since + self._every_s - now)
            self._more[kind] = (count + 1, level, message % facts)
            return
        self._say_rest(kind)
        if len(self._since) >= KINDS:
            self._since.clear()
        self._since[kind] = now
        self._log.log(level, message, *facts, exc_info=exc_info)

    def _remind(self, kind: object, in_s: float) -> None:
        with contextlib.suppress(RuntimeError):  # without a loop it is said with the next of its kind
            asyncio.get_running_loop().call_later(in_s, self._say_rest, kind)

    def _say_rest(self, kind: object) -> None:
        count, level, last = self._more.pop(kind, (0, 0, ""))
        if count:
            self._log.log(level, "%d more like this within a minute, the last: %s", count, last)
