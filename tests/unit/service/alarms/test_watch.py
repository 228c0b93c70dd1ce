"""The watcher: told once, also over restarts and by several processes; what could not be told is told later."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from relay.contract.errors import StoreUnavailable
from relay.observe.alarms import Alarm, AlarmKind, DestinationFacts, Facts, Limits
from relay.service.alarms import watch as watching
from relay.service.alarms.watch import AlarmWatch
from tests.harness import until


class Kept:
    """The store's half, in memory; `away` makes every call fail."""

    def __init__(self) -> None:
        self.alarms: dict[str, bytes] = {}
        self.holder = ""
        self.away = False

    def _ask(self) -> None:
        if self.away:
            raise StoreUnavailable("It does not answer.")

    async def told(self) -> dict[str, bytes]:
        self._ask()
        return dict(self.alarms)

    async def remember(self, raised: Mapping[str, bytes], over: list[str]) -> None:
        self._ask()
        self.alarms |= raised
        for key in over:
            self.alarms.pop(key, None)

    async def mine(self, holder: str, ttl_s: float) -> bool:
        self._ask()
        self.holder = self.holder or holder
        return self.holder == holder


class Ears:
    """Somebody who is told; `deaf` is how many tries fail first."""

    name = "ears"

    def __init__(self, deaf: int = 0) -> None:
        self.deaf = deaf
        self.heard: list[tuple[str, bool, str]] = []
        self.tries: list[str] = []

    async def tell(self, alarm: Alarm, *, over: bool, message_id: str) -> bool:
        self.tries.append(message_id)
        if self.deaf:
            self.deaf -= 1
            if self.deaf % 2:
                raise OSError("nobody answers")
            return False
        self.heard.append((alarm.key, over, message_id))
        return True


class World:
    def __init__(self) -> None:
        self.facts = Facts()

    async def look(self) -> Facts:
        return self.facts


def watch(world: World, kept: Kept, ears: Ears, *, holder: str = "one", settle_s: float = 0.0) -> AlarmWatch:
    return AlarmWatch(world.look, kept, (ears,), Limits(), holder=holder, settle_s=settle_s)


DOWN = Facts(destinations=(DestinationFacts(name="shop", failing_s=600, words="HTTP 503"),))


async def heard(ears: Ears, count: int) -> list[tuple[str, bool]]:
    await until(lambda: len(ears.heard) >= count, 2)
    await asyncio.sleep(0.02)
    return [(key, over) for key, over, _ in ears.heard]


async def test_once_when_it_begins_and_once_when_it_is_over():
    world, kept, ears = World(), Kept(), Ears()
    one = watch(world, kept, ears)
    await one.look()
    world.facts = DOWN
    for _ in range(3):
        await one.look()
    assert await heard(ears, 1) == [("failing:shop", False)]
    world.facts = Facts()
    for _ in range(3):
        await one.look()
    assert await heard(ears, 2) == [("failing:shop", False), ("failing:shop", True)]


async def test_a_restart_tells_nobody_twice_and_still_knows_what_is_over():
    world, kept, ears = World(), Kept(), Ears()
    world.facts = DOWN
    await watch(world, kept, ears).look()
    await heard(ears, 1)
    again = watch(world, kept, ears)
    await again.look()
    assert len(await heard(ears, 1)) == 1
    world.facts = Facts()
    await again.look()
    assert await heard(ears, 2) == [("failing:shop", False), ("failing:shop", True)]


async def test_of_several_processes_one_tells():
    world, kept, ears = World(), Kept(), Ears()
    world.facts = DOWN
    for name in ("one", "two", "three"):
        await watch(world, kept, ears, holder=name).look()
    assert len(await heard(ears, 1)) == 1


async def test_the_store_being_away_is_told_although_nothing_can_be_noted():
    world, kept, ears = World(), Kept(), Ears()
    one = watch(world, kept, ears)
    await one.look()
    kept.away = True
    world.facts = Facts(store_problem="It does not answer.")
    for _ in range(3):
        await one.look()
    assert await heard(ears, 1) == [("store:", False)]
    kept.away = False
    world.facts = Facts()
    await one.look()
    assert [key for key, _ in await heard(ears, 1)] in (["store:"], ["store:", "store:"])


async def test_a_moment_of_trouble_is_not_told():
    world, kept, ears = World(), Kept(), Ears()
    one = watch(world, kept, ears, settle_s=0.1)
    world.facts = DOWN
    await one.look()
    world.facts = Facts()
    await one.look()
    await asyncio.sleep(0.12)
    await one.look()
    assert ears.tries == []
    world.facts = DOWN
    await one.look()
    await asyncio.sleep(0.12)
    await one.look()
    assert await heard(ears, 1) == [("failing:shop", False)]


async def test_what_is_not_taken_is_told_again_under_the_same_id(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watching, "RETRY_PAUSES_S", (0.01, 0.01, 0.01))
    world, kept, ears = World(), Kept(), Ears(deaf=2)
    world.facts = DOWN
    one = watch(world, kept, ears)
    await one.look()
    assert await heard(ears, 1) == [("failing:shop", False)]
    assert len(ears.tries) == 3
    assert len(set(ears.tries)) == 1
    await one.close()


async def test_an_alarm_kept_by_another_version_is_no_error():
    world, kept, ears = World(), Kept(), Ears()
    kept.alarms = {"flood:cellar": b'{"kind":"flood","subject":"cellar"}', "failing:shop": b"\xff"}
    await watch(world, kept, ears).look()
    assert ears.tries == []
    assert AlarmKind.STORE.value not in kept.alarms
