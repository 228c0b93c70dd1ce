"""Forgetting one person: everything the store keeps of a conversation, and the log that could bring it back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from relay.contract.errors import StoreUnavailable
from relay.store import keys
from relay.store.records import MessageRecord
from relay.store.store import Store

REWRITE_S: Final = 120.0
BATCH: Final = 500


async def messages_of(store: Store, number: int) -> list[MessageRecord]:
    """Everything the store has of a conversation, oldest first."""
    ids = await store.messages(number, 1_000_000)
    found: list[MessageRecord] = []
    for start in range(0, len(ids), BATCH):
        found += await store.journals(ids[start : start + BATCH])
    return found


async def forget(store: Store, number: int, messages: Sequence[MessageRecord], destinations: Sequence[str]) -> int:
    """Delete a conversation and its contact. Its number is never given out again. Returns the number of keys.

    What still waits in a lane is taken out first, so that it cannot be sent meanwhile. Raises StoreUnavailable.
    """
    card = await store.contact(number)
    gone: list[str] = [store.key(f"{kind}:{number}") for kind in ("log", "contact", "comments")]
    for destination in destinations:
        gone.append(store.key(f"lane:{destination}:{number}"))
    for message in messages:
        gone.append(store.key(f"m:{message.id}"))
        for record in message.records:
            gone.append(store.key(keys.record(record.id)))
            gone += [store.key(f"remote:{record.destination}:{r}") for r in record.remote_ids]
            gone += [store.key(f"early:{record.destination}:{r}") for r in record.remote_ids]
    try:
        async with store.redis.pipeline(transaction=True) as pipe:
            for start in range(0, len(gone), BATCH):
                pipe.delete(*gone[start : start + BATCH])
            pipe.zrem(store.key("recent"), str(number))
            dead = [record.id for message in messages for record in message.records]
            for start in range(0, len(dead), BATCH):
                pipe.zrem(store.key("dead"), *dead[start : start + BATCH])
            if card is not None:
                pipe.hdel(store.key(f"who:{card.contact.channel}"), card.contact.remote_id)
                if card.contact.username:
                    pipe.hdel(store.key(f"name:{card.contact.channel}"), card.contact.username.lower())
            await pipe.execute()
    except (RedisError, OSError, TimeoutError) as e:
        raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e
    return len(gone)


async def rewrite_log(store: Store, timeout_s: float = REWRITE_S) -> bool:
    """Have the store write its file anew, so that what was deleted is not in it any more. False where it did not end in
    time, or may not be asked; it is then gone with the next rewrite the server makes by itself."""
    redis: Any = store.redis
    try:
        async with asyncio.timeout(timeout_s):
            await redis.bgrewriteaof()
            while True:
                info = await redis.info("persistence")
                if not info["aof_rewrite_in_progress"] and not info.get("aof_rewrite_scheduled"):
                    return bool(info.get("aof_last_bgrewrite_status", "ok") == "ok")
                await asyncio.sleep(0.1)
    except ResponseError:
        return False
    except TimeoutError:
        return False
    except (RedisError, OSError) as e:
        raise StoreUnavailable(f"The store did not answer: {e or type(e).__name__}") from e
