"""A store and a data directory that do not belong together, were emptied or were written by a newer version."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.contract.errors import StoreUnavailable
from relay.contract.model import Kind
from relay.store import belonging
from relay.store.belonging import FORMAT
from relay.store.records import Accepted, NewMessage
from relay.store.server.append_only import ACCEPT
from relay.store.store import Store, new_id


async def write(store: Store, who: str) -> Accepted:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=b'{"text":"hi"}')
    return await store.accept(message, ["desk"], seen=f"seen:shop:{who}", channel="shop", remote_user=who)


async def test_the_first_start_makes_the_mark_and_the_second_finds_it(store: Store, tmp_path: Path):
    await belonging.claim(store, tmp_path)
    first = await store.deployment()
    assert first
    await belonging.claim(store, tmp_path)
    assert await store.deployment() == first
    await store.ping()


async def test_an_emptied_store_is_not_begun_anew_without_a_word(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await belonging.claim(store, tmp_path)
    for who in "abc":
        await write(store, who)
    await store.redis.flushall()
    with pytest.raises(StoreUnavailable, match=rf"The store is empty, but .*deployment\.json.*{ACCEPT}=yes"):
        await belonging.claim(store, tmp_path)
    monkeypatch.setenv(ACCEPT, "yes")
    await belonging.claim(store, tmp_path)
    assert (await write(store, "d")).number > 3
    await store.ping()


async def test_a_data_dir_that_is_not_shared_is_refused(store: Store, tmp_path: Path):
    await belonging.claim(store, tmp_path / "here")
    with pytest.raises(StoreUnavailable, match="must share one data_dir"):
        await belonging.claim(store, tmp_path / "elsewhere")


async def test_the_store_of_another_deployment_is_refused(store: Store, tmp_path: Path):
    await belonging.claim(store, tmp_path)
    await store.belong_to("somebody-else")
    with pytest.raises(StoreUnavailable, match="belongs to another deployment"):
        await belonging.claim(store, tmp_path)


async def test_emptied_while_running_readiness_says_so_and_no_number_is_given_out_twice(store: Store, tmp_path: Path):
    await belonging.claim(store, tmp_path)
    numbers = [(await write(store, who)).number for who in "abc"]
    await store.ping()
    await store.redis.flushall()
    assert (await write(store, "d")).number not in numbers
    assert (await write(store, "a")).number not in numbers
    with pytest.raises(StoreUnavailable, match=r"has been emptied \(FLUSHALL\?\) while the relay ran"):
        await store.ping()


async def test_a_store_of_a_newer_version_is_refused(store: Store):
    await store.wire.call("HSET", store.key("deployment"), "format", str(FORMAT + 1))
    again = Store(store.where)
    try:
        with pytest.raises(StoreUnavailable, match="written by a newer version of the relay"):
            await again.start()
    finally:
        await again.stop()


async def test_an_error_half_way_through_an_acceptance_leaves_no_claim(store: Store):
    """Otherwise the sender's repeat of what was never accepted is taken for a repeat, and the message is lost."""
    await store.redis.set(store.key("lane:desk:1"), "no list")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await write(store, "a")
    await store.redis.delete(store.key("lane:desk:1"))
    assert (await write(store, "a")).fresh
