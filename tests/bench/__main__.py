"""`python -m tests.bench`: see the package's docstring; `--help` has the switches."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import uvloop

from relay.cli.signals import stop_signals
from relay.store.server.binary import find_server
from tests.bench import modes, slow_disk, usage
from tests.bench.driver import Driver
from tests.bench.endpoints import Sink
from tests.bench.goals import goal_table
from tests.bench.growth import QUICK_EXTENT, Extent, growth, render_growth
from tests.bench.modes import QUICK, Plan, Row, measure, warm_up
from tests.bench.report import Figures, incomplete, mode_table, noise
from tests.bench.subjects import DidNotStart, Forwarder, PlainArq, Relay, Subject

SETTLE_S = 0.5  # what waited while a subject was suspended, such as its looks around, is no part of its turn
SLOW_DISK_SUBJECTS = ("run, always", "serve + worker, always", "arq, always")


def subjects() -> list[Subject]:
    """In the order in which each round takes them."""
    return [
        Forwarder(),
        Relay("always"),
        Relay("everysec"),
        Relay("always", split=True),
        Relay("everysec", split=True),
        PlainArq("always"),
        PlainArq("everysec"),
    ]


def say(text: str) -> None:
    """Progress, apart from the report."""
    print(text, file=sys.stderr, flush=True)


async def bench(chosen: Sequence[Subject], wanted: Sequence[str], plan: Plan, where: Path, rows: list[Row]) -> None:
    """All rounds, into `rows`. In each all subjects are there at once and take turns, mode by mode, so that what is
    compared was measured within seconds: whatever else the machine does, and its host, hits all alike. Those whose turn
    it is not are suspended."""
    sink = Sink()
    await sink.start()
    library = slow_disk.build(where) if any(m in wanted for m in modes.ON_A_SLOW_DISK) else None
    if library is None and any(m in wanted for m in modes.ON_A_SLOW_DISK):
        say("The slow disk is left out: it needs a C compiler (cc, gcc or clang), and there is none that works here.")
    try:
        for number in range(1, plan.rounds + 1):
            turn = (number - 1) % len(chosen)  # nobody is always the first
            order = [*chosen[turn:], *chosen[:turn]]
            await _round(order, [m for m in modes.ON_THIS_DISK if m in wanted], number, sink, plan, where, None, rows)
            if library is not None:
                slowed = [s for s in order if s.name in SLOW_DISK_SUBJECTS]
                on_it = [m for m in modes.ON_A_SLOW_DISK if m in wanted]
                await _round(slowed, on_it, number, sink, plan, where, library, rows)
    finally:
        await sink.stop()


async def _round(
    order: Sequence[Subject],
    wanted: Sequence[str],
    number: int,
    sink: Sink,
    plan: Plan,
    where: Path,
    library: Path | None,
    rows: list[Row],
) -> None:
    """Every mode once with every subject."""
    if not wanted:
        return
    drivers: dict[str, Driver] = {}
    place = Path(tempfile.mkdtemp(prefix="r", dir=where))

    def broken_off(subject: Subject, why: Exception) -> None:
        drivers.pop(subject.name, None)
        say(f"round {number}: {subject.name}: broken off: {why}\n{subject.said()}")

    try:
        for i, subject in enumerate(order):
            try:
                (place / str(i)).mkdir()
                await subject.start(place / str(i), sink.url, library)
                driver = drivers[subject.name] = Driver(sink, subject.target)
                await warm_up(driver, sink, replace(plan, warm_up=100) if library else plan)
                subject.suspend()
            except (DidNotStart, RuntimeError, OSError) as e:
                broken_off(subject, e)
        for mode in wanted:
            for subject in order:
                if subject.name not in drivers:
                    continue
                try:
                    await subject.go_on()
                    await asyncio.sleep(SETTLE_S)
                    row = await measure(mode, number, subject, drivers[subject.name], sink, plan)
                    # What has arrived may not be answered yet, and an answer that comes while its caller is suspended
                    # comes too late for it.
                    await asyncio.sleep(sink.delay_s + SETTLE_S)
                    subject.suspend()
                except (DidNotStart, RuntimeError, OSError) as e:
                    broken_off(subject, e)
                    continue
                rows.append(row)
                say(f"round {number}: {subject.name}: {mode}: {_short(row)}")
    finally:
        for subject in order:
            await subject.stop()
        shutil.rmtree(place, ignore_errors=True)


def _short(row: Row) -> str:
    if row.tally is None:
        return f"{row.cpu_app_us:.2f} + {row.cpu_store_us:.2f} % of a core"
    t = row.tally
    wrong = f"lost {t.lost}, doubled {t.doubled}, out of order {t.out_of_order}"
    return (
        f"{t.relayed_per_s:.0f}/s, end to end {t.end_to_end_ms.p50:.2f} / {t.end_to_end_ms.p99:.2f} ms, {wrong}; "
        f"others took {row.others:.0%} of the machine"
    )


def about() -> dict[str, str]:
    """What was measured on what."""
    server = subprocess.run([str(find_server()), "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "machine": usage.machine(),
        "python": platform.python_version(),
        "store": " ".join(server.split()[:3]),
        **{name: version(name) for name in ("aiohttp", "arq", "redis", "hiredis", "uvloop")},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _facts(facts: dict[str, str]) -> str:
    return ", ".join(v if k in ("machine", "store") else f"{k} {v}" for k, v in facts.items())


def render(rows: Sequence[Row], facts: dict[str, str], plan: Plan) -> str:
    """The whole report."""
    figures = Figures(rows)
    out = [
        _facts(facts),
        f"Medians of {plan.rounds} interleaved round{'s' * (plan.rounds != 1)}; 500-byte hooks over 50 connections. "
        "× (a): against the in-memory forwarder; × (b): against plain arq with the same fsync.",
        noise(figures),
        incomplete(figures, plan.rounds),
    ]
    for mode in figures.modes():
        out += ["", f"### {mode[0].upper()}{mode[1:]}", "", mode_table(figures, mode)]
    out += ["", "### Goals", "", goal_table(figures)]
    return "\n".join(out)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures the relay on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, not how fast")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round to FILE")
    parser.add_argument("--only", action="append", metavar="NAME", help="subjects whose name contains NAME; repeatable")
    parser.add_argument("--mode", action="append", metavar="NAME", help="modes whose name contains NAME; repeatable")
    parser.add_argument(
        "--growth", action="store_true", help="instead: cost as the store fills, up to a million messages"
    )
    parser.add_argument("--dir", type=Path, help="where stores are kept meanwhile, that is, the disk to be measured")
    args = parser.parse_args()

    # However it is ended, the processes it started must not stay behind.
    for asked in stop_signals():
        signal.signal(asked, signal.default_int_handler)
    if args.growth:
        return _growth(QUICK_EXTENT if args.quick else Extent(), args.dir, args.json)
    plan = QUICK if args.quick else Plan()
    if args.rounds:
        plan = replace(plan, rounds=args.rounds)
    chosen = [s for s in subjects() if not args.only or any(name in s.name for name in args.only)]
    every = (*modes.ON_THIS_DISK, *modes.ON_A_SLOW_DISK)
    wanted = [m for m in every if not args.mode or any(name in m for name in args.mode)]
    if not chosen or not wanted:
        parser.error(f"subjects are {', '.join(s.name for s in subjects())}; modes are {', '.join(every)}")
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="relay-bench-", dir=args.dir) as where,
        contextlib.suppress(KeyboardInterrupt),  # what has been measured is shown all the same
    ):
        uvloop.run(bench(chosen, wanted, plan, Path(where), rows))
    facts = about()
    print(render(rows, facts, plan))
    if args.json:
        value = {"about": facts, "plan": asdict(plan), "rows": [r.as_json() for r in rows]}
        args.json.write_text(json.dumps(value, indent=1) + "\n")
    return 0


def _growth(extent: Extent, place: Path | None, json_file: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="relay-bench-", dir=place) as where:
        found = uvloop.run(growth(extent, Path(where), say))
    facts = about()
    print(_facts(facts) + "\n\n" + render_growth(found))
    if json_file:
        json_file.write_text(json.dumps({"about": facts, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
