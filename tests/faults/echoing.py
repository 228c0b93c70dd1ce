"""A group that gives our own posts back at once, as webhooks: what we said to colleagues must not go to the customer.

The post leaves one process and its echo comes in at another, sooner than the first has had its answer; between them is
only the store, which may be far away.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
from pathlib import Path

import aiohttp

from tests.faults.bench import external_store
from tests.faults.experiment import Report, experiment
from tests.faulty import FaultyProxy
from tests.harness import Arrival, Colleague, Customer, RelayProcess, Sink, deployment, until

LOOKED_ALIKE = "begins as our own post"  # what intake logs where only the look of a text told


@experiment(
    "39",
    "the group's own posts come back at once",
    short={"delays_ms": (0, 20), "conversations": 20, "each": 3},
    full={"delays_ms": (0, 20, 100), "conversations": 100, "each": 8},
)
async def echo_at_once(
    folder: Path, report: Report, *, delays_ms: tuple[int, ...], conversations: int, each: int
) -> None:
    for delay_ms in delays_ms:
        await _with_latency(folder / f"{delay_ms}ms", report, delay_ms / 1000, conversations, each)


async def _with_latency(folder: Path, report: Report, delay_s: float, conversations: int, each: int) -> None:
    folder.mkdir(parents=True)
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(external_store(folder / "store"))
        proxy = await stack.enter_async_context(FaultyProxy(store.url, folder))
        shop, group = await stack.enter_async_context(Sink("insta")), await stack.enter_async_context(Sink("team"))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
        )
        # Who posts is far from the store; who hears the echo is near: the hardest case.
        config = deployment(shop.account(), sales=group.account(), provision=False, log_level="info")
        config["data_dir"] = str(folder / "data")
        webs = [RelayProcess(folder / f"serve{i}", config | {"store": store.url}, command="serve") for i in range(2)]
        workers = [
            RelayProcess(folder / f"worker{i}", config | {"store": proxy.url}, command="worker") for i in range(2)
        ]
        for relay in (*webs, *workers):
            stack.push_async_callback(relay.close)
        await asyncio.gather(*(relay.start(90) for relay in (*webs, *workers)))
        proxy.faults.ask_delay_s = delay_s

        colleagues = [Colleague(session, web.hooks["sales"]) for web in webs]
        echoes: set[asyncio.Task[int]] = set()
        changed = 0

        def give_back(arrival: Arrival) -> None:
            nonlocal changed
            text = arrival.text
            if arrival.sequence % 3 == 2:
                text, changed = html.escape(text) + "\nand a line", changed + 1
            task = asyncio.create_task(colleagues[len(echoes) % 2].write(text))
            echoes.add(task)

        group.on_taken = give_back
        customer = Customer(session, *(web.hooks["shop"] for web in webs), retry=True)
        await customer.write_all(conversations, each, words="Tom & Jerry")
        tally = await group.complete(customer.acknowledged, 60)
        report.count(tally)
        await until(lambda: all(e.done() for e in echoes), 20, what="every echo is answered")
        statuses = {e.result() for e in echoes}
        # An answer of ours, to prove that answers go through at all, and after whatever was taken for one.
        await colleagues[0].write("#1 a real answer")
        await shop.got("a real answer", 20)
        await asyncio.sleep(0.5 + 4 * delay_s)
        sent = [a.text for a in shop.ledger.taken if a.text != "a real answer"]
        report.check(not sent, f"{len(sent)} of {len(echoes)} own posts were sent to customers: {sent[:3]}")
        report.check(statuses == {200}, f"echoes were answered {statuses}")
        by_look = sum(web.log().count(LOOKED_ALIKE) for web in webs)
        report.check(by_look == changed, f"{by_look} were known by their look alone, {changed} had been changed")
        report.note(
            f"store {delay_s * 1000:.0f} ms away from who posts: {len(echoes)} echoes, {changed} of them changed, "
            f"{len(sent)} sent to customers"
        )
