"""Which files something still has to be sent with: what waits in a lane, and dead letters, which may be replayed."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError

from relay.contract.errors import StoreUnavailable
from relay.store.store import Store

BATCH = 500


async def awaited_files(store: Store) -> set[str]:
    """The ids of the files of every message that has a delivery waiting or given up. Raises StoreUnavailable."""
    waiting: list[str] = await store.dead_ids()
    redis: Any = store.redis
    try:
        async for lane in redis.scan_iter(match=store.key("lane:*"), count=1000):
            waiting += [row.decode() for row in await redis.lrange(lane, 0, -1)]
    except (RedisError, OSError, TimeoutError) as e:
        raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e
    messages = sorted({delivery_id.rpartition("-")[0] for delivery_id in waiting})
    found: set[str] = set()
    for first in range(0, len(messages), BATCH):
        for message in await store.journals(messages[first : first + BATCH]):
            found |= {file["id"] for file in message.envelope.get("files", ()) if file.get("id")}
    return found
