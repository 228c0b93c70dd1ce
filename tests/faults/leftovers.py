"""What a relay leaves in its store when it dies with its hands full, kept for the versions after it.

python -m tests.faults.leftovers

runs today's relay, kills it with messages queued, asleep after a failure, sent to the half, in flight and given up, and
writes its append-only file to `left/<version>.tar.gz`. Experiment 38 gives every such file to the relay of the day. Run
it once before a release that changes a record of the store, and commit the file; never make an old one anew.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

from relay.store.keys import PREFIX
from tests.faults.bench import Bench
from tests.faults.experiment import Report
from tests.harness import (
    Arrival,
    Customer,
    Panel,
    RelayProcess,
    Reply,
    Sink,
    deployment,
    end_embedded_store,
    insta_report,
    sinks,
    until,
)

FOLDER = Path(__file__).parent / "left"
EXPECTED = "expected.json"
ANSWER = "an answer of before"
WORDS = 1500

# Conversations by what becomes of their messages to the panel.
DONE, ASLEEP, DEAD, LONG, IN_FLIGHT, QUEUED = (
    range(4), range(4, 9), range(9, 13), range(13, 15), range(15, 17), range(17, 25)
)  # fmt: skip


def archives() -> list[Path]:
    """Every version's file."""
    return sorted(FOLDER.glob("*.tar.gz"))


def _config(systems: Sequence[Sink], **more: Any) -> dict[str, Any]:
    shop, panel, sales = systems
    # 100 years: what is in the file must not expire in the repository.
    return deployment(
        shop.account(), panel.account(), sales.account(), provision=False, retention="36500d",
        delivery={"backoff": ["60s"], "breaker": False}, **more,
    )  # fmt: skip


def _long(conversation: int) -> str:
    return " ".join(f"c{conversation}w{i}" for i in range(WORDS))


def _words(sales: Sink, conversation: int) -> list[int]:
    """Which words of a long message have arrived, in the order of their arrival."""
    pattern = re.compile(rf"\bc{conversation}w(\d+)\b")
    return [int(i) for a in sales.ledger.all if a.taken for i in pattern.findall(a.text)]


# --- leaving ----------------------------------------------------------------------------------------------------------


async def leave(folder: Path) -> bytes:
    """Run a relay in an empty folder, kill it; the archive."""
    async with sinks("insta", "operator", "team") as systems, aiohttp.ClientSession() as session:
        _, panel, sales = systems
        panel.script = _panel
        sales.script = _sales
        relay = RelayProcess(folder, _config(systems))
        try:
            await relay.start()
            expected = await _fill(relay, systems, session)
            relay.kill()
            end_embedded_store(relay.data_dir)
            return _archive(relay.data_dir, expected)
        finally:
            await relay.close()


def _panel(a: Arrival) -> Reply | None:
    if a.conversation in ASLEEP:
        return Reply(status=503)
    if a.conversation in DEAD:
        return Reply(status=422)
    return Reply(hang_s=60) if a.conversation in IN_FLIGHT else None


def _sales(a: Arrival) -> Reply | None:
    """The first part carries the mark of its conversation, the next ones do not."""
    return Reply(status=503) if re.search(r"\bc\d+w\d+\b", a.text) and a.conversation < 0 else None


async def _fill(relay: RelayProcess, systems: Sequence[Sink], session: aiohttp.ClientSession) -> dict[str, Any]:
    shop, panel, sales = systems
    customer = Customer(session, relay.hooks["shop"])

    async def write(conversations: range, each: int) -> None:
        for conversation in conversations:
            for _ in range(each):
                assert await customer.write(conversation)

    await write(DONE, 2)
    await panel.arrived(2 * len(DONE))
    assert await Panel(session, relay.hooks["panel/message"]).answer(1, ANSWER) == 200
    answer = await shop.got(ANSWER)
    await write(ASLEEP, 2)
    await write(DEAD, 1)
    for conversation in LONG:
        assert await customer.write(conversation, _long(conversation))
    await write(IN_FLIGHT, 1)
    bench = Bench(relay.folder, shape="none")  # for what it reads from the store

    async def settled() -> bool:
        records = await bench.deliveries()
        states = [(d["to"], d["s"], d.get("t", "0"), d.get("p", "0")) for d in records.values()]
        return (
            states.count(("panel", "queued", "1", "0")) == len(ASLEEP)
            and states.count(("panel", "failed", "0", "0")) == len(DEAD)
            and states.count(("sales", "queued", "1", "1")) == len(LONG)
            and sum(a.conversation in IN_FLIGHT for a in panel.ledger.all) == len(IN_FLIGHT)
        )

    await until(settled, 20)
    for desk in ("panel", "sales"):
        paused = await relay.cli("pause", desk)
        assert paused.code == 0, paused.err
    await write(QUEUED, 3)
    async with bench.redis() as client:
        assert await client.zcard(f"{PREFIX}lanes:panel") == len(ASLEEP) + len(IN_FLIGHT) + len(QUEUED)
    return {
        "panel": {
            **{key: [0, 1] for key in ASLEEP},
            **{key: [0] for key in IN_FLIGHT},
            **{key: [0, 1, 2] for key in QUEUED},
        },
        "sales": {key: [0, 1, 2] for key in QUEUED},
        "dead": {conversation: [0] for conversation in DEAD},
        "words": {conversation: _words(sales, conversation) for conversation in LONG},
        "answer": answer.queue_id,
    }


