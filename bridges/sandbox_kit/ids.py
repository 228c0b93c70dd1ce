"""Identifiers as the far side would make them."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar


class Ids:
    """Identifiers as the far side would make them. The same seed gives the same ones in the same order."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self.restart()

    def restart(self) -> None:
        """From the beginning (reset). Without a seed: fresh ones."""
        self.random = random.Random(os.urandom(16) if self._seed is None else self._seed)  # noqa: S311 - no secrets

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"

    def number(self, digits: int) -> str:
        """A decimal number of exactly that many digits, as text."""
        return str(self.random.randrange(10 ** (digits - 1), 10**digits))

    def uuid(self) -> str:
        """A version 4 UUID."""
        raw = f"{self.random.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{'89ab'[int(raw[16], 16) % 4]}{raw[17:20]}-{raw[20:]}"

    def pick(self, values: Sequence[T]) -> T:
        return self.random.choice(values)


T = TypeVar("T")
