"""Idempotency-Key: a request that is sent again gets the answer of the first, and does nothing a second time.

What was answered is kept for three days. The key is also the identity of the message itself, so even a crash between
sending and answering doubles nothing: the repeat finds the message accepted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from relay.store.keys import SEEN_TTL_S
from relay.store.store import Store
from relay.web.api.problems import Problem

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 200
UNDER_WAY_S: Final = 60.0  # a process that died in the middle holds the key no longer than this
# KEYS: 1 the key's record. ARGV: 1 fingerprint  2 ms a request may be under way. Returns "" for a new one.
_BEGIN: Final = """
local had = redis.call('HMGET', KEYS[1], 'print', 'status', 'body', 'type')
if had[1] then return had end
redis.call('HSET', KEYS[1], 'print', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return false
"""
_END: Final = """
redis.call('HSET', KEYS[1], 'print', ARGV[1], 'status', ARGV[2], 'body', ARGV[3], 'type', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the first request was answered."""

    status: int
    body: bytes
    content_type: str


class Idempotency:
    """Remembers answers in the store, per caller. Methods may raise StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @staticmethod
    def check(key: str | None) -> str:
        """The header's value. Raises Problem where it is missing or no key."""
        if not key:
            raise Problem("idempotency-key-missing", "The header Idempotency-Key is missing.")
        key = key.strip().strip('"')
        if not 0 < len(key) <= LONGEST or not key.isprintable() or not key.isascii():
            raise Problem("idempotency-key-missing", f"An Idempotency-Key has 1 to {LONGEST} ASCII characters.")
        return key

    @staticmethod
    def fingerprint(method: str, path: str, body: bytes) -> str:
        """What makes two requests the same."""
        return hashlib.sha256(b"\0".join([method.encode(), path.encode(), body])).hexdigest()

    async def begin(self, who: str, key: str, fingerprint: str) -> Answered | None:
        """Claim the key. Returns the first answer where there is one. Raises Problem while the first is under way, and
        for another request with the same key."""
        had = await self.store.wire.call(
            "EVAL", _BEGIN, "1", self._key(who, key), fingerprint, str(int(UNDER_WAY_S * 1000))
        )
        if not had:
            return None
        if had[0].decode() != fingerprint:
            raise Problem("key-reused", "This Idempotency-Key came with another request before.")
        if had[1] is None:
            raise Problem("in-use", headers={"Retry-After": "1"})
        return Answered(status=int(had[1]), body=had[2], content_type=had[3].decode())

    async def end(self, who: str, key: str, fingerprint: str, answered: Answered) -> None:
        """Keep the answer."""
        await self.store.wire.call(
            "EVAL",
            _END,
            "1",
            self._key(who, key),
            fingerprint,
            str(answered.status),
            answered.body,
            answered.content_type,
            str(int(SEEN_TTL_S * 1000)),
        )

    async def give_up(self, who: str, key: str) -> None:
        """The request came to nothing that would be the same next time: the key is free again."""
        await self.store.wire.call("DEL", self._key(who, key))

    def _key(self, who: str, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self.store.key(f"idem:{who}:{digest}")
