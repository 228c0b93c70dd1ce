"""A comment has one answer: who is accepted first claims it, and gives it back when it will not be there after all."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from relay.contract.model import Kind, Report, ReportStatus
from relay.store.records import Accepted, Finish, NewMessage
from relay.store.store import Store, new_id

CLAIM = "once:comment:shop:c1"


async def commented(store: Store, comment: str = "c1") -> None:
    message = NewMessage(id=new_id(), kind=Kind.COMMENT, origin="shop", envelope=orjson.dumps({"text": "how much?"}))
    await store.accept(message, (), channel="shop", remote_user="u1", comment_id=comment)


async def answer(store: Store, *to: str) -> Accepted:
    message = NewMessage(
        id=new_id(), kind=Kind.ANSWER, origin="sales", envelope=orjson.dumps({"text": "ten", "comment_id": "c1"})
    )
    return await store.accept(message, ("shop", *to), number=1, single_use_key=CLAIM)


async def ended(store: Store, verdict: str, destination: str = "shop", **more: Any) -> str:
    lane = (await store.claim(destination, "w", 1)).lanes[0]
    assert lane.head is not None
    await store.finish(destination, lane, lane.head.delivery_id, Finish(verdict=verdict, **more))
    return lane.head.delivery_id


async def claimed(store: Store) -> bool:
    return (await store.are_claimed([CLAIM]))[0]


async def test_an_answer_that_was_refused_gives_the_one_answer_back(store: Store) -> None:
    await commented(store)
    assert (await answer(store)).fresh and not (await answer(store)).fresh
    await ended(store, "dead", reason="refused", line=b'{"what":"dead"}')
    assert not await claimed(store)
    assert (await answer(store)).fresh


async def test_not_where_it_may_have_arrived_in_spite_of_its_failure(store: Store) -> None:
    await commented(store)
    await answer(store)
    await ended(store, "retry", reason="timeout", line=b'{"what":"retry","certain":false}')
    await ended(store, "dead", reason="refused", line=b'{"what":"dead"}')
    assert await claimed(store)


async def test_a_failure_that_is_reported_later_gives_it_back(store: Store) -> None:
    await commented(store)
    await answer(store)
    await ended(store, "ok", remote_id="q1")
    assert await claimed(store)
    await store.report("shop", Report(remote_id="q1", status=ReportStatus.FAILED), b'{"what":"failed"}')
    assert not await claimed(store)


async def test_a_failure_that_was_reported_before_the_answer_gives_it_back(store: Store) -> None:
    await commented(store)
    await answer(store)
    await store.report("shop", Report(remote_id="q1", status=ReportStatus.FAILED), b'{"what":"failed"}')
    await ended(store, "ok", remote_id="q1")
    assert not await claimed(store)


async def test_a_mirror_that_dies_says_nothing_about_the_answer(store: Store) -> None:
    await commented(store)
    await answer(store, "panel")
    await ended(store, "dead", "panel", reason="refused")
    assert await claimed(store)


async def test_a_replay_takes_the_claim_again_and_is_refused_where_it_is_gone(store: Store) -> None:
    await commented(store)
    await answer(store)
    dead = await ended(store, "dead", reason="refused")
    assert await store.replay(dead) is not None
    assert await claimed(store) and not (await answer(store)).fresh
    again = await ended(store, "dead", reason="refused")
    assert (await answer(store)).fresh
    with pytest.raises(ValueError, match="comment_already_answered"):
        await store.replay(again)
    assert await store.dead_ids() == [again]


async def test_a_dropped_one_gives_it_back(store: Store) -> None:
    await commented(store)
    await answer(store)
    dead = await ended(store, "dead", reason="refused")
    await store.replay(dead)
    again = await ended(store, "dead", reason="refused")
    await store.drop(again)
    assert not await claimed(store)


async def test_each_comment_of_a_person_is_kept_newest_first(store: Store) -> None:
    for comment in ("c1", "c2", "c3"):
        await commented(store, comment)
    found = await store.comments(1, 0, 10)
    assert sorted(c for c, _ in found) == ["c1", "c2", "c3"] and [at for _, at in found] == sorted(
        [at for _, at in found], reverse=True
    )
