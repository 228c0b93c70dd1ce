"""What people were told of is kept until it is over, and one process watches."""

from __future__ import annotations

from relay.store.store import Store
from relay.store.told_alarms import ToldAlarms


async def test_what_was_told_is_kept_until_it_is_over(store: Store):
    kept = ToldAlarms(store)
    assert await kept.told() == {}
    await kept.remember({"disk:": b"1", "failing:shop": b"2"}, [])
    assert await ToldAlarms(store).told() == {"disk:": b"1", "failing:shop": b"2"}
    await kept.remember({"disk:": b"3"}, ["failing:shop", "never:told"])
    assert await kept.told() == {"disk:": b"3"}


async def test_one_process_watches(store: Store):
    kept = ToldAlarms(store)
    assert await kept.mine("a", 30.0) and await kept.mine("a", 30.0)
    assert not await kept.mine("b", 30.0)
