"""The store killed, frozen, cut off, full or misconfigured: experiments 5 to 9."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import resource
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import redis.asyncio as aioredis

from relay.store.store import load_scripts
from tests.faults.bench import Bench, external_store, keep_writing, write_spread
from tests.faults.disk import Disk, disk_of_its_own
from tests.faults.experiment import Recovery, Report, experiment, stale_doubles
from tests.faults.killing import SLOTS, slow_by
from tests.faulty import FaultyProxy
from tests.harness import StoreServer, deployment, free_port, insta_message, mark, until


@experiment(
    "5",
    "kill -9 the store, back after 0 to 10 s",
    short={"messages": 600, "conversations": 40, "kills": 2, "away_s": 1.0, "over_s": 3.0},
    full={"messages": 20_000, "conversations": 200, "kills": 20, "away_s": 10.0, "over_s": 200.0},
)
async def store_killed(
    folder: Path, report: Report, *, messages: int, conversations: int, kills: int, away_s: float, over_s: float
) -> None:
    """2 + 2 processes on one external store, appendfsync always. Nobody restarts the relay."""
    rng = random.Random(5)
    async with (
        external_store(folder / "store") as store,
        Bench(folder, shape="two", store=store.url, script=slow_by(0.02)) as bench,
    ):
        half = conversations // 2
        each = messages // conversations
        writers = [bench.customer(web=i, retry_for_s=300) for i in range(2)]
        writing = asyncio.gather(*(write_spread(w, half, each, over_s, first=i * half) for i, w in enumerate(writers)))
        recovery = Recovery(bench.panel.ledger, bench.acknowledged)
        in_time = 0
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.3, max(0.6, over_s / kills - away_s / 2 - 2)))
            store.kill()
            await asyncio.sleep(rng.uniform(0, away_s))
            await asyncio.to_thread(store.start)
            back = time.time()
            recovery.acknowledged = bench.acknowledged
            recovery.strike(back)
            with contextlib.suppress(AssertionError):
                await until(functools.partial(_arrived_after, bench, back), 10)
                in_time += 1
        await writing
        report.count(await bench.drained(60), doubled_allowed=kills * SLOTS)
        stale = stale_doubles(bench.panel.ledger)
        report.check(not stale, f"repeats of what was not in flight: {stale[:5]}")
        report.check(in_time >= kills * 0.95, f"serving again within 10 s in only {in_time} of {kills}")
        report.recoveries_s += recovery.times_s()
        report.check_recovery()


def _arrived_after(bench: Bench, at: float) -> bool:
    return bench.panel.ledger.all[-1].at > at


@experiment(
    "5b",
    "kill -9 the embedded store, which the relay itself brings back",
    short={"messages": 400, "conversations": 40, "kills": 1, "over_s": 2.0},
    full={"messages": 10_000, "conversations": 200, "kills": 20, "over_s": 100.0},
)
async def embedded_killed(
    folder: Path, report: Report, *, messages: int, conversations: int, kills: int, over_s: float
) -> None:
    """`relay run`, nothing else: within seconds everything goes on."""
    rng = random.Random(55)
    async with Bench(folder, script=slow_by(0.02)) as bench:
        customer = bench.customer(retry_for_s=120)
        writing = asyncio.create_task(write_spread(customer, conversations, messages // conversations, over_s))
        recovery = Recovery(bench.panel.ledger, customer.acknowledged)
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.3, max(0.6, over_s / kills - 1)))
            os.kill(bench.relay.store_pid, signal.SIGKILL)
            recovery.strike()
        await writing
        report.count(await bench.drained(60), doubled_allowed=kills * SLOTS)
        report.recoveries_s += recovery.times_s()
        report.check_recovery()


@experiment(
    "6",
    "the connection to the store cut, before and after what is to be stored",
    short={"cuts": 12, "conversations": 8},
    full={"cuts": 1000, "conversations": 20},
    two={},
    two_in_short=True,
)
async def connection_cut(folder: Path, report: Report, *, cuts: int, conversations: int) -> None:
    """Each `accept` may be cut before it reaches the store, after it ran, or lose its answer; so may each `finish`."""
    rng = random.Random(6)
    async with (
        external_store(folder / "store") as store,
        FaultyProxy(store.url, folder) as proxy,
        Bench(folder, store=proxy.url) as bench,
    ):
        shas = await _shas(store)
        wanted = {"accept": cuts // 2, "finish": cuts - cuts // 2}
        struck = {"accept": 0, "finish": 0}

        def choose(piece: bytes) -> Any:
            for name in struck:
                if shas[name] in piece and struck[name] < wanted[name] and rng.random() < 0.5:
                    struck[name] += 1
                    return rng.choice(("before", "after"))
            return ""

        customer = bench.customer(retry_for_s=300)
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(customer, range(conversations), stop, pause_s=0.005))
        proxy.faults.choose = choose
        with contextlib.suppress(AssertionError):
            await until(lambda: struck == wanted, 30 + cuts, what="all cuts")
        stop.set()
        await writing
        report.check(struck == wanted, f"only {struck} cuts of {wanted}")
        # What was sent when the connection broke is noted afterwards: a cut explains no repeat.
        report.count(await bench.drained(60), doubled_allowed=0)
        report.note(f"cuts: {struck}; answers by status: {dict(customer.statuses)}")


async def _shas(store: StoreServer) -> dict[str, bytes]:
    """The names by which the store knows our scripts."""
    client = aioredis.Redis(unix_socket_path=str(store.socket))
    try:
        found = {}
        for name, source in load_scripts().items():
            sha = await client.script_load(source)
            found[name] = sha if isinstance(sha, bytes) else sha.encode()
        return found
    finally:
        await client.aclose()


@experiment(
    "7",
    "the store frozen (SIGSTOP)",
    short={"frozen_s": 7.0, "conversations": 20},
    full={"frozen_s": 60.0, "conversations": 100},
    two={},
)
async def store_frozen(folder: Path, report: Report, *, frozen_s: float, conversations: int) -> None:
    """Hooks are answered 503 in time, none hangs; readiness turns red and back; afterwards nothing is missing."""
    async with (
        external_store(folder / "store") as store,
        Bench(folder, store=store.url, script=slow_by(0.02)) as bench,
    ):
        customer = bench.customer(retry_for_s=frozen_s + 60)
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(customer, range(conversations), stop, pause_s=0.05))
        await bench.panel.arrived(conversations, 20)
        probe = bench.customer(retry=False, first_user=500_000)
        store.freeze()
        frozen_at = time.monotonic()
        red_s: float | None = None
        slowest = 0.0
        wrong: dict[int, int] = {}
        while time.monotonic() - frozen_at < frozen_s:
            began = time.monotonic()
            status, _ = await probe.post(b'{"event":{"name":"x"}}', timeout_s=15)
            if status == 200:  # an event that needs nothing needs no store either
                status, _ = await probe.post(_one_message(began), timeout_s=15)
            slowest = max(slowest, time.monotonic() - began)
            if status != 503:
                wrong[status] = wrong.get(status, 0) + 1
            if red_s is None and await bench.readiness() == {503}:
                red_s = time.monotonic() - frozen_at
            await asyncio.sleep(0.25)
        store.thaw()
        thawed = time.monotonic()
        report.check(not wrong, f"hooks answered other than 503 while the store was frozen: {wrong}")
        report.check(slowest <= 5, f"a hook waited {slowest:.1f} s (allowed 5 s)")
        report.check(red_s is not None and red_s <= 10, f"readiness red after {red_s} s (allowed 10 s)")
        with contextlib.suppress(AssertionError):
            await until(_ready(bench), 20)
        green_s = time.monotonic() - thawed
        report.check(green_s <= 10, f"readiness green only {green_s:.1f} s after the store came back")
        count = len(bench.panel.ledger.all)
        with contextlib.suppress(AssertionError):
            await until(lambda: len(bench.panel.ledger.all) > count, 15)
        report.recoveries_s.append(time.monotonic() - thawed)
        stop.set()
        await writing
        bench.customers.remove(probe)
        report.count(await bench.drained(60), doubled_allowed=conversations)
        report.check_recovery()
        red = f"{red_s:.1f}" if red_s is not None else "never"
        report.note(f"slowest answer {slowest:.1f} s, red after {red} s, green {green_s:.1f} s after the thaw")


def _one_message(seed: float) -> bytes:
    return orjson.dumps(insta_message(777, f"probe-{seed}", mark(900_000, 0)))


def _ready(bench: Bench) -> Any:
    async def is_ready() -> bool:
        return await bench.readiness() == {200}

    return is_ready


@experiment(
    "8",
    "the store full: maxmemory, and a disk without space",
    short={"full_s": 4.0, "conversations": 10, "fsyncs": ("always",)},
    full={"full_s": 40.0, "conversations": 50, "fsyncs": ("always", "everysec")},
    two={"fsyncs": ()},  # a disk of its own has only the embedded store
)
async def store_full(
    folder: Path, report: Report, *, full_s: float, conversations: int, fsyncs: tuple[str, ...]
) -> None:
    """Memory first (OOM), then the disk: with fsync always the server ends itself, with everysec it refuses."""
    async with (
        external_store(folder / "store") as store,
        Bench(folder, store=store.url) as bench,
    ):
        customer = bench.customer(retry_for_s=full_s + 60)
        stop = asyncio.Event()
        writing = asyncio.create_task(keep_writing(customer, range(conversations), stop, pause_s=0.05))
        await bench.panel.arrived(conversations, 20)
        await asyncio.to_thread(store.command, "CONFIG", "SET", "maxmemory", "1mb")
        await _refusing(bench, report, full_s, "out of memory")
        await asyncio.to_thread(store.command, "CONFIG", "SET", "maxmemory", "0")
        await _back(bench, report, "memory")
        stop.set()
        await writing
        report.count(await bench.drained(60), doubled_allowed=0)
    for fsync in fsyncs:
        await _disk_full(folder / fsync, report, full_s, conversations, fsync)


async def _disk_full(folder: Path, report: Report, full_s: float, conversations: int, fsync: str) -> None:
    """On a real full disk where one may be mounted, else with a limit of the file's size."""
    with disk_of_its_own(folder / "data" / "store") as disk:
        async with Bench(folder, fsync=fsync) as bench:
            customer = bench.customer(retry_for_s=full_s + 60)
            stop = asyncio.Event()
            writing = asyncio.create_task(keep_writing(customer, range(conversations), stop, pause_s=0.05))
            await bench.panel.arrived(conversations, 20)
            async with _limited(bench) if disk is None else _filled(disk):
                await _refusing(bench, report, full_s, f"disk full, fsync {fsync}")
            await _back(bench, report, "space on the disk")
            stop.set()
            await writing
            report.count(await bench.drained(60), doubled_allowed=conversations)
    way = "by a limit of the file's size: mounting is not permitted here" if disk is None else "a tmpfs without space"
    report.note(f"disk full, fsync {fsync}: {way}")


