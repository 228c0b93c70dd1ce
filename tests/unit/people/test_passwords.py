"""Passwords: which are taken, how they are kept, what checking them costs."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import pytest

from relay.people.passwords import Passwords, normal, weakness

GOOD = "сиреневый трамвай у реки 7"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        (GOOD, ""),
        ("correct horse battery staple", ""),
        ("short one", "password_short"),
        ("x" * 129, "password_long"),
        ("aaaaaaaaaaaaaaaa", "password_guessable"),
        ("password12345678", "password_guessable"),
        ("qwertyuiop[]", "password_guessable"),
        ("anna.petrova", "password_guessable"),
    ],
)
def test_which_are_good_enough(password: str, why: str):
    assert weakness(password, words=("anna.petrova", "anna", "petrova")) == why


def test_administrators_need_longer_ones():
    assert weakness("hk3-vQz9-Lm2x", shortest=12) == ""
    assert weakness("hk3-vQz9-Lm2x", shortest=15) == "password_short"


def test_a_long_password_is_judged_in_no_time():
    started = time.perf_counter()
    weakness("xyz1" * 32)
    assert time.perf_counter() - started < 2


async def test_kept_as_argon2id_with_the_measured_parameters():
    passwords = Passwords()
    kept = await passwords.hash(GOOD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.check(kept, GOOD)
    assert not await passwords.check(kept, GOOD + " ")
    assert not await passwords.check(None, "a password that nobody has")
    assert not passwords.outdated(kept)
    assert passwords.outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA")


async def test_the_same_password_typed_on_another_keyboard():
    passwords = Passwords()
    kept = await passwords.hash("ﬁve grünе Äpfel heute")
    assert normal("ﬁve") == "five"
    assert await passwords.check(kept, "five grünе Äpfel heute")


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_l_memory_twenty_log_ins_at_once():
    passwords = Passwords()
    kept = await passwords.hash(GOOD)
    gc.collect()
    before, most = _rss(), 0
    working = asyncio.gather(*(passwords.check(kept, GOOD) for _ in range(20)))
    while not working.done():
        most = max(most, _rss())
        await asyncio.sleep(0.002)
    assert all(await working)
    assert most - before <= 45_000_000
