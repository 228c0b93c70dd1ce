"""The goals of performance and what was measured beside each. They are shown, never asserted. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.ledger import Tally
from tests.bench.modes import (
    DESTINATION_S,
    IDLE,
    PACED,
    REFUSING,
    SATURATED,
    SATURATED_ONE_EACH,
    SLOW_DISK_PACED,
)
from tests.bench.report import FORWARDER, Figures, plain_arq, table

RUN, SPLIT = "run, always", "serve + worker, always"
AT_ONCE = 100  # posts, by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`found` None: not measured in this run. `least`: the goal is a lower bound."""

    what: str
    found: float | None
    bound: float
    unit: str = ""
    least: bool = False

    @property
    def met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.bound if self.least else self.found <= self.bound


def share_at_once(tally: Tally, takes_s: float) -> float:
    """How many posts were under way on average, as a share of AT_ONCE. The last ones are under way after they came."""
    span_s = tally.arrived / tally.relayed_per_s + takes_s if tally.relayed_per_s else float("inf")
    return tally.arrived * takes_s / span_s / AT_ONCE


def goals(figures: Figures) -> Iterator[Goal]:
    """All of them."""
    for subject, mode, bound in (
        (RUN, SATURATED, 0.7),
        (RUN, SATURATED_ONE_EACH, 0.6),
        (SPLIT, SATURATED, 1.1),
        (SPLIT, SATURATED_ONE_EACH, 0.9),
    ):
        ratio = figures.ratio(mode, subject, FORWARDER)
        yield Goal(what=f"{subject}; {mode}", found=ratio, bound=bound, unit="× (a)", least=True)
        ratio = figures.ratio(mode, subject, plain_arq(subject))
        yield Goal(what=f"{subject}; {mode}", found=ratio, bound=3.5, unit="× (b)", least=True)
    for what, bound, found in (
        ("end to end p50", 2.0, figures.tallied(PACED, RUN, lambda t: t.end_to_end_ms.p50)),
        ("end to end p99", 4.0, figures.tallied(PACED, RUN, lambda t: t.end_to_end_ms.p99)),
        ("acknowledgement p50", 1.0, figures.tallied(PACED, RUN, lambda t: t.ack_ms.p50)),
        ("acknowledgement p99", 3.0, figures.tallied(PACED, RUN, lambda t: t.ack_ms.p99)),
    ):
        yield Goal(what=f"{RUN}; {PACED}: {what}", found=found, bound=bound, unit="ms")
    found = figures.tallied(SLOW_DISK_PACED, RUN, lambda t: t.end_to_end_ms.p50)
    yield Goal(what=f"{RUN}; {SLOW_DISK_PACED}: end to end p50", found=found, bound=12.0, unit="ms")
    for subject in (RUN, SPLIT):
        for mode, takes_s in DESTINATION_S.items():
            share = figures.tallied(mode, subject, lambda t, takes_s=takes_s: share_at_once(t, takes_s))  # type: ignore[misc]
            yield Goal(what=f"{subject}; {mode}", found=share, bound=0.9, unit="of 100 at once", least=True)
    idle = figures.middle(IDLE, RUN, lambda r: r.cpu_app_us + r.cpu_store_us)
    yield Goal(what=f"{RUN}; {IDLE}: relay and store", found=idle, bound=0.5, unit="% of a core")
    memory = figures.middle(SATURATED_ONE_EACH, RUN, lambda r: r.rss_app_mb)
    yield Goal(what=f"{RUN}: memory of the relay's process", found=memory, bound=90.0, unit="MB")
    for subject in (RUN, SPLIT):
        wrong = [
            figures.total(lambda t: t.lost + t.doubled + t.out_of_order + t.strange, mode, subject)
            for mode in figures.modes()
            if mode != IDLE
        ]
        found = float(sum(wrong)) if REFUSING in figures.modes() else None
        yield Goal(what=f"{subject}: lost, doubled, out of order, in all modes", found=found, bound=0.0)


def goal_table(figures: Figures) -> str:
    """A line per goal."""
    words = {True: "met", False: "NOT MET", None: "not measured"}
    return table(
        ["goal", "bound", "measured", ""],
        (
            [
                g.what,
                f"{'≥' if g.least else '≤'} {g.bound:g} {g.unit}".strip(),
                "–" if g.found is None else f"{g.found:.2f}",
                words[g.met],
            ]
            for g in goals(figures)
        ),
    )
