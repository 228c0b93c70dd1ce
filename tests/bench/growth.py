"""`--growth`: what a message costs when the store already holds many, and what one that is kept costs in memory.

The store is filled through its own scripts (the same accept, claim and finish as in service, without HTTP), then the
relay is started on it and measured as in `modes`. At the end a thousand lanes are put to sleep behind a destination
that refuses, and a second store shows that what has had its time leaves.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from relay.contract.model import Content, Kind
from relay.observe.tracing import traced
from relay.store import keys
from relay.store.envelope import Envelope, dump
from relay.store.records import Finish, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.bench import usage
from tests.bench.driver import Driver, Shape, hook
from tests.bench.endpoints import Sink
from tests.bench.ledger import Tally, quantile
from tests.bench.modes import Meter, idle
from tests.bench.report import table
from tests.bench.subjects import ROOT, Relay, StoreServer

CONVERSATIONS = 100_000
MILESTONES = (10_000, 100_000, 1_000_000)
ASLEEP = 1_000
CHUNK = 1_000
TRACES = 200
RETENTION_S = 10.0
IDLE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far to go."""

    milestones: tuple[int, ...] = MILESTONES
    conversations: int = CONVERSATIONS
    asleep: int = ASLEEP
    probe: int = 4000
    kept: int = 5000  # in the store that is emptied


