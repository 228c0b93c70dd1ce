"""A deployment to do things to: sinks, one or several relay processes, customers; all ended at the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import aiohttp
import redis.asyncio as aioredis

from relay.contract.errors import StoreUnavailable
from relay.store.keys import PREFIX
from relay.store.server.address import StoreAddress
from relay.store.store import Store
from tests.faults.experiment import TWO_AND_TWO
from tests.harness import Arrival, Customer, RelayProcess, Reply, Sink, StoreServer, Tally, deployment

Shape = Literal["run", "apart", "two", "serve", "none"]
"""`run`: one process. `apart`: serve and worker. `two`: two of each. `serve`: only the half that accepts."""


class Killable(RelayProcess):
    """A relay that an experiment may tell, by its environment, to die at a point or to mistake the time. It is
    `python -m relay` otherwise."""

    module = "tests.faults.killable"


class Bench:
    """One channel "shop" and one desk "panel"; what customers write must arrive at the panel.

    `store` is None for the embedded one, or an address; `script` is the panel's. `neighbour` is a channel "loud" and a
    desk "crowd" that only share the relay with them. `kind` is how processes are started: `tests.faults.forked` has one
    that takes less time. An experiment that is to have 2 + 2 processes gets them, and an external store, whatever shape
    it asks for.
    """

    kind: ClassVar[type[RelayProcess]] = RelayProcess

    def __init__(
        self,
        folder: Path,
        *,
        shape: Shape = "run",
        store: str | None = None,
        script: Callable[[Arrival], Reply | None] | None = None,
        workers: int | None = None,
        env: dict[str, str] | None = None,
        neighbour: tuple[dict[str, Any], dict[str, Any]] | None = None,
        **config: Any,
    ) -> None:
        self.folder = folder
        self.neighbour = neighbour
        self.shape: Shape = "two" if TWO_AND_TWO.get() and shape in ("run", "apart") else shape
        self.store = store
        self.env = env or {}
        self.config = {"provision": False, "log_level": "info", **config}
        if store is not None:
            self.config["store"] = store
        self._workers = workers
        self.shop = Sink("insta")
        self.panel = Sink("operator", script)
        self.webs: list[RelayProcess] = []
        self.workers: list[RelayProcess] = []
        self.customers: list[Customer] = []
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self.shop)
            await self._stack.enter_async_context(self.panel)
            self.session = await self._stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
            )
            if self.shape == "two" and self.store is None:
                self.store = (await self._stack.enter_async_context(external_store(self.folder / "store"))).url
                self.config["store"] = self.store
            self._make()
            for relay in self.all:
                self._stack.push_async_callback(relay.close)
            # The embedded store's owner first, so that two do not race for it while both import.
            await asyncio.gather(*(relay.start(90) for relay in self.all))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _make(self) -> None:
        data = str(self.folder / "data")
        accounts = deployment(self.shop.account(), self.panel.account(), **self.config)
        accounts["data_dir"] = data
        if self.neighbour is not None:
            accounts["channels"]["loud"], accounts["desks"]["crowd"] = self.neighbour
            accounts["routes"].append({"channel": "loud", "desks": ["crowd"]})

        def process(command: Literal["run", "serve", "worker"], name: str) -> RelayProcess:
            kind = Killable if self.kind is RelayProcess else self.kind
            return kind(self.folder / name, accounts, command=command, name=name, env=self.env)

        if self.shape == "run":
            self.webs = self.workers = [process("run", "run")]
        elif self.shape != "none":
            count = 2 if self.shape == "two" else 1
            self.webs = [process("serve", f"serve{i}") for i in range(count)]
            wanted = 0 if self.shape == "serve" else self._workers or count
            self.workers = [process("worker", f"worker{i}") for i in range(wanted)]

    @property
    def all(self) -> list[RelayProcess]:
        """Every process, each once."""
        return list(dict.fromkeys([*self.webs, *self.workers]))

    @property
    def relay(self) -> RelayProcess:
        """The one of shape `run`; of several, the first that takes hooks."""
        return self.webs[0]

    async def readiness(self) -> set[int]:
        """What all web processes answer to /readyz."""
        return {await web.readyz() for web in self.webs}

    async def add_worker(self, name: str, **env: str) -> RelayProcess:
        """Another worker process on the same store."""
        config = {k: v for k, v in self.webs[0].config.items() if k != "listen"}
        worker = (Killable if self.kind is RelayProcess else self.kind)(
            self.folder / name, config, command="worker", name=name, env=env
        )
        self._stack.push_async_callback(worker.close)
        self.workers = [*self.workers, worker]
        await worker.start(90)
        return worker

    # --- writing and counting -----------------------------------------------------------------------------------------

    def customer(self, *, retry: bool = True, web: int | None = None, **more: Any) -> Customer:
        """Somebody who writes, through one of the web processes, or through all in turn, as behind a load balancer."""
        webs = self.webs if web is None else [self.webs[web]]
        customer = Customer(self.session, *(w.hooks["shop"] for w in webs), retry=retry, **more)
        self.customers.append(customer)
        return customer

    @property
    def acknowledged(self) -> dict[int, list[int]]:
        """What all customers were answered 200 for, together. Their conversations must be different ones."""
        together: dict[int, list[int]] = defaultdict(list)
        for customer in self.customers:
            for conversation, sequences in customer.acknowledged.items():
                together[conversation] += sequences
        return together

    async def drained(self, timeout_s: float = 60.0, dead: Sequence[tuple[int, int]] = ()) -> Tally:
        """Wait until all that was acknowledged has arrived and nothing is left to send: what comes twice comes last,
        when the lease of a dead holder has ended."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            began = time.monotonic()
            if not self.panel.ledger.tally(self.acknowledged, dead).lost and await self._nothing_left():
                await asyncio.sleep(0.3)
                break
            # Counting 50,000 arrivals again and again would leave the sinks no time to answer.
            await asyncio.sleep(max(0.1, 10 * (time.monotonic() - began)))
        return self.panel.ledger.tally(self.acknowledged, dead)

    # --- looking into the store ---------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def redis(self) -> Any:
        """The store itself, for what no command shows."""
        path = str(self.folder / "data" / "store" / "valkey.sock")
        if self.store is not None and self.store.startswith("unix://"):
            path = self.store.removeprefix("unix://")
        client = aioredis.Redis(unix_socket_path=path)
        try:
            yield client
        finally:
            await client.aclose()

    async def deliveries(self) -> dict[str, dict[str, str]]:
        """Every delivery's record, by id."""
        found = {}
        async with self.redis() as client:
            async for key in client.scan_iter(match=PREFIX.replace("{", "[{]") + "[dm]:*", count=1000):
                raw = await client.hgetall(key)
                if b"to" not in raw:
                    continue  # a message without a delivery, or of before there was a delivery 0
                kind, _, name = key.decode().removeprefix(PREFIX).partition(":")
                name = name if kind == "d" else f"{name}-0"
                found[name] = {k.decode(): v.decode("utf-8", "replace") for k, v in raw.items()}
        return found

    async def all_done(self) -> bool:
        """Whether every delivery has come to its end, and that is written down."""
        return all(d["s"] != "queued" for d in (await self.deliveries()).values())

    async def dead_letters(self) -> list[dict[str, str]]:
        """The records of those that were given up."""
        return [d for d in (await self.deliveries()).values() if d["s"] == "failed"]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        """The store as the relay's own commands use it."""
        path = self.folder / "data" / "store" / "valkey.sock"
        store = Store(StoreAddress.parse(self.store or f"unix://{path}"))
        try:
            await store.start()
            yield store
        finally:
            await store.stop()

    async def _nothing_left(self) -> bool:
        try:
            async with self.opened() as store:
                return (await store.destination("panel")).lanes == 0
        except StoreUnavailable:
            return False

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The panel paused by a person, and released at the end."""
        async with self.opened() as store:
            await store.pause("panel", "manual")
            yield
            await store.resume("panel")

    async def tries_used(self) -> int:
        """Over all deliveries: how many failed tries are written down."""
        return sum(int(d.get("t") or 0) for d in (await self.deliveries()).values())


@contextlib.asynccontextmanager
async def external_store(folder: Path, **options: Any) -> Any:
    """A Valkey of its own, durable, that the experiment kills and freezes."""
    server = StoreServer(folder, **options)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        with contextlib.suppress(OSError, AssertionError):
            server.thaw()
        server.close()


async def pauses(seed: int, count: int, low_s: float, high_s: float) -> Any:
    """Waits `count` random times; yields the number of each."""
    rng = random.Random(seed)
    for i in range(count):
        await asyncio.sleep(rng.uniform(low_s, high_s))
        yield i


async def keep_writing(customer: Customer, conversations: range, stop: asyncio.Event, pause_s: float = 0.0) -> None:
    """Write to each conversation in turn until told to stop; every conversation is written by one task only."""

    async def one(conversation: int) -> None:
        while not stop.is_set():
            await customer.write(conversation)
            if pause_s:
                await asyncio.sleep(pause_s)

    await asyncio.gather(*(one(c) for c in conversations))


async def write_spread(
    customer: Customer, conversations: int, each: int, over_s: float, *, first: int = 0, at_once: int = 200
) -> None:
    """`each` messages in every conversation, in order there, evenly over `over_s` seconds as far as the relay lets."""
    began = time.monotonic()
    total = conversations * each
    gate = asyncio.Semaphore(at_once)

    async def one(index: int) -> None:
        for k in range(each):
            due = began + over_s * (k * conversations + index) / total
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            async with gate:
                await customer.write(first + index)

    await asyncio.gather(*(one(i) for i in range(conversations)))
