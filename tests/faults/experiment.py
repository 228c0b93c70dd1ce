"""What an experiment is: a number, a title, a function with two sizes, and a report that is filled while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psutil

from tests.harness import Ledger, Tally

RECOVERY_LIMIT_S = 10.0  # lanes move again within this after a kill -9, p99
TWO_AND_TWO: ContextVar[bool] = ContextVar("TWO_AND_TWO", default=False)
"""Whether the experiment under way is to have two serve and two worker processes on one external store."""


@dataclass
class Report:
    """What one run found. `check` notes a pass criterion; all of them must hold."""

    number: str = ""
    title: str = ""
    messages: int = 0
    lost: int = 0
    out_of_order: int = 0
    doubled: int = 0
    doubled_allowed: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.failures

    def check(self, holds: bool, sentence: str) -> None:
        """A pass criterion; `sentence` says what was found."""
        if not holds:
            self.failures.append(sentence)

    def note(self, sentence: str) -> None:
        """Something worth reading beside the figures."""
        self.notes.append(sentence)

    def count(self, tally: Tally, *, doubled_allowed: int = 0) -> None:
        """Add what a ledger says. Nothing lost, nothing out of order, and no more doubled than the fault explains."""
        self.messages += tally.sent
        self.lost += len(tally.lost)
        self.out_of_order += len(tally.out_of_order)
        self.doubled += len(tally.doubled)
        self.doubled_allowed += doubled_allowed
        self.check(not tally.lost, f"lost: {tally.lost[:5]}")
        self.check(not tally.out_of_order, f"out of order: {tally.out_of_order[:5]}")
        self.check(
            len(tally.doubled) <= doubled_allowed,
            f"{len(tally.doubled)} doubled, {doubled_allowed} explained: {tally.doubled[:5]}",
        )

    @property
    def recovery_p99_s(self) -> float | None:
        return quantile(self.recoveries_s, 0.99) if self.recoveries_s else None

    def check_recovery(self, limit_s: float = RECOVERY_LIMIT_S) -> None:
        """Lanes moved again in time, p99."""
        if (p99 := self.recovery_p99_s) is not None:
            self.check(p99 <= limit_s, f"lanes moved again only after {p99:.1f} s (p99; allowed {limit_s:g} s)")

    def as_json(self) -> dict[str, Any]:
        """For `--json` and for comparing runs."""
        return {
            "experiment": self.number,
            "title": self.title,
            "messages": self.messages,
            "lost": self.lost,
            "out_of_order": self.out_of_order,
            "doubled": self.doubled,
            "doubled_allowed": self.doubled_allowed,
            "recovery_s": {
                "median": quantile(self.recoveries_s, 0.5) if self.recoveries_s else None,
                "p99": self.recovery_p99_s,
                "count": len(self.recoveries_s),
            },
            "passed": self.passed,
            "failures": self.failures,
            "notes": self.notes,
            "took_s": round(self.took_s, 1),
        }

    def __str__(self) -> str:
        lines = [
            f"#{self.number} {self.title}: {self.messages} messages, {self.lost} lost, {self.out_of_order} out of "
            f"order, {self.doubled} doubled ({self.doubled_allowed} explained)",
            *self.notes,
            *(f"FAILED {failure}" for failure in self.failures),
        ]
        return "\n  ".join(lines)


Run = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`run(folder, report, **sizes)`; `short` and `full` are the sizes."""

    number: str
    title: str
    run: Run
    short: dict[str, Any] | None  # None: too long for every day
    full: dict[str, Any]
    alone: bool  # it measures latencies: nothing else may run beside it
    two_and_two: bool = False

    @property
    def in_short(self) -> bool:
        """Whether it is part of `make test`."""
        return self.short is not None

    async def __call__(self, folder: Path, *, full: bool = False) -> Report:
        """Run it in an empty folder. An exception is a failure of the experiment, not of the runner."""
        report = Report(number=self.number, title=self.title)
        began = time.monotonic()
        TWO_AND_TWO.set(self.two_and_two)
        try:
            await self.run(folder, report, **(self.full if full else self.short or {}))
        except asyncio.CancelledError:
            raise
        except Exception as e:
            report.failures.append(f"broke off: {type(e).__name__}: {e}"[:1500])
            report.took_s = time.monotonic() - began
            if not full:
                raise
        report.took_s = time.monotonic() - began
        return report


ALL: dict[str, Experiment] = {}


