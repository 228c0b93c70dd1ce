"""What people were told of and is not over, kept in the store: a restart tells nobody twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.store.store import Store

KEY = "alarms"


class ToldAlarms:
    """Alarms by name, as whoever watches has written them. Every method raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def told(self) -> dict[str, bytes]:
        """All that are not over."""
        flat = await self.store.wire.call("HGETALL", self.store.key(KEY))
        pairs = iter(flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True))
        return {key.decode(): value for key, value in pairs}

    async def remember(self, raised: Mapping[str, bytes], over: Sequence[str]) -> None:
        """Note what has begun and what is over."""
        if raised:
            flat = [part for pair in raised.items() for part in pair]
            await self.store.wire.call("HSET", self.store.key(KEY), *flat)
        if over:
            await self.store.wire.call("HDEL", self.store.key(KEY), *over)

    async def mine(self, holder: str, ttl_s: float) -> bool:
        """Whether this process watches for the next `ttl_s` seconds."""
        return await self.store.try_lease("alarms", holder, ttl_s)
