"""Background loops go on whatever happens in them, and say so while they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from relay.contract.errors import StoreUnavailable
from relay.service.tasks import Supervisor
from tests.harness import until


@pytest.fixture
async def tasks() -> AsyncIterator[Supervisor]:
    tasks = Supervisor(first_pause_s=0.05)
    yield tasks
    await tasks.stop()


@pytest.mark.parametrize("error", [KeyError("x"), OSError(28, "No space"), StoreUnavailable("away"), AssertionError()])
async def test_a_loop_survives_any_exception(tasks: Supervisor, error: Exception):
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise error

    tasks.every(0.01, "sweeper", work)
    await until(lambda: rounds >= 4)
    assert tasks.problems() == []


async def test_it_is_named_while_it_is_down(tasks: Supervisor):
    broken = True

    async def work() -> None:
        if broken:
            raise KeyError("lane")

    tasks.every(0.01, "resumer", work)
    await until(tasks.problems)
    assert tasks.problems() == ["The background task resumer has failed and is tried again: KeyError: 'lane'"]
    broken = False
    await until(lambda: not tasks.problems())


async def test_what_runs_for_ever_is_begun_again_when_it_ends(tasks: Supervisor):
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ValueError
        if begun == 2:
            return
        await asyncio.Event().wait()

    tasks.keep("poller shop", run)
    await until(lambda: begun == 3)
    await until(lambda: not tasks.problems())
    await tasks.end("poller shop")
    tasks.keep("poller shop", run)  # its name is free again
    await until(lambda: begun == 4)


async def test_short_work_that_fails_is_a_line_and_nothing_else(tasks: Supervisor, caplog: pytest.LogCaptureFixture):
    async def fails() -> None:
        raise ValueError("no")

    tasks.once(fails(), "announcement")
    await until(lambda: "announcement: no" in caplog.text)
    assert tasks.problems() == []
