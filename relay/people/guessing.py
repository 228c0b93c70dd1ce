"""Against guessing passwords, without locking out the one whom the account belongs to.

Every attempt is counted before the password is looked at, so many at once are no way round, and taken off again when it
was right. Three limits, each a bucket that fills again by itself:

- user and network: five are free, then each further one doubles the wait, up to a quarter of an hour;
- network: thirty in ten minutes, whoever is tried;
- user: a hundred an hour, from wherever. Only here could strangers keep the rightful one out, so a browser that has
  logged in as this user before (it holds a signed device cookie) is counted by itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

from relay.store.store import Store

FREE: Final = 5
LONGEST_WAIT_S: Final = 15 * 60
DEVICE_MAX_AGE_S: Final = 180 * 86_400
# A bucket of half the number that refills by the other half: never more than the number in any such span.
NETWORK: Final = (15, 600 / 15)  # attempts at once, seconds until one more is allowed
USER: Final = (50, 3600 / 50)

# KEYS: 1 growing wait  2.. buckets. ARGV: 1 now (s)  2 free  3 longest wait, then per bucket: size, seconds a token.
# Returns the seconds to wait, as text; "0" and the attempt is counted everywhere.
_TRY: Final = """
local now, free, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wait = 0
local grown = redis.call('HMGET', KEYS[1], 'n', 'until')
if grown[2] and tonumber(grown[2]) > now then wait = tonumber(grown[2]) - now end
local fresh = {}
for i = 2, #KEYS do
  local size, each = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full_at = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now)
  local over = full_at + each - now - size * each
  if over > 0 then wait = math.max(wait, over) end
  fresh[i] = full_at + each
end
if wait > 0 then return tostring(wait) end
local n = tonumber(grown[1] or '0') + 1
local till = 0
if n >= free then till = now + math.min(longest, 2 ^ (n - free)) end
redis.call('HSET', KEYS[1], 'n', n, 'until', string.format('%.3f', till))
redis.call('EXPIRE', KEYS[1], 86400)
for i = 2, #KEYS do redis.call('SET', KEYS[i], string.format('%.3f', fresh[i]), 'EX', 7200) end
return '0'
"""
# The attempt was right: it is not counted. ARGV: per bucket the seconds a token.
_RIGHT: Final = """
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
  local full_at = redis.call('GET', KEYS[i])
  if full_at then
    redis.call('SET', KEYS[i], string.format('%.3f', tonumber(full_at) - tonumber(ARGV[i - 1])), 'KEEPTTL')
  end
end
return 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to log in. `wait_s` 0: it may go on, and has been counted."""

    wait_s: float
    keys: tuple[str, ...]
    refill: tuple[float, ...]


class Guessing:
    """Counts attempts in the store, for all processes together. Methods may raise StoreUnavailable."""

    def __init__(self, store: Store, keys: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        """`keys` are the deployment's secret keys, which sign device cookies."""
        self.store = store
        self.keys = tuple(keys)
        self.clock = clock

    async def begin(self, user: str, network: str, *, device: str = "") -> Attempt:
        """Count an attempt for `user` (known or not) from `network`. `device`: what `known_device` gave."""
        who = _digest(user)
        if device:
            names = [f"guess:device:{_digest(device)}:{who}", f"guess:network:{_digest(network)}"]
            buckets = [NETWORK]
        else:
            names = [
                f"guess:pair:{who}:{_digest(network)}",
                f"guess:network:{_digest(network)}",
                f"guess:user:{who}",
            ]
            buckets = [NETWORK, USER]
        keys = tuple(self.store.key(n) for n in names)
        arguments = [repr(self.clock()), str(FREE), str(LONGEST_WAIT_S)]
        arguments += [str(x) for bucket in buckets for x in bucket]
        wait = await self.store.wire.call("EVAL", _TRY, str(len(keys)), *keys, *arguments)
        return Attempt(wait_s=float(wait), keys=keys, refill=tuple(each for _, each in buckets))

    async def right(self, attempt: Attempt) -> None:
        """It was the rightful one."""
        keys = attempt.keys
        await self.store.wire.call("EVAL", _RIGHT, str(len(keys)), *keys, *map(str, attempt.refill))

    # --- browsers that have been here before -------------------------------------------------------------------------

    def device_cookie(self, user: str, device: str) -> str:
        """What a browser is given at a successful log-in. `device`: random, its own."""
        signed = _serializer(self.keys).dumps([user, device])
        return signed if isinstance(signed, str) else signed.decode("ascii")

    def known_device(self, cookie: str, user: str) -> str:
        """The device of a cookie that we gave for this user; "" for anything else."""
        try:
            said = _serializer(self.keys).loads(cookie[:1000], max_age=DEVICE_MAX_AGE_S)
        except BadData:
            return ""
        match said:
            case [str(owner), str(device)] if owner == user:
                return device
            case _:
                return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


@lru_cache(maxsize=8)
def _serializer(keys: tuple[str, ...]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        list(reversed(keys)),  # the library wants the oldest first and signs with the last
        salt="relay.device-cookie.v1",
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
