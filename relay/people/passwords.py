"""Passwords: which are good enough, and how they are kept and checked.

argon2id with 19 MiB, two passes and one lane: as strong as the library's default of 64 MiB by OWASP's reckoning, and a
sixth of its time (21 ms against 130 ms measured). At most two are worked on at once, in threads: twenty log-ins at the
same moment take turns, instead of a third of a gigabyte.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

SHORTEST: Final = 12
SHORTEST_ADMIN: Final = 15  # of an administrator without a second factor
LONGEST: Final = 128
LEAST_SCORE: Final = 3  # of zxcvbn's 0 to 4: "safely unguessable: moderate protection from offline slow-hash scenario"
AT_ONCE: Final = 2
_OURS: Final = ("relay", "webhook", "panel", "console", "operator", "admin", "оператор", "пароль", "вебхук")

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def normal(password: str) -> str:
    """NFKC: the same password typed on another keyboard or system is the same password."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, *, words: Sequence[str] = (), shortest: int = SHORTEST) -> str:
    """Why a new password is refused, as the name of a sentence (`password_short`, …); "" where it is good enough.

    `words`: what a guesser would try first about this person, such as the user name. There are no rules about
    composition: they make passwords worse, and easier to guess.
    """
    password = normal(password)
    if len(password) < shortest:
        return "password_short"
    if len(password) > LONGEST:
        return "password_long"
    # The library takes seconds over hundreds of characters, and the first seventy say enough.
    if zxcvbn(password[:72], user_inputs=[w for w in (*words, *_OURS) if w])["score"] < LEAST_SCORE:
        return "password_guessable"
    return ""


class Passwords:
    """Makes and checks hashes, in threads and a few at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to be kept, in PHC's form."""
        async with self._turns:
            return await asyncio.to_thread(_hasher.hash, normal(password))

    async def check(self, kept: str | None, given: str) -> bool:
        """Whether `given` is the password of this hash. Takes as long where there is no hash (an unknown user, or one
        who has not set a password yet): the time must not tell who exists."""
        if len(given) > 4 * LONGEST:
            given = ""  # no password of ours; hashing megabytes is work for nothing
        if not kept:
            if self._nobody is None:
                self._nobody = await self.hash("a password that nobody has")
            kept, given = self._nobody, given + "\0"
        async with self._turns:
            return await asyncio.to_thread(_verify, kept, normal(given))

    @staticmethod
    def outdated(kept: str) -> bool:
        """Whether a hash was made with other parameters and should be made anew, at the next log-in."""
        try:
            return _hasher.check_needs_rehash(kept)
        except InvalidHashError:
            return True


def _verify(kept: str, given: str) -> bool:
    try:
        return _hasher.verify(kept, given)
    except (VerificationError, InvalidHashError):
        return False
