"""What must be kept: keys, dead letters, old formats, the append-only file: experiments 10, 11, 19, 20, 22,
37 and 38."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson

from relay.contract.model import Kind
from relay.store import keys
from relay.store.keys import PREFIX
from relay.store.records import NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.faults import leftovers
from tests.faults.bench import Bench, external_store
from tests.faults.experiment import Report, experiment
from tests.faults.killing import slow_by
from tests.faults.syncing import Syncs, TracedStore
from tests.harness import Arrival, Reply, end_embedded_store, insta_message, mark, until


@experiment(
    "19",
    "every hook five times at once, and again after 1 h, 12 h and 25 h",
    short={"ids": 40},
    full={"ids": 10_000},
    two={},
)
async def repeated(folder: Path, report: Report, *, ids: int) -> None:
    """Hours pass by taking them off what the keys have left to live."""
    async with Bench(folder) as bench:
        poster = bench.customer(retry=False)
        statuses: Counter[int] = Counter()
        gate = asyncio.Semaphore(40)

        async def post(i: int) -> None:
            body = orjson.dumps(insta_message(1000 + i % 200, f"id-{i}", mark(i % 200, i // 200)))
            async with gate:
                statuses[(await poster.post(body))[0]] += 1

        for i in range(0, ids, 200):  # in order in each conversation
            await asyncio.gather(*(post(k) for k in range(i, min(i + 200, ids)) for _ in range(5)))
        passed_h = 0
        for hours in (1, 12, 25):
            await _age(bench, (hours - passed_h) * 3600)
            passed_h = hours
            await asyncio.gather(*(post(k) for k in range(ids)))
        acknowledged: dict[int, list[int]] = defaultdict(list)
        for i in range(ids):
            acknowledged[i % 200].append(i // 200)
        await bench.panel.complete(acknowledged, 60)
        await asyncio.sleep(0.5)
        report.check(set(statuses) == {200}, f"answers: {dict(statuses)}")
        report.count(bench.panel.ledger.tally(acknowledged))
        report.note(f"{sum(statuses.values())} hooks for {ids} messages")


async def _age(bench: Bench, seconds: float) -> None:
    """Let that much time pass for every key of an idempotency claim."""
    async with bench.redis() as client:
        async for key in client.scan_iter(match=PREFIX.replace("{", "[{]") + "seen:*", count=1000):
            left = await client.pttl(key)
            await client.pexpire(key, max(1, left - int(seconds * 1000)))
    await asyncio.sleep(0.01)


@experiment("20", "idempotency keys of generated tuples", short={"tuples": 5_000}, full={"tuples": 100_000})
async def ambiguous(folder: Path, report: Report, *, tuples: int) -> None:
    """The same characters cut at other places, and everything that separators might be made of."""
    rng = random.Random(20)
    alphabet = ["a", "b", "", ":", "1", "2:", "\n", "\x00", ",", '"', "\\", "é", "🙂", "\ud800"]
    seen: dict[str, tuple[str, ...]] = {}
    made: set[tuple[str, ...]] = set()
    while len(made) < tuples:
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 12)))
        cuts = sorted(rng.randint(0, len(text)) for _ in range(rng.randint(0, 4)))
        parts = tuple(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
        made.add(parts)
    for parts in made:
        key = keys.digest(parts)
        report.check(key not in seen, f"{parts!r} and {seen.get(key)!r} share a key")
        seen[key] = parts
    report.messages = len(made)


@experiment(
    "37",
    "dead letters, replayed twice during new traffic",
    short={"letters": 30, "conversations": 10},
    full={"letters": 1000, "conversations": 50},
    two={},
)
async def replayed(folder: Path, report: Report, *, letters: int, conversations: int) -> None:
    """Each once per request, in order, with a record of who asked; a second request finds nothing to do."""
    refusing = True

    def script(a: Arrival) -> Reply | None:
        return Reply(status=422) if refusing and a.sequence < letters // conversations else None

    async with Bench(folder, script=script) as bench:
        customer = bench.customer()
        each = letters // conversations
        await customer.write_all(conversations, each)

        async def buried() -> bool:
            async with bench.redis() as client:
                return int(await client.zcard(f"{PREFIX}dead")) == letters

        await until(buried, 60, what="all of them dead letters")
        refusing = False
        stop = asyncio.Event()
        fresh = bench.customer(first_user=1000)  # the same customers go on writing
        fresh._next.update(dict.fromkeys(range(conversations), each))
        traffic = asyncio.create_task(_go_on(fresh, conversations, stop))
        first = await bench.relay.cli("dead", "replay", "--all", timeout_s=120)
        second = await bench.relay.cli("dead", "replay", "--all", timeout_s=120)
        stop.set()
        await traffic
        report.check(first.code == 0 and second.code == 0, f"replay: {first.err} {second.err}"[:300])
        await bench.drained(60)
        got: dict[int, list[int]] = defaultdict(list)
        for a in bench.panel.ledger.taken:
            got[a.conversation].append(a.sequence)
        for c in range(conversations):
            old = [s for s in got[c] if s < each]
            report.check(old == list(range(each)), f"conversation {c}: replayed as {old[:20]}")
            new = [s for s in got[c] if s >= each]
            report.check(new == sorted(set(new)), f"conversation {c}: new ones as {new[:20]}")
        records = await bench.deliveries()
        again = [r for r in records.values() if "re" in r]
        report.check(len(again) == letters, f"{len(again)} replays of {letters}")
        report.check(all(r.get("by") for r in again), "a replay does not say who asked for it")
        report.check(
            all(records[r["re"]].get("replayed") == d for d, r in records.items() if "re" in r),
            "a dead letter does not name its replay",
        )
        wanted = bench.acknowledged
        missing = [(c, s) for c, ss in wanted.items() for s in ss if s not in got[c]]
        report.messages = sum(map(len, wanted.values()))
        report.lost = len(missing)
        report.check(not missing, f"lost: {missing[:5]}")


async def _go_on(customer: Any, conversations: int, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.gather(*(customer.write(c) for c in range(conversations)))
        await asyncio.sleep(0.2)


# A message as format 1 keeps it, key by key: what an upgraded relay finds in its store. Do not bring it up to date.
FORMAT_1: dict[str, Any] = {
    "contact": {"ch": "shop", "id": "77", "user": "anna", "name": "Anna", "first": "1", "last": "1", "lk": "message"},
    "message": {"k": "message", "o": "shop", "at": "1700000000000", "raw": "{}", "d": "panel", "open": "1"},
    "delivery": {"to": "panel", "s": "queued"},
}


@experiment(
    "38", "an upgrade: the queue full of another version's jobs", short={"messages": 20}, full={"messages": 2000}
)
async def upgraded(folder: Path, report: Report, *, messages: int) -> None:
    """Written by hand while nothing runs: messages of format 1 with and without their job, and jobs that nobody knows.
    Then what real earlier versions left behind when they were killed (`leftovers`)."""
    strangers = max(3, messages // 20)
    async with external_store(folder / "store") as server:
        store = Store(StoreAddress.parse(server.url))
        await store.start()
        async with store.redis.pipeline(transaction=False) as pipe:
            for n in range(1, messages + 1):
                mid = f"{n:020x}"
                pipe.hset(f"{PREFIX}contact:{n}", mapping={**FORMAT_1["contact"], "id": str(76 + n)})
                pipe.hset(f"{PREFIX}who:shop", str(76 + n), str(n))
                envelope = orjson.dumps({"text": mark(n, 0), "a field of the future": [1]})
                pipe.hset(f"{PREFIX}m:{mid}", mapping={**FORMAT_1["message"], "n": n, "e": envelope})
                pipe.hset(f"{PREFIX}d:{mid}-1", mapping={**FORMAT_1["delivery"], "n": n})
                pipe.rpush(f"{PREFIX}lane:panel:{n}", f"{mid}-1")
                pipe.zadd(f"{PREFIX}lanes:panel", {str(n): 1700000000000})
                if n % 2:  # the others lost their wake-up
                    job = f"panel:{n}:{n}"
                    pipe.hset(f"{PREFIX}lock:panel:{n}", "g", str(n))
                    pipe.set(f"arq:job:{job}", orjson.dumps({"t": None, "f": "drain", "a": ["panel", n, n], "k": {}}))
                    pipe.zadd(f"{PREFIX}arq:panel", {job: 1700000000000})
            pipe.hset(f"{PREFIX}seq", mapping={"contact": messages, "fence": messages})
            for i in range(strangers):
                job = f"old-deliver-{i}"
                pipe.set(f"arq:job:{job}", b'{"f":"deliver_v0","a":[%d]}' % i if i % 2 else b"\x80\x04pickled\xff")
                pipe.zadd(f"{PREFIX}arq:panel", {job: 1700000000000 + i})
            await pipe.execute()
        await store.stop()
        async with Bench(folder, store=server.url) as bench:
            acknowledged = {n: [0] for n in range(1, messages + 1)}
            await bench.panel.complete(acknowledged, 40 + messages / 100)
            # And it goes on: a message of today in a conversation of yesterday.
            customer = bench.customer(first_user=76)
            customer._next.update(dict.fromkeys(range(1, 11), 1))
            for n in range(1, 11):
                await customer.write(n)
                acknowledged[n] = [0, 1]
            await bench.panel.complete(acknowledged, 20)
            report.count(bench.panel.ledger.tally(acknowledged))

            async def letters() -> bool:
                return len(await bench.dead_letters()) == strangers

            await until(letters, 20, what="unknown jobs as dead letters")
            found = await bench.dead_letters()
            report.check({r["reason"] for r in found} == {"unknown_job"}, f"dead letters: {found[:2]}")
            report.check("unknown job" in bench.relay.log(), "nothing in the log about unknown jobs")
            listed = await bench.relay.cli("dead", "list", "--json")
            report.check(listed.code == 0 and len(listed.json) == strangers, f"dead list: {listed.err[:300]}")
            async with bench.redis() as client:
                left = await client.zcard(f"{PREFIX}arq:panel")
            report.check(left == 0, f"{left} jobs are left in the queue")
    for archive in leftovers.archives():
        await leftovers.take_over(archive, folder / archive.name.removesuffix(".tar.gz"), report)


@experiment("10", "power loss: the append-only file cut behind its last sync", short={"cuts": 3}, full={"cuts": 20})
async def power_lost(folder: Path, report: Report, *, cuts: int) -> None:
    """With appendfsync always, what was acknowledged was synced before. So: write without waiting, kill, and cut the
    file where its last completed sync ended, or anywhere behind; every other time the end is rubbish, as a torn block
    is.

    Where the syncs cannot be traced that place is inferred: the file's size at an acknowledgement with nothing else on
    its way, as long as nothing was acknowledged afterwards."""
    rng = random.Random(10)
    data = folder / "data"
    syncs = await asyncio.to_thread(Syncs.make, folder / "traced")
    acknowledged: list[str] = []
    wrong = exact = unsynced = 0
    for i in range(cuts):
        embedded = TracedStore(data, syncs)
        store = Store(StoreAddress.parse(await embedded.start()))
        await store.start()
        try:
            for mid in acknowledged:
                if await store.journal(mid) is None:
                    wrong += 1
            for _ in range(rng.randint(1, 20)):
                acknowledged.append(await _accept(store))
            file = max((data / "store" / "appendonlydir").glob("*.incr.aof"), key=lambda f: f.stat().st_mtime)
            synced = file.stat().st_size
            hanging = [asyncio.ensure_future(_accept(store)) for _ in range(rng.randint(1, 40))]
            await asyncio.sleep(rng.uniform(0, 0.006))
            end_embedded_store(data)
            done = [d for d in await asyncio.gather(*hanging, return_exceptions=True) if isinstance(d, str)]
            acknowledged += done
            if syncs is not None:
                synced = syncs.length(file)
            elif done:
                continue  # more was acknowledged, and where its sync ended was not seen
            size = file.stat().st_size
            report.check(synced <= size, f"the file has {size} bytes, of which {synced} were synced")
            unsynced += size > synced
            at = synced if i % 3 == 0 else rng.randint(synced, size)
            exact += at == synced
            with file.open("r+b") as f:
                f.truncate(at)
                if i % 2:
                    f.seek(0, 2)
                    f.write(bytes(rng.randint(1, 4096)))
        finally:
            await store.stop()
            embedded._let_go()
    embedded = TracedStore(data, syncs)
    store = Store(StoreAddress.parse(await embedded.start()))
    await store.start()
    missing = [mid for mid in acknowledged if await store.journal(mid) is None]
    await store.stop()
    await embedded.stop()
    report.messages, report.lost = len(acknowledged), len(missing) + wrong
    report.check(not missing and not wrong, f"acknowledged and gone: {len(missing)} at the end, {wrong} on the way")
    report.check(unsynced > 0, "every kill came when all was synced: the experiment showed nothing")
    how = "traced" if syncs is not None else "inferred, for want of a C compiler"
    report.note(f"syncs {how}; {unsynced} of {cuts} kills left something unsynced, {exact} cuts at the sync itself")


async def _accept(store: Store) -> str:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=b'{"text":"x"}', raw=b"x" * 200)
    user = str(random.randrange(50))
    return (await store.accept(message, ["panel"], channel="shop", remote_user=user)).message_id


@experiment(
    "11",
    "a store restored to a second ago, after sends (what a failover does)",
    short={"rounds": 1, "conversations": 20, "each": 40},
    full={"rounds": 20, "conversations": 100, "each": 20},
)
async def restored(folder: Path, report: Report, *, rounds: int, conversations: int, each: int) -> None:
    """What was sent in that second is queued again: it comes twice, as the same message, and in order."""
    async with Bench(folder, script=slow_by(0.02), delivery={"concurrency": 10}) as bench:
        data = bench.relay.data_dir / "store"
        customer = bench.customer()
        again = 0
        for _ in range(rounds):
            async with bench.redis() as client:
                await client.config_set("auto-aof-rewrite-percentage", 0)
            async with bench.held():
                await customer.write_all(conversations, each)
            got = len(bench.panel.ledger.taken)
            await bench.panel.arrived(got + conversations, 30)
            # The file only grows, as long as it is not written anew in short: so a copy of it is the file as it was at
            # some moment meanwhile.
            await asyncio.to_thread(shutil.copytree, data / "appendonlydir", folder / "backup", dirs_exist_ok=True)
            at = len(bench.panel.ledger.taken)
            await asyncio.sleep(1.0)
            bench.relay.kill()
            end_embedded_store(bench.relay.data_dir)
            await asyncio.sleep(0.1)
            # The copy may have been torn from a moment's work on: what it lacks was sent at most a little before it.
            again += len(bench.panel.ledger.taken) - at + conversations
            shutil.rmtree(data / "appendonlydir")
            shutil.copytree(folder / "backup", data / "appendonlydir")
            shutil.rmtree(folder / "backup")
            await bench.relay.start(90)
            await bench.drained(60)
        tally = await bench.drained(30)
        report.count(tally, doubled_allowed=again)
        report.check(bool(tally.doubled), "nothing had been sent since the copy: the experiment showed nothing")


@experiment(
    "22",
    "the clocks of the relay's processes wrong by minutes, and stepping",
    short={"conversations": 10, "each": 4},
    full={"conversations": 100, "each": 20},
)
async def clocks(folder: Path, report: Report, *, conversations: int, each: int) -> None:
    """serve is 5 minutes ahead, one worker 5 minutes behind, and that one steps back an hour. Due times are the
    store's clock, so nothing comes early, nothing stands still, nothing changes places."""
    times: dict[tuple[int, int], list[float]] = defaultdict(list)

    def script(a: Arrival) -> Reply | None:
        place = (a.conversation, a.sequence)
        times[place].append(time.time())
        # 429, not 503: an outage that is over wakes what sleeps before it is due, and this asks for the schedule.
        return Reply(status=429) if len(times[place]) < 3 and a.sequence % 2 == 0 else None

    shift = folder / "shift"
    shift.mkdir(parents=True)
    async with (
        external_store(folder / "store") as store,
        Bench(
            folder, shape="apart", store=store.url, script=script, delivery={"backoff": ["1s"], "breaker": False}
        ) as bench,
    ):
        for relay, seconds in ((bench.webs[0], 300), (bench.workers[0], -300)):
            await relay.stop()
            (shift / relay.name).write_text(str(seconds))
            relay.env["RELAY_TEST_CLOCK"] = str(shift / relay.name)
            await relay.start(90)
        customer = bench.customer()
        began = time.monotonic()
        half = each // 2
        await customer.write_all(conversations, half)
        (shift / bench.workers[0].name).write_text(str(-3600 - 300))
        (shift / bench.webs[0].name).write_text(str(-3600 + 300))
        await customer.write_all(conversations, each - half)
        report.count(await bench.drained(60 + each * 5))
        early = [t for t in times.values() if any(b - a < 0.85 for a, b in itertools.pairwise(t))]
        report.check(not early, f"{len(early)} messages were tried again too early")
        took = time.monotonic() - began
        report.note(f"all through after {took:.0f} s; retries not before they were due")
        report.check(took < 60 + each * 6, f"it took {took:.0f} s")
        later = await bench.webs[0].readyz()
        report.check(later == 200, f"readiness says {later} afterwards")
