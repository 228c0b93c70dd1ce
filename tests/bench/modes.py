"""What is asked of a subject, one mode after another, and the figures that each gives."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench import usage
from tests.bench.driver import MANY, ONE_EACH, Driver, Shape
from tests.bench.endpoints import Sink
from tests.bench.ledger import Tally
from tests.bench.subjects import PlainArq, Subject

SATURATED = "saturated"
SATURATED_ONE_EACH = "saturated, one message per conversation"
PACED = "100 messages/s"
SLOW_DESTINATION = "destination takes 50 ms"
SLOWER_DESTINATION = "destination takes 200 ms"
REFUSING = "2 % of 503"
IDLE = "idle"
SLOW_DISK = "3 ms more per fsync, saturated"
SLOW_DISK_ONE_EACH = "3 ms more per fsync, saturated, one message per conversation"
SLOW_DISK_PACED = "3 ms more per fsync, 100 messages/s"

ON_THIS_DISK = (IDLE, SATURATED, SATURATED_ONE_EACH, PACED, SLOW_DESTINATION, SLOWER_DESTINATION, REFUSING)
ON_A_SLOW_DISK = (SLOW_DISK, SLOW_DISK_ONE_EACH, SLOW_DISK_PACED)
PACE_PER_S = 100.0
# The second takes a quarter of the messages a second: it shows whether 100 are under way on machines of any speed.
DESTINATION_S = {SLOW_DESTINATION: 0.05, SLOWER_DESTINATION: 0.2}
REFUSED_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of each. Messages for plain arq are fewer, or it alone would take most of the time."""

    rounds: int = 3
    warm_up: int = 1000
    messages: int = 8000
    messages_arq: int = 3000
    slow_messages: int = 3000  # for the slow destination, the refusing one and the slow disk
    paced_s: float = 10.0
    idle_s: float = 10.0

    def count(self, mode: str, subject: Subject) -> int:
        """Messages of one run."""
        if mode in (PACED, SLOW_DISK_PACED):
            return int(self.paced_s * PACE_PER_S)
        if mode in (SATURATED, SATURATED_ONE_EACH):
            return self.messages_arq if isinstance(subject, PlainArq) else self.messages
        if mode in (SLOW_DISK, SLOW_DISK_ONE_EACH) and isinstance(subject, PlainArq):
            return self.slow_messages // 5
        return self.slow_messages


QUICK = Plan(rounds=1, warm_up=300, messages=2000, messages_arq=600, slow_messages=600, paced_s=3.0, idle_s=3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One mode of one subject in one round. CPU is of all its processes; `others` is the share of the machine that
    processes which are no part of the run took meanwhile (0 to 1): much of it, and the figures mean little."""

    subject: str
    mode: str
    round: int
    tally: Tally | None
    cpu_app_us: float  # per message; in idle mode: share of one core, in percent
    cpu_store_us: float
    cpu_driver_us: float
    rss_app_mb: float
    rss_store_mb: float
    refused: int
    others: float

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


class Meter:
    """CPU between two moments."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.start()

    def _now(self) -> tuple[float, float, float, float]:
        s = self.subject
        return usage.cpu_s(s.apps), usage.cpu_s(s.stores), time.process_time(), usage.machine_busy_s()

    def start(self) -> None:
        """Count from here."""
        self.at, self.was = time.monotonic(), self._now()

    def used(self) -> tuple[float, float, float, float]:
        """Seconds of the apps, the store and the driver, and the others' share of the machine."""
        app, store, driver, busy = (now - was for now, was in zip(self._now(), self.was, strict=True))
        all_there_is = (time.monotonic() - self.at) * (os.cpu_count() or 1)
        return app, store, driver, max(0.0, busy - app - store - driver) / all_there_is


async def idle(meter: Meter, idle_s: float) -> None:
    """Nothing to do for so long, and `meter` counts that. What is left of what came before is not idling."""
    await asyncio.sleep(1.0)
    meter.start()
    await asyncio.sleep(idle_s)


async def measure(mode: str, number: int, subject: Subject, driver: Driver, sink: Sink, plan: Plan) -> Row:
    """Run one mode."""
    sink.behave()
    meter = Meter(subject)
    if mode == IDLE:
        await idle(meter, plan.idle_s)
        return _row(mode, number, subject, sink, meter, None, per=plan.idle_s / 100)
    if mode in DESTINATION_S:
        sink.delay_s = DESTINATION_S[mode]
    elif mode == REFUSING:
        sink.refuse_share(REFUSED_SHARE)
    shape: Shape = ONE_EACH if mode in (SATURATED_ONE_EACH, SLOW_DISK_ONE_EACH) else MANY
    n = plan.count(mode, subject)
    per_s = PACE_PER_S if mode in (PACED, SLOW_DISK_PACED) else None
    tally = await driver.run(n, shape, per_s=per_s, on_start=meter.start)
    return _row(mode, number, subject, sink, meter, tally, per=n / 1e6)


def _row(mode: str, number: int, subject: Subject, sink: Sink, meter: Meter, tally: Tally | None, *, per: float) -> Row:
    app, store, driver, others = meter.used()
    return Row(
        subject=subject.name,
        mode=mode,
        round=number,
        tally=tally,
        cpu_app_us=app / per,
        cpu_store_us=store / per,
        cpu_driver_us=driver / per,
        rss_app_mb=usage.peak_rss_mb(subject.apps),
        rss_store_mb=usage.peak_rss_mb(subject.stores),
        refused=sink.refused,
        others=others,
    )


async def warm_up(driver: Driver, sink: Sink, plan: Plan) -> None:
    """Fill pools and caches. Raises RuntimeError when not even this arrives."""
    sink.behave()
    tally = await driver.run(plan.warm_up, MANY)
    if tally.arrived < plan.warm_up:
        raise RuntimeError(f"only {tally.arrived} of {plan.warm_up} messages arrived in the warm-up")


Say = Callable[[str], None]
