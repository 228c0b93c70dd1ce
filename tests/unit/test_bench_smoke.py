"""The bench counts right: against a subject that loses, doubles and turns around exactly what a script says.

No time is asserted anywhere; only that everything is counted and that nothing is missing from the report.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.bench import usage
from tests.bench.driver import HOOK_BYTES, MANY, ONE_EACH, Driver, Shape, Target, hook
from tests.bench.endpoints import Caller, Sink, connect, mark
from tests.bench.goals import goal_table, goals
from tests.bench.ledger import Ledger, quantile
from tests.bench.modes import PACED, REFUSING, SATURATED, Plan, Row, measure
from tests.bench.report import Figures, incomplete, mode_table, noise
from tests.bench.subjects import Forwarder

FIFTY = Shape(name="fifty", conversations=50)


class Scripted:
    """Takes hooks, acknowledges them at once, and posts what its script lets through, each over one connection."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.door = Sink()
        self.door.on_arrival = self._came
        self.lose: set[int] = set()
        self.double: set[int] = set()
        self.hold: dict[int, int] = {}  # message -> the one after which it goes
        self._out: asyncio.Queue[int] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    @property
    def target(self) -> Target:
        return Target(host="127.0.0.1", port=self.door.port, path="/hooks/shop")

    async def start(self) -> None:
        await self.door.start()
        self._task = asyncio.create_task(self._post())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await self.door.stop()

    def _came(self, index: int) -> None:
        if index not in self.lose and index not in self.hold:
            self._out.put_nowait(index)
        if index in self.double:
            self._out.put_nowait(index)
        for held, after in self.hold.items():
            if after == index:
                self._out.put_nowait(held)

    async def _post(self) -> None:
        (caller,) = await connect("127.0.0.1", self.sink.port, 1)
        try:
            while True:
                index = await self._out.get()
                while await _ask(caller, f"key=bench&message={mark(index)}+text".encode()) != 200:
                    pass
        finally:
            caller.close()


