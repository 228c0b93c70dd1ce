"""An outage of minutes is told once, and its end once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from relay.contract.model import Kind
from relay.routing.accounts import Accounts
from relay.service.outage_watch import OutageWatch, to_be_told
from relay.store.records import Destination, Finish, NewMessage
from relay.store.store import Store, new_id

NOW = 1_000_000_000


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"failing_ms": NOW - 120_000, "backlog": 1}, True),
        ({"failing_ms": NOW - 119_999, "backlog": 1}, False),
        ({"failing_ms": NOW - 600_000, "backlog": 0}, False),  # nobody waits
        ({"failing_ms": 0, "backlog": 9}, False),
        ({"failing_ms": NOW - 600_000, "backlog": 1, "told": True}, False),
        ({"failing_ms": NOW - 600_000, "backlog": 1, "paused": "manual"}, False),  # whoever paused it knows
        ({"failing_ms": NOW - 600_000, "backlog": 1, "open_ms": NOW - 1}, False),  # the breaker has told it
    ],
)
def test_what_is_told(facts: dict[str, Any], told: bool):
    assert to_be_told(Destination(name="desk", **facts), NOW) is told


async def test_once_when_it_lasts_and_the_success_after_it_is_news(store: Store):
    said: list[tuple[str, str, str]] = []

    async def state_change(account: str, what: str, words: str) -> None:
        said.append((account, what, words))

    accounts = Accounts(by_name=cast("Any", {"desk": None}), desks_of={}, channels_of={})
    watch = OutageWatch(accounts, store, cast("Any", SimpleNamespace(state_change=state_change)), after_s=0.05)
    for text in ("one", "two"):
        await store.accept(
            NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": text})),
            ["desk"],
            channel="shop",
            remote_user=text,
        )

    async def attempt(verdict: str, **more: Any) -> str:
        lane = (await store.claim("desk", "w", 1)).lanes[0]
        assert lane.head is not None
        what = Finish(verdict=verdict, line=b"{}", **more)
        return (await store.finish("desk", lane, lane.head.delivery_id, what)).state_change

    assert await attempt("retry", delay_ms=0, words="HTTP 503", transient=True) == ""
    await watch.look("me")
    assert said == [], "a moment's trouble is nobody's business"
    await asyncio.sleep(0.06)
    for _ in range(3):
        await watch.look("me")
    assert said == [("desk", "failing", "HTTP 503")]
    assert await attempt("ok") == "recovered"
    assert await attempt("ok") == ""
