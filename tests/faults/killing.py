"""Processes killed, stopped and suspended: experiments 1 to 4 and 18."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from tests.faults.bench import Bench, external_store, write_spread
from tests.faults.experiment import Recovery, Report, experiment, stale_doubles
from tests.faults.killable import IN_DOUBT, POINTS
from tests.harness import Arrival, Reply

SLOTS = 100  # delivery.concurrency's default


def slow_by(seconds: float) -> Callable[[Arrival], Reply]:
    """A receiver that takes its time, so that something is in flight at any moment."""
    reply = Reply(delay_s=seconds)

    def script(_: Arrival) -> Reply:
        return reply

    return script


@experiment(
    "1",
    "kill -9 the worker at random",
    short={"messages": 600, "conversations": 60, "kills": 1, "over_s": 2.0},
    full={"messages": 20_000, "conversations": 200, "kills": 50, "over_s": 200.0},
    two={"kills": 30, "over_s": 150.0},
)
async def worker_killed(
    folder: Path, report: Report, *, messages: int, conversations: int, kills: int, over_s: float
) -> None:
    """serve and worker apart; the worker is killed and started again, at once, as a supervisor would. Of several, each
    in turn: its lanes go to the others."""
    rng = random.Random(1)
    async with Bench(folder, shape="apart", script=slow_by(0.03)) as bench:
        customer = bench.customer()
        recovery = Recovery(bench.panel.ledger, customer.acknowledged)
        writing = asyncio.create_task(write_spread(customer, conversations, messages // conversations, over_s))
        for i in range(kills):
            await asyncio.sleep(rng.uniform(0.3, max(0.8, over_s / kills - 2)))
            worker = bench.workers[i % len(bench.workers)]
            worker.kill()
            recovery.strike()
            await worker.start(90)
        await writing
        tally = await bench.drained(60 + messages / 200)
        report.count(tally, doubled_allowed=kills * SLOTS)
        stale = stale_doubles(bench.panel.ledger)
        report.check(not stale, f"repeats of what was not in flight: {stale[:5]}")
        report.recoveries_s += recovery.times_s()
        report.check_recovery()
        doubted = sum("taken_over" in d.get("l", "") for d in (await bench.deliveries()).values())
        report.check(doubted >= len(tally.doubled), f"{len(tally.doubled)} doubled, but only {doubted} traces say so")


@experiment(
    "3",
    "kill -9 the web process, with a sender that repeats",
    short={"messages": 600, "conversations": 50, "kills": 2},
    full={"messages": 20_000, "conversations": 200, "kills": 50},
    two={},
)
async def web_killed(folder: Path, report: Report, *, messages: int, conversations: int, kills: int) -> None:
    """The worker lives on; every hook that was answered 200, and every one repeated until it was, arrives once."""
    rng = random.Random(3)
    async with Bench(folder, shape="apart") as bench:
        web = bench.webs[0]
        customer = bench.customer(retry_for_s=300)
        writing = asyncio.create_task(
            customer.write_all(conversations, messages // conversations, at_once=min(50, conversations))
        )
        done = 0
        for i in range(kills):
            # Evenly over the messages, however fast they are.
            goal = messages * (i + rng.uniform(0.2, 0.8)) / kills
            while done < goal and not writing.done():
                await asyncio.sleep(0.01)
                done = sum(map(len, customer.acknowledged.values()))
            web.kill()
            await web.start(90)
        await writing
        report.check(not customer.unsure, f"{len(customer.unsure)} hooks were never answered 200")
        report.count(await bench.drained(60))
        report.note(f"answers by status: {dict(customer.statuses)}")


@experiment(
    "4",
    "SIGTERM (a deploy) under load",
    short={"messages": 800, "conversations": 40, "stops": 4, "over_s": 4.0},
    full={"messages": 20_000, "conversations": 200, "stops": 30, "over_s": 180.0},
    two={},
    two_in_short=True,
)
async def deployed(
    folder: Path, report: Report, *, messages: int, conversations: int, stops: int, over_s: float
) -> None:
    """`relay run`, stopped politely again and again, or each of several processes in turn: nothing is lost or doubled,
    no try is used, the status is 0."""
    timeout_s = 10.0
    rng = random.Random(4)
    async with Bench(folder, script=slow_by(0.05), delivery={"timeout": f"{timeout_s:g}s"}) as bench:
        customer = bench.customer(retry_for_s=300)
        writing = asyncio.create_task(write_spread(customer, conversations, messages // conversations, over_s))
        slowest = 0.0
        for i in range(stops):
            await asyncio.sleep(rng.uniform(0.2, max(0.5, over_s / stops - 2)))
            process = bench.all[i % len(bench.all)]
            ended = await process.stop(timeout_s + 20)
            slowest = max(slowest, ended.took_s)
            report.check(ended.code == 0, f"stop {i + 1} ended with status {ended.code}")
            await process.start(90)
        await writing
        report.check(slowest <= timeout_s + 5, f"a stop took {slowest:.1f} s (allowed {timeout_s + 5:g} s)")
        report.count(await bench.drained(60))
        used = await bench.tries_used()
        report.check(used == 0, f"{used} tries were used up by the stops")
        report.note(f"slowest stop {slowest:.2f} s; answers by status: {dict(customer.statuses)}")


@experiment(
    "2",
    "kill -9 at named points",
    short={"points": ("before_store", "after_claim", "after_send", "after_finish"), "rounds": 1},
    full={"points": POINTS, "rounds": 20},
)
async def killed_at(folder: Path, report: Report, *, points: tuple[str, ...], rounds: int) -> None:
    """One message at a time. Twice comes what was sent and not yet noted, and nothing else."""
    # As many points side by side as there are processors: a dozen relays that start at once keep each other waiting,
    # and that is no recovery time.
    places = asyncio.Semaphore(os.cpu_count() or 1)

    async def in_turn(point: str) -> None:
        async with places:
            await at_point(point)

    async def at_point(point: str) -> None:
        failed: set[int] = set()

        def script(a: Arrival) -> Reply | None:
            if point.endswith("sleep") and a.sequence not in failed:
                failed.add(a.sequence)
                return Reply(status=503)
            # Leases are renewed every two seconds: such a send takes longer.
            return Reply(delay_s=2.6) if point.endswith("renew") else None

        bench = Bench(
            folder / point, script=script, env={"RELAY_KILL_AT": point}, delivery={"backoff": ["100ms"], "retries": 50}
        )
        async with bench:
            customer = bench.customer(retry_for_s=300)
            recovery = Recovery(bench.panel.ledger, customer.acknowledged)
            writing: asyncio.Task[bool] | None = None
            for died in range(rounds):
                if died:
                    bench.relay.launch()
                    # A message that was not taken in any more is repeated at once, and can be fatal before it is ready.
                    with contextlib.suppress(RuntimeError):
                        await bench.relay.ready(90)
                while bench.relay.running:
                    if writing is not None and writing.done():
                        arrived = set(bench.panel.ledger.of(0))
                        # Arrived is not yet noted: a hook that is fatal in between makes a repeat that no point means.
                        if not set(customer.acknowledged[0]) <= arrived or not await bench.all_done():
                            await asyncio.sleep(0.02)
                            continue
                    if writing is None or writing.done():
                        writing = asyncio.create_task(customer.write(0))
                    await asyncio.sleep(0.02)
                recovery.strike()
                bench.relay.kill()
            for relay in bench.all:
                relay.env.clear()
            await bench.relay.start(90)
            if writing is not None:
                await writing
            tally = await bench.drained(40)
            expected = rounds if point in IN_DOUBT else 0
            report.count(tally, doubled_allowed=expected)
            report.check(
                len(tally.doubled) == expected, f"{point}: {len(tally.doubled)} came twice, expected {expected}"
            )
            report.recoveries_s += recovery.times_s()

    # A group, so that the others end what they started when one breaks off.
    async with asyncio.TaskGroup() as group:
        for point in points:
            group.create_task(in_turn(point))
    report.check_recovery()


@experiment(
    "18",
    "a worker suspended for two leases while another finishes its work",
    short={"lanes": 30, "rounds": 1},
    full={"lanes": 100, "rounds": 2},
)
async def suspended(folder: Path, report: Report, *, lanes: int, rounds: int) -> None:
    """Every lane that it held is a case: what it writes when it wakes changes nothing."""
    slow = Reply(delay_s=1.5)
    waiting: set[int] = set()

    def script(a: Arrival) -> Reply | None:
        if a.conversation in waiting:
            waiting.discard(a.conversation)
            return slow
        return None

    async with (
        external_store(folder / "store") as store,
        Bench(folder, shape="apart", store=store.url, script=script) as bench,
    ):
        customer = bench.customer()
        first = bench.workers[0]
        second = await bench.add_worker("second")
        await second.stop()
        for i in range(rounds):
            waiting.update(range(lanes))
            arrived = len(bench.panel.ledger.taken)
            await customer.write_all(lanes, 1)
            # All of them are on their way, none has been answered.
            await bench.panel.arrived(arrived + lanes)
            os.kill(first.pid, signal.SIGSTOP)
            try:
                await second.start(90)
                await customer.write_all(lanes, 1)
                await bench.panel.complete(customer.acknowledged, 40)
                await asyncio.sleep(1.0)
                before = await bench.deliveries()
            finally:
                os.kill(first.pid, signal.SIGCONT)
            await asyncio.sleep(3.0)
            after = await bench.deliveries()
            changed = [d for d in after if after[d] != before.get(d)]
            report.check(not changed, f"the woken worker changed {len(changed)} records: {changed[:3]}")
            bad = [d for d, r in after.items() if r["s"] != "accepted"]
            report.check(not bad, f"{len(bad)} deliveries are not accepted: {bad[:3]}")
            # It still works.
            await second.stop()
            await customer.write_all(lanes, 1)
            report.check(not (await bench.panel.complete(customer.acknowledged, 30)).lost, f"round {i}: it stands")
        report.count(await bench.drained(20), doubled_allowed=lanes * rounds)
        stale = stale_doubles(bench.panel.ledger)
        report.check(not stale, f"repeats of what was not in flight: {stale[:5]}")