async def _ask(caller: Caller, body: bytes) -> int:
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    caller.on_answer = answered.set_result
    caller.send(b"POST /api/message HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    return await answered


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def subject(sink: Sink) -> AsyncIterator[Scripted]:
    subject = Scripted(sink)
    await subject.start()
    yield subject
    await subject.stop()


async def test_a_faultless_subject_has_no_faults(sink: Sink, subject: Scripted) -> None:
    tally = await Driver(sink, subject.target).run(300, MANY)
    assert (tally.messages, tally.acked, tally.arrived) == (300, 300, 300)
    assert (tally.lost, tally.doubled, tally.out_of_order, tally.strange) == (0, 0, 0, 0)
    assert tally.relayed_per_s > 0
    assert 0 < tally.ack_ms.p50 <= tally.ack_ms.p99


async def test_losses_doubles_and_order_breaks_are_counted(sink: Sink, subject: Scripted) -> None:
    subject.lose, subject.double = {5, 105}, {7, 108, 109}
    subject.hold = {10: 60, 20: 120}  # both go after a later message of their own conversation
    tally = await Driver(sink, subject.target, quiet_s=0.3).run(200, FIFTY)
    assert (tally.acked, tally.arrived) == (200, 198)
    assert (tally.lost, tally.doubled, tally.out_of_order) == (2, 3, 2)


async def test_messages_of_other_conversations_may_overtake(sink: Sink, subject: Scripted) -> None:
    subject.hold = {10: 61}
    tally = await Driver(sink, subject.target).run(100, ONE_EACH)
    assert (tally.arrived, tally.out_of_order) == (100, 0)


async def test_what_is_not_acknowledged_is_sent_again_and_is_no_loss(sink: Sink, subject: Scripted) -> None:
    refused: set[int] = set()

    def once(index: int) -> bool:
        first = index % 40 == 0 and index not in refused
        refused.add(index)
        return first

    subject.door.refuse = once
    tally = await Driver(sink, subject.target).run(100, FIFTY)
    assert (tally.acked, tally.arrived, tally.doubled, tally.lost) == (100, 100, 0, 0)
    assert subject.door.refused == 2


async def test_a_refused_post_has_not_arrived(sink: Sink, subject: Scripted) -> None:
    sink.refuse_share(0.1)
    tally = await Driver(sink, subject.target).run(200, FIFTY)
    assert sink.refused > 0
    assert (tally.arrived, tally.doubled) == (200, 0)


async def test_a_second_run_knows_the_first_ones_messages_are_not_its_own(sink: Sink, subject: Scripted) -> None:
    driver = Driver(sink, subject.target, quiet_s=0.3)
    subject.hold = {10: 150}
    assert (await driver.run(100, FIFTY)).lost == 1
    tally = await driver.run(100, FIFTY)
    assert (tally.arrived, tally.strange) == (100, 1)


async def test_a_paced_run_counts_from_when_a_message_was_due(sink: Sink, subject: Scripted) -> None:
    ledger = await Driver(sink, subject.target).run_ledger(30, FIFTY, per_s=200.0)
    gaps = [b - a for a, b in zip(ledger.sent, ledger.sent[1:], strict=False)]
    assert gaps == pytest.approx([1 / 200] * 29)


async def test_a_subject_that_hangs_up_ends_the_run(sink: Sink, subject: Scripted) -> None:
    driver = Driver(sink, subject.target, quiet_s=0.3)
    running = asyncio.create_task(driver.run(50, FIFTY, per_s=100.0))
    await asyncio.sleep(0.1)
    await subject.door.stop()
    tally = await running
    assert 0 < tally.acked < 50
    assert tally.lost == 0


def test_a_ledger_counts_a_loss_only_where_something_was_promised() -> None:
    ledger = Ledger(100, [1, 1, 2, 2])
    for index, sent, acked in ((100, 1.0, 1.5), (101, 2.0, 2.5), (102, 3.0, None), (103, 3.0, 3.5)):
        ledger.send(index, sent)
        if acked:
            ledger.acknowledge(index, acked)
    ledger.arrive(101, 4.0)
    ledger.arrive(100, 5.0)
    ledger.arrive(99, 5.0)
    tally = ledger.tally()
    assert (tally.acked, tally.arrived, tally.lost, tally.out_of_order, tally.strange) == (3, 2, 1, 1, 1)
    assert tally.relayed_per_s == pytest.approx(2 / 4.0)
    assert tally.end_to_end_ms.p99 == pytest.approx(4000)


def test_quantiles() -> None:
    values = [float(v) for v in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile([3.0], 0.5)) == (50, 99, 3)
    assert math.isnan(quantile([], 0.5))


@pytest.mark.parametrize(("index", "conversation"), [(1, 0), (1_000_000, 99_999), (123_456, 11_234_567)])
def test_a_hook_has_five_hundred_bytes_and_its_mark(index: int, conversation: int) -> None:
    body = hook(index, conversation)
    value = orjson.loads(body)
    assert len(body) == HOOK_BYTES
    assert value["event"]["properties"]["content"]["body"].startswith(mark(index))
    assert str(conversation) in value["device"]["username"]


def _row(subject: str, number: int, rate: float, mode: str = SATURATED, others: float = 0.0) -> Row:
    ledger = Ledger(1, [1, 1])
    for i in (1, 2):
        ledger.send(i, 10.0)
        ledger.acknowledge(i, 10.0 + 2 / rate)
        ledger.arrive(i, 10.0 + 2 / rate)
    return Row(
        subject=subject,
        mode=mode,
        round=number,
        tally=ledger.tally(),
        cpu_app_us=200.0,
        cpu_store_us=50.0,
        cpu_driver_us=10.0,
        rss_app_mb=80.0,
        rss_store_mb=9.0,
        refused=0,
        others=others,
    )


def test_ratios_are_medians_of_each_rounds_own() -> None:
    rates = {"forwarder": (1000, 2000, 4000), "run, always": (900, 1600, 2000), "arq, always": (100, 400, 1000)}
    figures = Figures([_row(s, i, r) for s, values in rates.items() for i, r in enumerate(values, 1)])
    assert figures.ratio(SATURATED, "run, always", "forwarder") == pytest.approx(0.8)
    assert figures.ratio(SATURATED, "run, always", "arq, always") == pytest.approx(4.0)
    assert figures.cpu_ratio(SATURATED, "run, always", "forwarder") == pytest.approx(1.0)
    line = next(x for x in mode_table(figures, SATURATED).splitlines() if x.startswith("| run, always"))
    assert [c.strip() for c in line.split("|")][2:6] == ["1600", "900–2000", "0.80", "4.00"]
    verdict = {(g.what, g.unit): g.met for g in goals(figures)}
    assert verdict["run, always; saturated", "× (a)"] is True
    assert verdict["run, always; saturated, one message per conversation", "× (a)"] is None
    assert "NOT MET" not in goal_table(figures)


def test_a_busy_machine_is_said_to_be_one() -> None:
    assert "doubtful" in noise(Figures([_row("forwarder", 1, 1000.0, others=0.4)]))
    assert "doubtful" not in noise(Figures([_row("forwarder", 1, 1000.0, others=0.01)]))


def test_what_was_measured_in_the_noise_is_left_out_but_not_what_went_wrong_in_it() -> None:
    noisy = _row("forwarder", 2, 100.0, others=0.5)
    rows = [_row("forwarder", 1, 1000.0), noisy, _row("run, always", 1, 800.0), _row("run, always", 2, 900.0)]
    figures = Figures(rows)
    assert figures.ratio(SATURATED, "run, always", "forwarder") == pytest.approx(0.8)
    assert figures.left_out == 1
    assert "1 of 4 measurements" in noise(figures)
    assert figures.total(lambda t: t.arrived, SATURATED, "forwarder") == 4
    # No quiet round in common: the medians are compared.
    apart = Figures([noisy, _row("forwarder", 1, 1000.0), _row("run, always", 2, 900.0)])
    assert apart.ratio(SATURATED, "run, always", "forwarder") == pytest.approx(0.9)
    # Nothing quiet at all: what there is, and it is said.
    assert Figures([noisy]).tallied(SATURATED, "forwarder", lambda t: t.relayed_per_s) == pytest.approx(100.0)
    assert "doubtful" in noise(Figures([noisy]))


def test_missing_rounds_are_named() -> None:
    figures = Figures([_row("forwarder", 1, 1000.0), _row("forwarder", 2, 900.0), _row("run, always", 1, 800.0)])
    assert "run, always (saturated): 1" in incomplete(figures, 2)
    assert "forwarder" not in incomplete(figures, 2)
    assert incomplete(figures, 1) == ""


def test_usage_of_this_process() -> None:
    assert usage.cpu_s([os.getpid()]) > 0
    assert 5 < usage.peak_rss_mb([os.getpid()]) < 10_000
    assert usage.cpu_s([2**22 + 1]) == usage.peak_rss_mb([2**22 + 1]) == 0


async def test_the_forwarder_as_a_process(sink: Sink, tmp_path: Path) -> None:
    subject = Forwarder()
    plan = Plan(messages=100, slow_messages=60, paced_s=0.2)
    try:
        await subject.start(tmp_path, sink.url)
        driver = Driver(sink, subject.target)
        for mode, n in ((SATURATED, 100), (REFUSING, 60), (PACED, 20)):
            row = await measure(mode, 1, subject, driver, sink, plan)
            assert row.tally is not None
            assert (row.tally.arrived, row.tally.lost, row.tally.doubled) == (n, 0, 0)
            assert row.rss_app_mb > 5
    finally:
        await subject.stop()
