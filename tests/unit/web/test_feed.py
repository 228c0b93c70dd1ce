"""R-gap, R-slow, R-leak, R-revoke at the reader's level: no event is missed or comes twice, nobody is slowed down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.store.feed import FeedEntry, order
from relay.store.store import Store
from relay.web.feed import reader as reading
from relay.web.feed.event import Event, encoded
from relay.web.feed.listener import BYTES_MAX, EVENTS_MAX, Listener
from relay.web.feed.reader import FeedReader, TooMany


class Archived:
    """A history that is never behind."""

    async def reach(self, position: str, timeout_s: float) -> bool:
        return True


async def about(entry: FeedEntry) -> Event:
    if entry.kind == "user":
        return Event("change", {"k": "user"}, user=entry.what)
    return Event("change", {"k": entry.kind, "n": entry.number}, channel="shop" if entry.number % 2 else "other")


@pytest.fixture
async def reader(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FeedReader]:
    monkeypatch.setattr(reading, "BLOCK_MS", 20)
    archived: Any = Archived()
    made = FeedReader(store, about, archived)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


def everything(_: str) -> bool:
    return True


async def told(listener: Listener, count: int) -> list[Event]:
    """That many events; fewer when they do not come."""
    found: list[Event] = []
    while len(found) < count and (event := await listener.next(2.0)) is not None:
        found.append(event)
    return found


async def announced(store: Store, count: int, first: int = 1) -> list[str]:
    return [await store.feed.announce("message", n, "m") for n in range(first, first + count)]


def chained(events: list[Event], after: str) -> bool:
    """Each event names the one before it."""
    for event in events:
        if event.data["prev"] != after:
            return False
        after = event.id
    return True


@pytest.mark.parametrize("ring", [2_000, 5])
async def test_r_gap_who_comes_back_hears_exactly_what_was_missed(
    reader: FeedReader, store: Store, monkeypatch: pytest.MonkeyPatch, ring: int
):
    """From memory, and from the feed itself where memory does not reach that far."""
    monkeypatch.setattr(reading, "RING", ring)
    reader._ring = deque(maxlen=ring)
    here = Listener(everything)
    assert await reader.resume(here, None) == []
    ids = await announced(store, 40)
    assert [e.id for e in await told(here, 40)] == ids

    for missed in (0, 3, 25, 39):
        again = Listener(everything)
        after = ids[39 - missed]
        got = await reader.resume(again, after)
        assert [e.id for e in got] == ids[40 - missed :]
        assert chained(got, after)
        reader.leave(again)


async def test_r_gap_what_happens_while_somebody_resumes_comes_once(reader: FeedReader, store: Store):
    first = (await announced(store, 1))[0]
    listeners = []

    async def comes() -> tuple[Listener, list[Event]]:
        one = Listener(everything)
        return one, await reader.resume(one, first)

    writing = asyncio.create_task(announced(store, 150, 2))
    for _ in range(30):
        listeners.append(await comes())
        await asyncio.sleep(0.002)
    ids = await writing
    for listener, missed in listeners:
        got = missed + await told(listener, 150 - len(missed))
        assert [e.id for e in got] == ids
        assert chained(got, first)


async def test_a_page_from_another_time_starts_afresh(reader: FeedReader, store: Store):
    ids = await announced(store, 20)
    listener = Listener(everything)
    await reader.resume(listener, ids[-1])
    future = f"{order(ids[-1])[0] + 60_000}-0"
    (event,) = await reader.resume(Listener(everything), future)
    assert (event.name, event.data["why"]) == ("resync", "newer than the feed")
    await store.wire.call("XTRIM", store.key("feed"), "MINID", ids[10])
    reader._ring.clear()
    reader._before_ring = reader.position = ids[-1]
    (event,) = await reader.resume(Listener(everything), ids[2])
    assert (event.name, event.data["why"]) == ("resync", "too old")
    with pytest.raises(ValueError, match="not a position"):
        await reader.resume(Listener(everything), "yesterday")


async def test_a_store_that_was_emptied_is_told_to_all(reader: FeedReader, store: Store):
    await announced(store, 3)
    listener = Listener(everything)
    await reader.resume(listener, None)
    await store.redis.flushall()
    await reader._begin()
    (event,) = await told(listener, 1)
    assert (event.name, event.data["why"]) == ("resync", "store")


async def test_rights_what_a_listener_may_not_see_moves_only_its_position(reader: FeedReader, store: Store):
    listener = Listener(lambda channel: channel == "shop")
    await reader.resume(listener, None)
    ids = await announced(store, 4)
    got = await told(listener, 4)
    assert [e.id for e in got] == ids
    assert [e.data["k"] for e in got] == ["message", "hidden", "message", "hidden"]
    assert all("n" not in e.data for e in got if e.data["k"] == "hidden")
    assert chained(got[1:], ids[0])


async def test_rights_hold_also_for_what_is_read_again(reader: FeedReader, store: Store):
    """What was missed is handed out by `resume`, which passes no listener's queue."""
    first = (await announced(store, 1))[0]
    await announced(store, 4, 2)
    listener = Listener(lambda channel: channel == "shop")
    await reader.resume(Listener(everything), None)
    while reader.position == first:
        await asyncio.sleep(0.01)
    got = await reader.resume(listener, first)
    assert [e.data.get("n") for e in got if e.channel == "other"] == []


