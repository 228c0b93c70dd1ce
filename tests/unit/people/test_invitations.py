"""Links that work once."""

from __future__ import annotations

import asyncio

from relay.people.invitations import Invitation, Invitations
from relay.store.store import Store


async def test_l_setup_a_link_works_once(store: Store):
    invitations = Invitations(store)
    secret = await invitations.make(Invitation(purpose="invitation", user="anna", role="admin"))
    assert len(secret) >= 22  # 128 bits
    assert await invitations.look(secret) == Invitation(purpose="invitation", user="anna", role="admin")
    used = await asyncio.gather(*(invitations.use(secret) for _ in range(10)))
    assert sum(u is not None for u in used) == 1
    assert await invitations.look(secret) is None


async def test_l_setup_a_link_ends_and_a_new_one_ends_the_one_before(store: Store):
    invitations = Invitations(store)
    brief = await invitations.make(Invitation(purpose="setup"), ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert await invitations.look(brief) is None
    first = await invitations.make(Invitation(purpose="setup", role="admin"))
    second = await invitations.make(Invitation(purpose="setup", role="admin"))
    assert await invitations.look(first) is None
    assert await invitations.look(second) is not None


async def test_l_setup_the_store_knows_only_a_digest(store: Store):
    secret = await Invitations(store).make(Invitation(purpose="setup"))
    for key in await store.redis.keys("*"):
        assert secret.encode() not in key
        value = await store.redis.get(key) if await store.redis.type(key) == b"string" else b""
        assert secret.encode() not in value