def experiment(
    number: str,
    title: str,
    *,
    short: dict[str, Any] | None,
    full: dict[str, Any],
    alone: bool = False,
    two: dict[str, Any] | None = None,
    two_in_short: bool = False,
) -> Callable[[Run], Run]:
    """Registers a function as an experiment, and, where `two` is given, a second time as one with 2 + 2 processes:
    `two` is what is of another size there."""

    def register(run: Run) -> Run:
        found = [Experiment(number=number, title=title, run=run, short=short, full=full, alone=alone)]
        if two is not None:
            again = replace(found[0], number=f"{number}x2", title=f"{title}, 2 + 2 processes", full={**full, **two})
            small = {**(short or {}), **two} if two_in_short else None
            found.append(replace(again, short=small, two_and_two=True))
        for one in found:
            assert one.number not in ALL, one.number
            ALL[one.number] = one
        return run

    return register


@contextlib.contextmanager
def unswept() -> Iterator[None]:
    """No garbage collection in this process: walking all that a test run has imported and written down takes tens of
    milliseconds, in which arrivals wait for their time to be taken."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Disturbance:
    """How far a latency measured here can be believed: the longest time for which this very process, which is sender,
    receiver and clock in one, was not let run, and the share of the machine that others had: its host (steal), or
    processes that are none of ours. Its own garbage collector is kept out of it."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.stolen = 0.0  # of the machine's time, 0 to 1
        self.strange = 0.0
        self._unswept = contextlib.ExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._unswept.enter_context(unswept())
        self._before = _spent()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        after = _spent()
        if passed_s := after["all"] - self._before["all"]:
            self.stolen = (after["stolen"] - self._before["stolen"]) / passed_s
            self.strange = max(0.0, after["strange"] - self._before["strange"]) / passed_s
        self._unswept.close()

    async def _watch(self) -> None:
        pause_s = 0.01
        while True:
            began = time.monotonic()
            await asyncio.sleep(pause_s)
            self.longest_s = max(self.longest_s, time.monotonic() - began - pause_s)

    def __str__(self) -> str:
        return (
            f"this process stood still for up to {self.longest_s * 1000:.0f} ms, {self.stolen:.1%} of the CPU "
            f"stolen, {self.strange:.1%} used by strangers"
        )


def _spent() -> dict[str, float]:
    """Seconds of processors so far: in all, by the machine's host, by processes that are not this one's children."""
    machine = psutil.cpu_times()
    stolen = getattr(machine, "steal", 0.0)
    nobodys = sum(getattr(machine, name, 0.0) for name in ("idle", "iowait", "irq", "softirq"))
    us = psutil.Process()
    ours = 0.0
    for process in (us, *us.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            ours += times.user + times.system
    # Guests are part of `user`: proc(5).
    everything = sum(machine) - getattr(machine, "guest", 0.0) - getattr(machine, "guest_nice", 0.0)
    return {"all": everything, "stolen": stolen, "strange": everything - nobodys - stolen - ours}


# --- pure helpers -----------------------------------------------------------------------------------------------------


def quantile(values: Iterable[float], q: float) -> float:
    """The value below which a share `q` of them lies (nearest rank). Raises IndexError for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def stale_doubles(ledger: Ledger) -> list[tuple[int, int]]:
    """Repeats of something that was not the last to arrive in its conversation: a fault can explain a repeat of the
    message in flight, never one of an older message."""
    last: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    found = []
    for a in ledger.all:
        if not a.taken or a.conversation < 0:
            continue
        place = (a.conversation, a.sequence)
        if place in seen and last[a.conversation] != a.sequence:
            found.append(place)
        if place not in seen:
            last[a.conversation] = a.sequence
        seen.add(place)
    return found


class Recovery:
    """Measures how long lanes stand still after a fault: from `strike` until the next arrival of each conversation that
    had something on its way then."""

    def __init__(self, ledger: Ledger, acknowledged: dict[int, list[int]]) -> None:
        self.ledger = ledger
        self.acknowledged = acknowledged
        self._strikes: list[tuple[float, set[int]]] = []

    def strike(self, at: float | None = None) -> None:
        """A fault happens now (`time.time()`), or happened at `at`."""
        arrived: dict[int, int] = {}
        for a in self.ledger.all:
            if a.taken:
                arrived[a.conversation] = max(arrived.get(a.conversation, -1), a.sequence)
        waiting = {c for c, s in self.acknowledged.items() if s and s[-1] > arrived.get(c, -1)}
        self._strikes.append((time.time() if at is None else at, waiting))

    def times_s(self) -> list[float]:
        """One per conversation and strike; a conversation struck again before it moved counts from its last strike."""
        found = []
        for i, (at, waiting) in enumerate(self._strikes):
            until = self._strikes[i + 1][0] if i + 1 < len(self._strikes) else float("inf")
            left = set(waiting)
            for a in self.ledger.all:
                if a.at <= at or a.conversation not in left:
                    continue
                if a.at > until:
                    break
                left.discard(a.conversation)
                found.append(a.at - at)
        return found