@contextlib.asynccontextmanager
async def _filled(disk: Disk) -> AsyncIterator[None]:
    await asyncio.to_thread(disk.fill)
    try:
        yield
    finally:
        await asyncio.to_thread(disk.empty)


@contextlib.asynccontextmanager
async def _limited(bench: Bench) -> AsyncIterator[None]:
    """No byte more than now, for the store and for what it is started anew with after it ended."""
    pid = bench.relay.store_pid
    size = max(f.stat().st_size for f in (bench.relay.data_dir / "store" / "appendonlydir").iterdir())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    relay_limit = resource.prlimit(bench.relay.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bench.relay.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(bench.relay.pid, resource.RLIMIT_FSIZE, relay_limit)
        with contextlib.suppress(OSError):
            resource.prlimit(bench.relay.store_pid, resource.RLIMIT_FSIZE, (-1, -1))


async def _refusing(bench: Bench, report: Report, full_s: float, why: str) -> None:
    """While the store takes no writes: 503, red within 15 s, and no busy loop."""
    began = time.monotonic()
    processes = [psutil.Process(p.pid) for p in bench.all]
    red_s: float | None = None
    probe = bench.customer(retry=False, first_user=500_000)
    bench.customers.remove(probe)
    statuses: dict[int, int] = {}
    cpu_s = [sum(p.cpu_times()[:2]) for p in processes]
    while time.monotonic() - began < full_s:
        status, _ = await probe.post(_one_message(time.monotonic()), timeout_s=15)
        if time.monotonic() - began > 2:
            statuses[status] = statuses.get(status, 0) + 1
        if red_s is None and await bench.readiness() == {503}:
            red_s = time.monotonic() - began
        await asyncio.sleep(0.2)
    most_s = max(sum(p.cpu_times()[:2]) - before for p, before in zip(processes, cpu_s, strict=True))
    share = most_s / (time.monotonic() - began)
    report.check(set(statuses) == {503}, f"{why}: hooks were answered {statuses}")
    report.check(red_s is not None and red_s <= 15, f"{why}: readiness red after {red_s} s (allowed 15 s)")
    report.check(share <= 0.2, f"{why}: the relay used {share:.0%} of a core meanwhile")
    report.note(f"{why}: red after {red_s or -1:.1f} s, {share:.0%} CPU, answers {statuses}")


async def _back(bench: Bench, report: Report, what: str) -> None:
    """Everything goes on within 10 s."""
    began = time.monotonic()
    count = len(bench.panel.ledger.all)
    try:
        await until(lambda: len(bench.panel.ledger.all) > count, 30)
        await until(_ready(bench), 30)
    except AssertionError:
        report.check(False, f"{what}: not back within 60 s")
    took = time.monotonic() - began
    report.recoveries_s.append(took)
    report.check(took <= 10, f"{what}: back after {took:.1f} s (allowed 10 s)")


@experiment(
    "9",
    "a store that would lose messages is refused at the start",
    short={},
    full={},
)
async def refused(folder: Path, report: Report) -> None:
    """Snapshots only, an evicting policy, a replica in place of the primary: no start, and the setting is named."""
    cases = {
        "rdb": ({"durable": False}, (), "appendonly"),
        "lru": ({}, ("CONFIG", "SET", "maxmemory-policy", "volatile-lru"), "maxmemory-policy"),
        "replica": ({}, ("REPLICAOF", "127.0.0.1", str(free_port())), "replicaof"),
    }

    async def one(name: str, options: dict[str, Any], command: tuple[str, ...], word: str) -> None:
        async with external_store(folder / name, **options) as store:
            if command:
                await asyncio.to_thread(store.command, *command)
            config = deployment(
                {"kind": "insta", "url": "sandbox"}, {"kind": "operator", "url": "sandbox"}, store=store.url
            )
            relay = Bench.kind(folder / f"{name}-relay", config)
            try:
                relay.launch()
                await until(lambda: not relay.running, 40, what="the relay refusing to start")
                assert relay._process is not None
                code, said = relay._process.wait(), relay.log()
            finally:
                await relay.close()
            report.check(code == 1, f"{name}: ended with status {code}")
            report.check(word in said and "Traceback" not in said, f"{name}: said {said[-300:]!r}, without {word!r}")

    await asyncio.gather(*(one(name, *case) for name, case in cases.items()))
