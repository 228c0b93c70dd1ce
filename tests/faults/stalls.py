"""Whether the disk stood still: a witness that has a block synced over and over on the same disk as the store.

A shared machine's disk may take a second for what takes half a millisecond, and a hook that is durable before it is
answered takes as long. That says nothing of the relay, so what was under way meanwhile is left out of latencies (never
of what was lost).
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

EVERY_S = 0.01
STALL_S = 0.01
"""A sync that takes longer than this is a stall; one takes half a millisecond here."""


class Stalls:
    """`with Stalls(folder) as stalls:` watches the disk of `folder`. Times are `time.time()`."""

    def __init__(self, folder: Path) -> None:
        self.found: list[tuple[float, float]] = []
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            while not self._stop.wait(EVERY_S):
                began = time.time()
                os.pwrite(file.fileno(), os.urandom(512), 0)
                os.fdatasync(file.fileno())
                if (ended := time.time()) - began > STALL_S:
                    self.found.append((began - EVERY_S, ended))

    def touches(self, since: float, until: float) -> bool:
        """Whether the disk stood still at any time between the two."""
        return any(began < until and since < ended for began, ended in self.found)

    def __str__(self) -> str:
        longest_s = max((ended - began for began, ended in self.found), default=0.0)
        return f"the disk stood still {len(self.found)} times, for up to {longest_s * 1000:.0f} ms"
