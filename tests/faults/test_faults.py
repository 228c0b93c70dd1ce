"""The short versions. Each ends with the whole report, so a failure says what was lost and where.

Most of an experiment's time is waiting, for leases to run out or a store to come back, so several run side by side;
those that measure latencies run alone, after the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.bench import Bench
from tests.faults.catalogue import ALL, in_order
from tests.faults.experiment import Experiment, Report
from tests.faults.forked import ForkedRelay

pytestmark = [pytest.mark.fault, pytest.mark.asyncio(loop_scope="module")]

SIDE_BY_SIDE = 5
NUMBERS = sorted((n for n in in_order() if ALL[n].in_short), key=lambda n: ALL[n].alone)

Running = dict[str, asyncio.Task[Report]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The chosen experiments, started."""
    wanted = [
        str(item.callspec.params["number"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    ]
    slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(experiment: Experiment, before: list[asyncio.Task[Report]]) -> Report:
        if before:
            await asyncio.wait(before)
        async with slots:
            return await experiment(tmp_path_factory.mktemp(f"f{experiment.number}"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "kind", ForkedRelay)
        tasks: Running = {}
        for number in wanted:
            before = list(tasks.values()) if ALL[number].alone else []
            tasks[number] = asyncio.create_task(one(ALL[number], before), name=f"experiment {number}")
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("number", [pytest.param(n, id=f"{n}-{ALL[n].title}") for n in NUMBERS])
async def test_fault(number: str, running: Running) -> None:
    report = await running[number]
    assert report.passed, str(report)
