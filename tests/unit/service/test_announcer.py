"""News about accounts: once, but never leaving people with what is no longer true."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.service import announcer as announcing
from relay.service.announcer import Announcer
from relay.store.records import Accepted, Destination
from relay.texts.templates import Templates
from tests.harness import until


class Desk:
    """A store and a desk in one: remembers keys for their time, and what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.seen: dict[str, float] = {}
        self.now = Destination(name="shop")

    def desks(self) -> list[Any]:
        return [SimpleNamespace(name="sales")]

    async def tell(self, desk: str, text: str, number: int, *, seen: str, seen_ttl_s: float) -> Accepted:
        now = asyncio.get_running_loop().time()
        fresh = self.seen.get(seen, 0) <= now
        if fresh:
            self.seen[seen] = now + seen_ttl_s
            self.said.append(text)
        return Accepted(fresh=fresh, number=number, message_id="m")

    async def destination(self, name: str) -> Destination:
        return self.now


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(announcing, "QUIET_S", 0.05)
    return Desk()


def announcer(desk: Desk) -> Announcer:
    return Announcer(cast("Any", desk), cast("Any", desk), Templates("en"), cast("Any", desk))


async def test_back_and_forth_is_told_once_and_the_end_is_true(desk: Desk) -> None:
    told = announcer(desk)
    for _ in range(5):
        await told.state_change("shop", "paused", "unpaid")
        await told.state_change("shop", "resumed", "")
    await told.state_change("shop", "paused", "unpaid")
    desk.now.paused = "credentials"
    assert len(desk.said) == 2
    await until(lambda: len(desk.said) == 3)
    assert "does not let us in" in desk.said[2]
    await asyncio.sleep(0.12)
    assert len(desk.said) == 3, "and then there is peace"


async def test_the_same_news_again_is_told_when_time_has_passed(desk: Desk) -> None:
    told = announcer(desk)
    await told.state_change("shop", "opened", "")
    await asyncio.sleep(0.06)
    await told.state_change("shop", "opened", "")
    assert len(desk.said) == 2


async def test_a_desk_is_not_told_about_itself(desk: Desk) -> None:
    await announcer(desk).state_change("sales", "opened", "")
    assert desk.said == []
    await asyncio.sleep(0.06)
