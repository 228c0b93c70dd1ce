"""`make faults`: every experiment in full, and a table of what was lost, out of order or doubled.

python -m tests.faults [--only N …] [--short] [--forked] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from relay.cli.signals import stop_signals
from tests.faults.bench import Bench
from tests.faults.catalogue import ALL, in_order
from tests.faults.experiment import Report
from tests.faults.forked import ForkedRelay


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="N", default=[], help="these experiments, in this order")
    parser.add_argument("--short", action="store_true", help="the sizes that `make test` uses")
    parser.add_argument("--forked", action="store_true", help="fork relays, which starts them faster")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--keep", action="store_true", help="keep the folder of an experiment that failed")
    parser.add_argument("--list", action="store_true", help="say what there is")
    arguments = parser.parse_args()
    if unknown := [n for n in arguments.only if n not in ALL]:
        parser.error(f"no experiment {', '.join(unknown)}; there are {', '.join(in_order())}")
    return arguments


def table(reports: list[Report]) -> Table:
    """Experiment, messages, lost, out of order, doubled, recovery times, verdict."""
    found = Table(box=None, pad_edge=False, title="Experiments (docs/pitfalls.md, 5)", title_justify="left")
    for heading in ("#", "experiment"):
        found.add_column(heading, overflow="fold")
    for heading in ("messages", "lost", "out of order", "doubled", "allowed", "recovery p50", "p99", "s"):
        found.add_column(heading, justify="right")
    found.add_column("")
    for r in reports:
        times = r.as_json()["recovery_s"]
        found.add_row(
            r.number,
            r.title,
            f"{r.messages:,}",
            str(r.lost),
            str(r.out_of_order),
            str(r.doubled),
            str(r.doubled_allowed),
            *(f"{t:.1f} s" if t is not None else "" for t in (times["median"], times["p99"])),
            f"{r.took_s:.0f}",
            "[green]pass[/]" if r.passed else "[bold red]FAIL[/]",
        )
    return found


async def _run(arguments: argparse.Namespace, console: Console) -> list[Report]:
    reports: list[Report] = []
    task = asyncio.current_task()
    assert task is not None
    # Told to end, it ends what it has started.
    for asked in stop_signals():
        asyncio.get_running_loop().add_signal_handler(asked, task.cancel)
    for number in arguments.only or in_order():
        one = ALL[number]
        if arguments.short and not one.in_short:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"relay-fault-{number}-"))
        console.print(f"[bold]{number}[/] {one.title} …", highlight=False)
        report = await one(folder, full=not arguments.short)
        console.print(f"  {report}", highlight=False, markup=False)
        reports.append(report)
        if report.passed or not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"  kept: {folder}", highlight=False)
        if arguments.json:
            arguments.json.write_text(json.dumps([r.as_json() for r in reports], indent=1) + "\n", "utf-8")
    return reports


def main() -> int:
    arguments = _arguments()
    if arguments.forked:
        Bench.kind = ForkedRelay
    console = Console(width=None if sys.stdout.isatty() else 160)
    if arguments.list:
        for number in in_order():
            console.print(f"{number:>4}  {ALL[number].title}", highlight=False)
        return 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        reports = runner.run(_run(arguments, console))
    console.print(table(reports))
    for report in reports:
        for failure in report.failures:
            console.print(f"#{report.number}: {failure}", style="red", highlight=False, markup=False)
    return 0 if all(r.passed for r in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
