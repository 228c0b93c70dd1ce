"""Names of keys: what makes two events the same, and what keeps them apart."""

from __future__ import annotations

import orjson
import pytest

from relay.contract.model import Kind
from relay.store import keys
from relay.store.records import NewMessage
from relay.store.store import Store, new_id


@pytest.mark.parametrize("other", [("shop2", ("1",)), ("shop", ("2",)), ("shop", ("1", "")), ("shop", ("1", "1"))])
def test_an_identity_belongs_to_its_account(other: tuple[str, tuple[str, ...]]):
    assert keys.seen("shop", ("1",)) != keys.seen(*other)
    assert keys.seen("shop", ("1",)) == keys.seen("shop", ("1",))


async def test_two_accounts_that_count_alike_are_not_each_others_repeats(store: Store):
    """Both systems number their messages from 1."""

    async def arrive(channel: str) -> bool:
        message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin=channel, envelope=orjson.dumps({"text": channel}))
        accepted = await store.accept(
            message, ("desk",), seen=keys.seen(channel, ("1",)), channel=channel, remote_user="u1"
        )
        return accepted.fresh

    assert [await arrive("shop"), await arrive("shop2"), await arrive("shop"), await arrive("shop2")] == [
        True, True, False, False,
    ]  # fmt: skip