def _archive(data_dir: Path, expected: dict[str, Any]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(data_dir / "store" / "appendonlydir", arcname="appendonlydir")
        described = json.dumps(expected, indent=1).encode()
        entry = tarfile.TarInfo(EXPECTED)
        entry.size = len(described)
        tar.addfile(entry, io.BytesIO(described))
    return packed.getvalue()


# --- taking over ------------------------------------------------------------------------------------------------------


async def take_over(archive: Path, folder: Path, report: Report) -> None:
    """Give what an earlier version left to the relay of today: everything arrives, in order, from where it stood."""
    store = folder / "relay" / "data" / "store"
    store.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(store, filter="data")
    expected = json.loads((store / EXPECTED).read_text())
    to_panel, to_sales, dead, words = (
        {int(c): found for c, found in expected[name].items()} for name in ("panel", "sales", "dead", "words")
    )
    async with sinks("insta", "operator", "team") as systems, aiohttp.ClientSession() as session:
        _, panel, sales = systems
        relay = Bench.kind(folder / "relay", _config(systems))
        try:
            await relay.start(60)
            for desk in ("panel", "sales"):
                released = await relay.cli("resume", desk)
                report.check(released.code == 0, f"{archive.name}: resume {desk}: {released.err[:200]}")
            report.count(await panel.complete(to_panel, 40))
            report.count(await sales.complete(to_sales, 20))
            for conversation, had in words.items():
                await until(lambda c=conversation, h=had: len(_words(sales, c)) >= WORDS - len(h), 20)  # type: ignore[misc]
                came = _words(sales, conversation)
                report.check(
                    [*had, *came] == list(range(WORDS)),
                    f"{archive.name}: conversation {conversation} had {len(had)} of {WORDS} words, then came "
                    f"{len(came)}, from word {came[:1]}",
                )
            listed = await relay.cli("dead", "list", "--json")
            report.check(listed.code == 0 and len(listed.json) == len(dead), f"{archive.name}: {listed.out[:300]}")
            replayed = await relay.cli("dead", "replay", "--all")
            report.check(replayed.code == 0, f"{archive.name}: replay: {replayed.err[:200]}")
            # A message of today in conversations of before, and a report about an answer of before.
            customer = Customer(session, relay.hooks["shop"])
            fresh = {conversation: len(sequences) for conversation, sequences in to_panel.items()}
            customer._next.update(fresh)
            for conversation in fresh:
                await customer.write(conversation)
            together = {c: [*s, fresh[c]] for c, s in to_panel.items()} | dead
            report.count(await panel.complete(together, 20))
            async with session.post(relay.hooks["shop"], json=insta_report(expected["answer"], "fail")) as answer:
                report.check(answer.status == 200, f"{archive.name}: the report was answered {answer.status}")
            await panel.got(ANSWER)
            report.note(f"what {archive.name.removesuffix('.tar.gz')} left was taken over")
        finally:
            await relay.close()


def main() -> None:
    """Make today's file."""
    file = FOLDER / f"{version('webhook-relay')}.tar.gz"
    with tempfile.TemporaryDirectory(prefix="relay-left-") as folder:
        packed = asyncio.run(leave(Path(folder)))
    FOLDER.mkdir(exist_ok=True)
    file.write_bytes(packed)
    print(f"{file}: {len(packed)} bytes")


if __name__ == "__main__":
    main()
