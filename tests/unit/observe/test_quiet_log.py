"""One line a minute and kind, and a count."""

from __future__ import annotations

import asyncio
import logging

import pytest

from relay.observe.quiet_log import QuietLog

log = logging.getLogger("quiet")


async def test_a_thousand_of_a_kind_are_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    quiet = QuietLog(log, every_s=0.2)
    for number in range(1000):
        quiet.say(logging.ERROR, "store", "the store is away: %d", number)
    quiet.say(logging.ERROR, "disk", "the disk is full")
    assert [r.getMessage() for r in caplog.records] == ["the store is away: 0", "the disk is full"]
    await asyncio.sleep(0.3)
    assert caplog.records[-1].getMessage() == "999 more like this within a minute, the last: the store is away: 999"
    quiet.say(logging.ERROR, "store", "the store is away: %d", 1000)
    assert caplog.records[-1].getMessage() == "the store is away: 1000", "and after a minute it is said again"


def test_without_a_loop_it_counts_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    quiet = QuietLog(log, every_s=0.0)
    quiet.say(logging.WARNING, "a", "one")
    quiet.say(logging.WARNING, "a", "two")
    assert [r.getMessage() for r in caplog.records] == ["one", "two"]