async def test_r_revoke_only_that_users_listeners_have_to_prove_themselves(reader: FeedReader, store: Store):
    anna, bert = Listener(everything, "anna"), Listener(everything, "bert")
    for listener in (anna, bert):
        await reader.resume(listener, None)
    waiting = asyncio.create_task(anna.next(5.0))
    await asyncio.sleep(0.05)
    await store.feed.announce("user", 0, "anna")
    assert await asyncio.wait_for(waiting, 1.0) is None
    assert anna.must_prove
    assert not bert.must_prove


def test_r_slow_a_queue_that_overflows_holds_one_resync():
    listener = Listener(everything)
    for n in range(EVENTS_MAX):
        listener.put(encoded(Event("change", {"n": n}, str(n))))
    assert len(listener._queue) == EVENTS_MAX
    listener.put(encoded(Event("change", {"n": 0}, "x")))
    assert [e.name for e in listener._queue] == ["resync"]
    listener.put(encoded(Event("change", {"text": "x" * BYTES_MAX}, "y")))
    assert [e.name for e in listener._queue] == ["resync"]
    assert listener._bytes <= 200


async def test_r_slow_one_who_does_not_read_costs_the_others_nothing(reader: FeedReader, store: Store):
    slow, quick = Listener(everything), Listener(everything)
    for listener in (slow, quick):
        await reader.resume(listener, None)
    reading_ = asyncio.create_task(told(quick, 600))
    ids = await announced(store, 600)
    assert [e.id for e in await reading_] == ids
    assert len(slow._queue) <= EVENTS_MAX
    assert any(e.name == "resync" for e in slow._queue)


async def test_r_leak_five_hundred_come_and_go(reader: FeedReader, store: Store):
    before = len(asyncio.all_tasks())
    for _ in range(500):
        listener = Listener(everything)
        await reader.resume(listener, None)
        reader.leave(listener)
    assert reader.listeners == 0
    assert len(asyncio.all_tasks()) <= before


async def test_a_process_takes_a_number_of_listeners(reader: FeedReader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "LISTENERS_MAX", 2)
    for _ in range(2):
        await reader.resume(Listener(everything), None)
    with pytest.raises(TooMany):
        await reader.resume(Listener(everything), None)


def test_nothing_in_an_event_can_end_it():
    data = encoded(Event("change", {"text": "a\n\nevent: bye\r\ndata: x\u2028"}, "1-0")).raw
    assert data.count(b"\n\n") == 1
    assert data.endswith(b"\n\n")
    assert b"\r" not in data


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["event", "read", "cut"]), max_size=400), st.integers(3, 20))
def test_r_model_state_and_events_are_the_fresh_state(acts: list[str], limit: int):
    """A page applies what it hears; whenever it is told to start afresh it reads the state. It never ends up wrong."""
    truth: dict[int, int] = {}
    page: dict[int, int] = {}
    log: list[Event] = []
    listener = Listener(everything)

    def hear(event: Event) -> None:
        if event.name == "resync":
            page.clear()
            page.update(truth)
        else:
            page[event.data["n"]] = max(page.get(event.data["n"], 0), event.data["v"])

    for i, act in enumerate(acts, 1):
        if act == "event":
            truth[i % 7] = i
            log.append(encoded(Event("change", {"n": i % 7, "v": i}, str(i))))
            listener.put(log[-1])
            if len(listener._queue) > limit:  # a page that is much slower than this one
                listener._queue.clear()
                listener._queue.append(Event("resync", {}))
        elif act == "read" and listener._queue:
            hear(listener._queue.popleft())
        elif act == "cut":
            # It comes back with what it has, and is given what it may have heard already.
            listener = Listener(everything)
            for event in log[-len(acts) :]:
                hear(event)
    while listener._queue:
        hear(listener._queue.popleft())
    assert page == truth