QUICK_EXTENT = Extent(milestones=(500, 2_000, 8_000), conversations=1_000, asleep=100, probe=1000, kept=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One measurement. `stored` messages were there before it. Times in ms, memory in MB."""

    name: str
    stored: int
    tally: Tally
    cpu_app_us: float
    cpu_store_us: float
    trace_p50_ms: float
    trace_p99_ms: float
    store_mb: float
    app_mb: float
    idle_percent: float
    others: float


@asynccontextmanager
async def opened(server: StoreServer, retention_s: float = 90 * 86400) -> Any:
    """The store behind `server`, as the relay opens it."""
    store = Store(StoreAddress.parse(f"unix://{server.socket}"), retention_s=retention_s, tell_others=False)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def fill(
    store: Store, first: int, count: int, conversations: int, *, seen_ttl_s: float = keys.SEEN_TTL_S
) -> None:
    """Accept and deliver messages `first` to `first + count - 1`, as the relay keeps them."""
    for start in range(first, first + count, CHUNK):
        indexes = range(start, min(start + CHUNK, first + count))
        await asyncio.gather(*(_accept(store, i, i % conversations, seen_ttl_s) for i in indexes))
        while lanes := (await store.claim("sales", "bench", 500)).lanes:
            await asyncio.gather(*(_deliver(store, lane) for lane in lanes))


async def _accept(store: Store, index: int, conversation: int, seen_ttl_s: float) -> None:
    raw = hook(index, conversation)
    value = orjson.loads(raw)
    text, device = value["event"]["properties"]["content"]["body"], value["device"]
    await store.accept(
        NewMessage(
            id=new_id(),
            kind=Kind.MESSAGE,
            origin="shop",
            envelope=dump(Envelope(content=Content(text=text), source_id=f"bench-{index}")),
            raw=raw,
        ),
        ["sales"],
        seen=keys.seen("shop", (f"bench-{index}",)),
        seen_ttl_s=seen_ttl_s,
        channel="shop",
        remote_user=device["user_id"],
        username=device["username"],
        name=device["profileName"],
    )


async def _deliver(store: Store, lane: LeasedLane) -> None:
    head = lane.head
    while head is not None:
        await store.remember_echo("sales", f"#{lane.number} {head.name}: {head.delivery_id}")
        line = orjson.dumps({"at": int(time.time() * 1000), "what": "ok", "ms": 3, "status": 200})
        finished = await store.finish("sales", lane, head.delivery_id, Finish(verdict="ok", line=line))
        head = finished.head


async def memory_mb(store: Store) -> float:
    """What the store says its data takes."""
    info = await store.redis.info("memory")
    return float(info["used_memory"]) / 1e6


async def traces(store: Store, up_to: int) -> list[float]:
    """Seconds that `trace` takes for messages picked at random, by the other side's id, which is the longer way."""
    draw = random.Random(7)
    took = []
    for _ in range(TRACES):
        began = time.perf_counter()
        mid = await store.find(f"bench-{draw.randint(1, up_to)}", ["shop", "sales"])
        journal = await store.journal(mid) if mid else None
        if journal is None:
            raise RuntimeError("a stored message is not found again")
        traced(journal, {"shop"})
        took.append(time.perf_counter() - began)
    return took


async def probe(
    name: str,
    server: StoreServer,
    store: Store,
    relay: Relay,
    driver: Driver,
    sink: Sink,
    extent: Extent,
) -> Step:
    """Measure at what is stored now."""
    stored = driver.next_index - 1
    meter = Meter(relay)
    await idle(meter, IDLE_S)
    app, kept, _, _ = meter.used()
    shape = Shape(name="growth", conversations=extent.conversations)
    tally = await driver.run(extent.probe, shape, on_start=meter.start)
    app_s, store_s, _, others = meter.used()
    took = await traces(store, stored)
    return Step(
        name=name,
        stored=stored,
        tally=tally,
        cpu_app_us=app_s / extent.probe * 1e6,
        cpu_store_us=store_s / extent.probe * 1e6,
        trace_p50_ms=quantile(took, 0.5) * 1000,
        trace_p99_ms=quantile(took, 0.99) * 1000,
        store_mb=await memory_mb(store),
        app_mb=usage.peak_rss_mb(relay.apps),
        idle_percent=(app + kept) / IDLE_S * 100,
        others=others,
    )


async def growth(extent: Extent, where: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything; the figures, ready for JSON."""
    sink = Sink()
    await sink.start()
    server = StoreServer(where / "g", "always")
    await server.start()
    steps: list[Step] = []
    stored = 0
    try:
        async with opened(server) as store:
            empty_mb = await memory_mb(store)
            for milestone in extent.milestones:
                began = time.monotonic()
                await fill(store, stored + 1, milestone - stored, extent.conversations)
                say(f"{milestone} messages stored ({time.monotonic() - began:.0f} s)")
                per_message = (await memory_mb(store) - empty_mb) * 1e6 / milestone
                asleep = extent.asleep if milestone == extent.milestones[-1] else 0
                found, stored = await _at(milestone, asleep, server, store, sink, extent, where, say)
                steps += found
    finally:
        await server.stop()
        await sink.stop()
    return {
        "extent": asdict(extent),
        "bytes_per_message": per_message,
        "steps": [asdict(s) for s in steps],
        "retention": await retention(extent, where),
    }


async def _at(
    milestone: int,
    asleep: int,
    server: StoreServer,
    store: Store,
    sink: Sink,
    extent: Extent,
    where: Path,
    say: Callable[[str], None],
) -> tuple[list[Step], int]:
    """The steps at one milestone, and how many messages there are after them."""
    place = Path(tempfile.mkdtemp(prefix="r", dir=where))
    relay = Relay("always", backoff="[6h]", breaker=False, on=server)
    steps: list[Step] = []
    sink.behave()
    try:
        await relay.start(place, sink.url)
        driver = Driver(sink, relay.target)
        driver.next_index = milestone + 1
        shape = Shape(name="growth", conversations=extent.conversations)
        await driver.run(500, shape)
        steps.append(await probe(f"{milestone:,} stored", server, store, relay, driver, sink, extent))
        if asleep:
            sink.refuse = lambda index: True
            await driver.run(asleep, Shape(name="asleep", conversations=0), wait_for_arrivals=False)
            deadline = time.monotonic() + 60
            while sink.refused < asleep and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            say(f"{sink.refused} lanes asleep")
            sink.behave()
            name = f"{milestone:,} stored, {asleep:,} lanes asleep"
            steps.append(await probe(name, server, store, relay, driver, sink, extent))
            began = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "relay", "trace", "-c", str(relay.config), "bench-1"],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
            say(f"`relay trace` as a whole command, with the start of Python: {time.monotonic() - began:.2f} s")
        return steps, driver.next_index - 1
    finally:
        await relay.stop()
        shutil.rmtree(place, ignore_errors=True)


async def retention(extent: Extent, where: Path) -> dict[str, Any]:
    """Fill a store that keeps messages for seconds, wait, and look at what is left."""
    server = StoreServer(where / "e", "everysec")
    await server.start()
    try:
        async with opened(server, RETENTION_S) as store:
            conversations = min(extent.conversations, max(50, extent.kept // 10))
            await fill(store, 1, extent.kept, conversations, seen_ttl_s=RETENTION_S)
            before, before_mb = await _kinds(store), await memory_mb(store)
            await asyncio.sleep(RETENTION_S + 1)
            deadline = time.monotonic() + 30  # the store forgets expired keys a little later, by itself
            while (await _kinds(store)).get("m", 0) and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            return {
                "messages": extent.kept,
                "conversations": conversations,
                "keys_before": before,
                "keys_after": await _kinds(store),
                "mb_before": before_mb,
                "mb_after": await memory_mb(store),
            }
    finally:
        await server.stop()


async def _kinds(store: Store) -> dict[str, int]:
    """How many keys of each kind there are: the first word after the prefix."""
    found: dict[str, int] = {}
    async for key in store.redis.scan_iter(count=5000):
        kind = key.decode().removeprefix(store.prefix).partition(":")[0]
        found[kind] = found.get(kind, 0) + 1
    return dict(sorted(found.items()))


def render_growth(found: dict[str, Any]) -> str:
    """The report."""
    rows = []
    for s in found["steps"]:
        t = s["tally"]
        rows.append(
            [
                s["name"],
                f"{t['acked_per_s']:.0f}",
                f"{t['ack_ms']['p50']:.1f} / {t['ack_ms']['p99']:.1f}",
                f"{t['relayed_per_s']:.0f}",
                f"{s['cpu_app_us']:.0f} + {s['cpu_store_us']:.0f}",
                f"{s['trace_p50_ms']:.2f} / {s['trace_p99_ms']:.2f}",
                f"{s['idle_percent']:.2f}",
                f"{s['app_mb']:.0f}",
                f"{s['store_mb']:.0f}",
                f"{t['lost']} / {t['doubled']} / {t['out_of_order']}",
                f"{s['others']:.0%}",
            ]
        )
    head = [
        f"{found['extent']['conversations']:,} conversations",
        "acknowledged/s",
        "ack ms p50 / p99",
        "relayed/s",
        "CPU µs/message, app + store",
        "trace ms p50 / p99",
        "idle, % of a core",
        "relay, MB",
        "store, MB",
        "lost / doubled / out of order",
        "others' share of the machine",
    ]
    r = found["retention"]
    left = {k: n for k, n in r["keys_after"].items() if n}
    return "\n".join(
        [
            table(head, rows),
            "",
            f"A stored 500-byte hook with its delivery takes {found['bytes_per_message']:.0f} bytes of the store's "
            "memory (with its share of contacts, the keys against repeats and those against echoes).",
            f"Retention: of {r['messages']} messages in {r['conversations']} conversations kept for {RETENTION_S:.0f} "
            f"s, {r['keys_before'].get('m', 0)} records before, {r['keys_after'].get('m', 0)} after; "
            f"{r['mb_before']:.1f} MB before, {r['mb_after']:.1f} MB after. What is left: "
            + ", ".join(f"{k} {n}" for k, n in left.items())
            + " (contacts and their numbers stay for ever; echoes leave after 72 h).",
        ]
    )
