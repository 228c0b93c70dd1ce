"""Sessions on a real store: opened, found, rotated, ended, and over by themselves."""

from __future__ import annotations

import asyncio

import pytest

from relay.people.sessions import ABSOLUTE_S, DAY_S, IDLE_S, OLD_ID_S, Sessions
from relay.store.store import Store
from tests.unit.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(store: Store, clock: FakeClock) -> Sessions:
    return Sessions(store, clock=clock)


async def test_a_session_is_found_by_its_id_and_the_store_does_not_know_that(sessions: Sessions, store: Store):
    session_id, opened = await sessions.open("u1", network="10.0.0.0/24", agent="Firefox")
    assert len(session_id) == 43  # 256 bits
    assert await sessions.find(session_id) == opened
    for key in await store.redis.keys("*"):
        assert session_id.encode() not in key
        if b"session:" in key:
            assert session_id.encode() not in b" ".join(await store.wire.call("HVALS", key))
    assert await sessions.find(session_id[:-1]) is None
    assert await sessions.find("") is None
    assert await sessions.find("x" * 100_000) is None


async def test_l_idle_a_week_without_a_request_ends_it(sessions: Sessions, clock: FakeClock):
    session_id, session = await sessions.open("u1", network="n", agent="")
    for _ in range(3):
        clock.move(IDLE_S - 60)
        session = await sessions.touch(session, network="n")
        assert await sessions.find(session_id) == session
    clock.move(IDLE_S + 1)
    assert await sessions.find(session_id) is None


async def test_l_idle_a_month_ends_it_however_busy(sessions: Sessions, clock: FakeClock):
    session_id, session = await sessions.open("u1", network="n", agent="")
    for _ in range(int(ABSOLUTE_S / DAY_S)):
        clock.move(DAY_S)
        session = await sessions.touch(session, network="n")
    assert await sessions.find(session_id) is not None
    clock.move(2)
    assert await sessions.find(session_id) is None


async def test_its_id_is_changed_every_day_and_requests_on_their_way_still_come_through(
    sessions: Sessions, clock: FakeClock
):
    old_id, session = await sessions.open("u1", network="n", agent="")
    assert not sessions.due_for_rotation(session)
    clock.move(DAY_S)
    assert sessions.due_for_rotation(session)
    new_id, renewed = await sessions.rotate(session)
    assert new_id != old_id
    assert renewed.csrf == session.csrf  # forms that are open go on working
    on_its_way = await sessions.find(old_id)
    assert on_its_way is not None
    assert not sessions.due_for_rotation(on_its_way)
    assert [s.key for s in await sessions.of_user("u1")] == [renewed.key]
    clock.move(OLD_ID_S + 1)
    assert await sessions.find(old_id) is None
    assert await sessions.find(new_id) is not None


async def test_l_login_where_rights_change_the_old_id_is_dead_at_once(sessions: Sessions):
    old_id, session = await sessions.open("u1", network="n", agent="")
    new_id, renewed = await sessions.rotate(session, at_once=True, sudo=True)
    assert await sessions.find(old_id) is None
    assert await sessions.find(new_id) == renewed
    assert renewed.csrf != session.csrf


async def test_sudo_ends_after_a_quarter_of_an_hour(sessions: Sessions, clock: FakeClock):
    _, session = await sessions.open("u1", network="n", agent="")
    assert session.is_sudo(clock())
    clock.move(15 * 60 + 1)
    assert not session.is_sudo(clock())


async def test_one_s_other_sessions_are_ended_and_pages_are_told(sessions: Sessions, store: Store):
    mine, session = await sessions.open("u1", network="n", agent="this one")
    others = [(await sessions.open("u1", network="n", agent=str(i)))[0] for i in range(3)]
    foreign, _ = await sessions.open("u2", network="n", agent="")
    assert await sessions.end_all("u1", but=session.key) == 3
    assert [await sessions.find(o) for o in others] == [None, None, None]
    assert await sessions.find(mine) is not None
    assert await sessions.find(foreign) is not None
    entries = await store.redis.xrange(store.key("feed"))
    assert entries[-1][1] == {b"k": b"user", b"n": b"0", b"m": b"u1"}


async def test_a_request_under_way_does_not_bring_back_a_session_that_was_just_ended(
    sessions: Sessions, clock: FakeClock
):
    session_id, session = await sessions.open("u1", network="n", agent="")
    await sessions.end(session)
    clock.move(3600)
    await sessions.touch(session, network="elsewhere")
    assert await sessions.find(session_id) is None
    new_id, _ = await sessions.rotate(session)
    assert await sessions.find(new_id) is None


async def test_many_at_once_keep_their_own(sessions: Sessions):
    opened = await asyncio.gather(*(sessions.open(f"u{i}", network="n", agent="") for i in range(50)))
    found = await asyncio.gather(*(sessions.find(session_id) for session_id, _ in opened))
    assert [s.user for s in found if s is not None] == [f"u{i}" for i in range(50)]
