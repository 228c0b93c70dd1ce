"""Guessing passwords: how many attempts anybody gets, and that the rightful one is not locked out (L-brute)."""

from __future__ import annotations

import asyncio

import pytest

from relay.people.guessing import DEVICE_MAX_AGE_S, Guessing
from relay.store.store import Store
from tests.unit.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guessing(store: Store, clock: FakeClock) -> Guessing:
    return Guessing(store, ["a secret key of the tests"], clock=clock)


async def test_l_brute_ten_thousand_guesses_from_a_thousand_addresses(guessing: Guessing, clock: FakeClock):
    checked, start = 0, clock()
    for i in range(10_000):
        attempt = await guessing.begin("anna", f"10.{i % 1000 // 250}.{i % 250}.0/24")
        checked += attempt.wait_s == 0
        clock.now = start + i * 3600 / 10_000
    assert checked <= 100
    # Meanwhile, and in spite of it, her own browser gets in at once ...
    cookie = guessing.device_cookie("anna", "her laptop")
    attempt = await guessing.begin("anna", "192.168.1.0/24", device=guessing.known_device(cookie, "anna"))
    assert attempt.wait_s == 0
    # ... and any other within a quarter of an hour after.
    attempt = await guessing.begin("anna", "192.168.1.0/24")
    assert attempt.wait_s <= 15 * 60
    clock.move(attempt.wait_s + 0.01)
    assert (await guessing.begin("anna", "192.168.1.0/24")).wait_s == 0


async def test_l_brute_five_are_free_then_each_doubles_the_wait(guessing: Guessing, clock: FakeClock):
    waits = []
    for _ in range(12):
        attempt = await guessing.begin("anna", "net")
        if attempt.wait_s:
            waits.append(round(attempt.wait_s))
            clock.move(attempt.wait_s + 0.01)
            assert (await guessing.begin("anna", "net")).wait_s == 0
    assert waits[:4] == [1, 2, 4, 8]
    for _ in range(30):
        clock.move((await guessing.begin("anna", "net")).wait_s + 0.01)
    assert (await guessing.begin("anna", "net")).wait_s <= 15 * 60


async def test_many_at_once_are_no_way_round(guessing: Guessing):
    attempts = await asyncio.gather(*(guessing.begin("anna", "net") for _ in range(50)))
    assert sum(a.wait_s == 0 for a in attempts) == 5


async def test_a_right_password_is_not_counted(guessing: Guessing, clock: FakeClock):
    for i in range(40):  # a whole office at nine o'clock, behind one address
        attempt = await guessing.begin(f"user{i}", "office")
        assert attempt.wait_s == 0
        await guessing.right(attempt)


async def test_one_network_gets_thirty_in_ten_minutes_whoever_it_tries(guessing: Guessing, clock: FakeClock):
    checked, start = 0, clock()
    for i in range(600):
        checked += (await guessing.begin(f"user{i}", "net")).wait_s == 0
        clock.now = start + i
    assert 15 <= checked <= 30


async def test_a_device_cookie_is_for_one_user_and_ends(guessing: Guessing, monkeypatch: pytest.MonkeyPatch):
    cookie = guessing.device_cookie("anna", "d1")
    assert guessing.known_device(cookie, "anna") == "d1"
    assert guessing.known_device(cookie, "boris") == ""
    assert guessing.known_device(cookie[:-2], "anna") == ""
    assert guessing.known_device("rubbish" * 1000, "anna") == ""
    import time

    later = time.time() + DEVICE_MAX_AGE_S + 10
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert guessing.known_device(cookie, "anna") == ""


async def test_who_has_her_device_does_not_guess_for_ever(guessing: Guessing):
    waits = [(await guessing.begin("anna", f"net{i}", device="stolen")).wait_s for i in range(20)]
    assert sum(w == 0 for w in waits) == 5
