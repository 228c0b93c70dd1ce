"""One process of the relay, put together: web, workers, or both, over one store.

`start` and `stop` are the only doors. Everything that runs besides hooks and lanes is one of a few background tasks,
each with a loop that survives the store being away.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from hiredis import ReplyError

from relay.config.load import Config
from relay.contract import Bridge, Check, Http, Probing, Provisioning, Reclaiming, Sandbox, SandboxOptions
from relay.contract.errors import RelayError, StoreUnavailable
from relay.contract.model import AccountWarning, Attachment, Outcome
from relay.history.archived import ArchivedPosition
from relay.history.archiver import Archiver
from relay.history.database import Database, HistoryUnavailable, address
from relay.inbound.contact_lookup import ContactLookup
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.front import Front
from relay.inbound.handover import Handover
from relay.inbound.hooks import Hooks
from relay.inbound.intake import Intake
from relay.media.fetcher import Fetcher
from relay.media.library import MediaStore
from relay.media.links import media_path
from relay.media.serving import media_routes
from relay.observe.metrics import Metrics
from relay.observe.readiness import Readiness
from relay.outbound.attempt import Attempts
from relay.outbound.lane_worker import LaneWorker, is_gone, worker_id
from relay.people.people import People
from relay.routing.accounts import Account, Accounts, build
from relay.service.account_identity import Identities
from relay.service.announcer import Announcer
from relay.service.pollers import Pollers
from relay.service.reply_windows import LOOK_EVERY_S, ReplyWindowWatch
from relay.service.resumer import Resumer
from relay.store.records import Breaker, Finished, Head
from relay.store.server.address import StoreAddress
from relay.store.server.checks import check_store
from relay.store.server.embedded import EmbeddedStore
from relay.store.store import Store, bell
from relay.texts.templates import Templates
from relay.transport.file_parts import file_opener
from relay.transport.sender import Sender
from relay.web import application as webapp
from relay.web.behind_login import behind_login, needs_no_login
from relay.web.feed.reader import FeedReader
from relay.web.start_page import page_routes

log = logging.getLogger("relay.service.service")

SWEEP_EVERY_S = 30.0
PURGE_EVERY_S = 3600.0
IDENTITY_EVERY_S = 600.0
UNKNOWN_EVERY_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRole:
    """Which halves this process is. `only`: the destinations it works for; None: all."""

    web: bool = True
    workers: bool = True
    only: tuple[str, ...] | None = None


async def open_store(config: Config, *, tell_others: bool = True) -> tuple[Store, EmbeddedStore | None]:
    """Start or find the embedded server, connect. Raises StoreUnavailable with a sentence."""
    embedded: EmbeddedStore | None = None
    where = config.store
    if where.embedded:
        embedded = EmbeddedStore(config.data_dir, config.fsync)
        where = StoreAddress.parse(await embedded.start())
    breaker = config.delivery.breaker
    if breaker is None:
        limits = Breaker(failures=0)
    else:
        limits = Breaker(
            failures=breaker.failures,
            lanes=breaker.lanes,
            first_ms=int(breaker.pause_s(1) * 1000),
            max_ms=int(breaker.pause_s(1000) * 1000),
        )
    store = Store(where, retention_s=config.retention, breaker=limits, tell_others=tell_others)
    try:
        await store.start()
    except StoreUnavailable:
        await store.stop()
        if embedded is not None:
            await embedded.stop()
        raise
    return store, embedded


class Service:
    """One process. Build it, `await start()`, and later `await stop()`."""

    def __init__(
        self, config: Config, kinds: Mapping[str, type[Bridge[Any]]], keys: Sequence[str], parts: ProcessRole
    ) -> None:
        self.config = config
        self.kinds = kinds
        self.keys = tuple(keys)
        self.parts = parts
        self.name = worker_id()
        self.metrics = Metrics()
        self.texts = Templates(config.locale, config.templates_dir)
        self.workers: dict[str, LaneWorker] = {}
        self.handover = Handover(self.name, self.workers)
        self.senders: dict[str, Sender] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self.address = ""
        self.feed: FeedReader | None = None
        self.archived: ArchivedPosition | None = None
        self.setup_address = ""  # where the first user is made, while there is none; a secret
        self.warnings: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker_tasks: set[asyncio.Task[None]] = set()
        self._front: Front | None = None
        self._embedded: EmbeddedStore | None = None
        self._bell: Any = None
        self._socket: socket.socket | None = None

    # --- start -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring everything up. Raises RelayError or OSError with a sentence; what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        config = self.config
        origin = self._listen()
        # In a process that is both halves, a lane armed here is rung here; others hear of it by their own poll.
        everything = self.parts.web and self.parts.workers and self.parts.only is None
        self.store, self._embedded = await open_store(config, tell_others=not everything)
        report = await check_store(self.store.redis)
        if report.must_refuse and self._embedded is None:
            raise StoreUnavailable(report.must_refuse)
        self.warnings += [f"store: {c.what}: {c.found}. {c.remedy}" for c in report.checks if c.ok is False]
        self.accounts: Accounts = build(
            config,
            self.kinds,
            self.texts,
            keys=self.keys,
            local_origin=origin,
            public_url=config.public_url or origin,
        )
        for name in await self.store.orphans(self.accounts.by_name):
            self.warnings.append(
                f'store: messages wait for "{name}", which is not in {config.path.name}. Put it back to send them.'
            )
        channels = self.accounts.channels()
        names = [c.name for c in channels]
        # Those that are configured first, so that none of them is allotted to another.
        for connection in sorted(channels, key=lambda c: c.configured_bot_id is None):
            try:
                connection.bot_id = await self.store.bot_id(connection.name, connection.configured_bot_id, among=names)
            except ValueError as e:
                raise RelayError(f"{e} in config.yaml.") from None
        self.media = MediaStore(config.data_dir / "media")
        await self.media.prepare()
        self.fetcher = Fetcher(
            self.media.incoming,
            # Files of customers in our own sandboxes are on this very server.
            allow_private=[origin] if any(c.settings.sandboxed for c in self.accounts.by_name.values()) else (),
            timeout_s=config.media.fetch_timeout,
        )
        self._build_senders()
        self._build_intake()
        self.readiness = Readiness(
            self.store,
            self.metrics,
            list(self.accounts.by_name),
            lambda: list(self.workers.values()),
            expects_workers=self.parts.workers,
            name=self.name,
        )
        if self.parts.web:
            await self._start_web(origin)
        if self.parts.workers:
            # Before anything is sent: it might be sent to the wrong customers.
            await self.identities.at_start()
            await self._start_workers()
        self._spawn(self.readiness.watch(), "readiness")
        await self.readiness.probe()
        self.readiness.started = True
        if self._embedded is not None:
            self._spawn(self._embedded.keep_running(), "embedded store")
        if self.parts.web and config.provision:
            self._spawn(self._provision_and_say(), "provision")
        # Long-lived objects leave the collector's sight, and it looks less often: measured x1.15 to x1.3.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)

    def _listen(self) -> str:
        """Bind early: sandboxes and hook addresses need the port."""
        config = self.config
        if not self.parts.web:
            return config.local_url
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        try:
            self._socket = socket.create_server((config.host, config.port), family=family, backlog=1024)
        except OSError as e:
            raise RelayError(_why_not_listening(config.listen, e)) from e
        port = self._socket.getsockname()[1]
        self.address = f"http://{_loopback(config.host)}:{port}"
        return self.address

    def _build_senders(self) -> None:
        for name in self.accounts.by_name:
            self.senders[name] = Sender(
                timeout_s=self.config.delivery.timeout,
                limit=self.config.delivery.concurrency,
                open_file=file_opener(self.media, self.fetcher, self.config.media.max_file),
            )

    def link_file(self, destination: str, attachment: Attachment) -> str:
        """A signed address of a file we hold, as this destination reaches us."""
        base = self.accounts.by_name[destination].base
        return base + media_path(self.keys, attachment.file_id, destination, attachment.filename)

    def _build_intake(self) -> None:
        commands = DeskCommands(self.accounts, self.store, self.texts, wake_workers=self.wake_workers)
        self.intake = Intake(
            self.accounts,
            self.store,
            self.texts,
            self.media,
            commands,
            wake_workers=self.wake_workers,
            on_account_warning=self._on_warned,
            handover=self.handover,
        )
        self.announcer = Announcer(self.accounts, self.store, self.texts, self.intake)
        self.identities = Identities(
            self.accounts, self.store, self.senders, self.texts, intake=self.intake, announcer=self.announcer
        )
        self.resumer = Resumer(self.accounts, self.store, self.senders, self.announcer, self.config.delivery)

    async def _start_web(self, origin: str) -> None:
        config = self.config
        lookups = {
            d.name: ContactLookup(self.accounts, self.store, d.name, self.link_file) for d in self.accounts.desks()
        }
        hooks = Hooks(
            self.accounts,
            self.intake,
            lookups,
            self.metrics,
            max_body=config.max_body,
            spool=self.media.incoming,
        )
        for connection in self.accounts.by_name.values():
            if connection.settings.sandboxed:
                self.sandboxes[connection.name] = connection.bridge.sandbox(
                    SandboxOptions(
                        name=connection.name,
                        base_url=connection.bridge.context.url,
                        settings=connection.settings,
                        hooks=connection.hooks(),
                    )
                )
        metrics_token: str | None = None
        if not config.metrics.public:
            metrics_token = config.metrics.token.get_secret_value() if config.metrics.token else ""
        app = webapp.application(
            hooks=hooks,
            routes=[
                *media_routes(self.media, self.keys, max_age_s=int(config.media.links)),
                *page_routes(self.accounts, self.sandboxes, self.texts, self.readiness),
                *await self._behind_login(),
            ],
            readiness=self.readiness,
            metrics=self.metrics,
            metrics_token=metrics_token,
            sandboxes=self.sandboxes,
            max_body=config.max_body,
        )
        assert self._socket is not None
        self._front = Front(app, hooks, shutdown_timeout=5.0)
        await self._front.start(self._socket)

    async def _behind_login(self) -> Sequence[web.RouteDef]:
        """Log-in, API and pages for people; and the link with which the first of them sets it up."""
        self.database = Database(address("sqlite", self.config.data_dir))
        try:
            await self.database.connect()
        except HistoryUnavailable as e:
            # Messages do not need it. The archiver goes on trying, and pages say so meanwhile.
            log.error("%s", e)
        people = People(self.database, self.store, self.keys)
        made = behind_login(
            self.config,
            keys=self.keys,
            accounts=self.accounts,
            store=self.store,
            database=self.database,
            people=people,
            intake=self.intake,
            media=self.media,
            texts=self.texts,
            problems=self.readiness.problems,
            doctor=self._doctor,
            wake_workers=self.wake_workers,
            link_file=lambda a: media_path(self.keys, a.file_id, "panel", a.filename),
        )
        self.feed = made.services.feed
        self.archived = made.services.archived
        await self.archived.start()
        self.archiver = Archiver(self.store, self.database, holder=self.name)
        archiver = self.archiver
        self.readiness.history_problem = lambda: archiver.problem
        self._spawn(archiver.run(), "archiver")
        self._spawn(self.feed.run(), "feed")
        with contextlib.suppress(HistoryUnavailable):
            if not needs_no_login(self.config) and (secret := await people.setup_link()):
                self.setup_address = f"{self.config.public_url or self.address}/setup/{secret}"
        return made.routes

    async def _doctor(self) -> dict[str, list[Check]]:
        """What `relay doctor` would find, asked by this process."""
        report = await check_store(self.store.redis)
        found: dict[str, list[Check]] = {"store": list(report.checks)}
        for account in self.accounts.by_name.values():
            found[account.name] = await probe_one(account, self.senders[account.name])
        return found

    async def _start_workers(self) -> None:
        config = self.config
        senders: Mapping[str, Http] = self.senders
        attempts = Attempts(
            self.accounts,
            self.store,
            self.texts,
            senders,
            self.link_file,
            retries=config.delivery.retries,
            pause_s=config.delivery.pause_s,
            on_attempt=self._count_attempt,
        )
        for name in self.parts.only if self.parts.only is not None else self.accounts.by_name:
            worker = LaneWorker(
                self.store,
                name,
                partial(attempts.begin, name),
                name=self.name,
                concurrency=config.delivery.concurrency,
                on_finished=self._on_finished,
            )
            self.workers[name] = worker
            self._worker_tasks.add(self._spawn(worker.async_run(), f"worker {name}"))
        await self._revive()
        self._bell = bell(self.store, lambda destination: self.wake_workers((destination,)))
        await self._bell.start()
        pollers = Pollers(self.accounts, self.store, self.senders, self.intake, self.name)
        self._spawn(self._every(SWEEP_EVERY_S, self._sweep), "sweeper")
        self._spawn(self._every(PURGE_EVERY_S, self._purge_media), "media purge")
        self._spawn(self._every(2.0, lambda: self.resumer.look(self.name)), "resumer")
        self._spawn(self._every(IDENTITY_EVERY_S, self.identities.check), "identities")
        self._spawn(self._every(UNKNOWN_EVERY_S, self.identities.look_again), "identities not known yet")
        windows = ReplyWindowWatch(self.accounts, self.store, self.texts, self.intake, config.delivery.warn_before)
        self._spawn(self._every(LOOK_EVERY_S, lambda: windows.look(self.name)), "windows")
        for task_name, poll in pollers.all():
            self._spawn(poll, task_name)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the task %s ended: %s", task.get_name(), error, exc_info=error)

    # --- while it runs ---------------------------------------------------------------------------------------------

    def wake_workers(self, destinations: Sequence[str]) -> None:
        """Wake our own workers of these destinations."""
        for name in destinations:
            if (worker := self.workers.get(name)) is not None:
                worker.ring()

    def _count_attempt(self, destination: str, outcome: Outcome, took: float, head: Head) -> None:
        age_s = time.time() - head.at_ms / 1000
        self.metrics.attempt(destination, outcome, took, age_s)

    def _on_finished(self, destination: str, head: Head, finished: Finished, words: str) -> None:
        self.wake_workers(finished.woken)
        if finished.state_change:
            self._spawn(self.announcer.state_change(destination, finished.state_change, words), "announcement")
        if head.kind == "delete" and finished.state in ("accepted", "delivered", "read"):
            self._spawn(self.announcer.taken_back(head.delivery_id), "announcement")
        if finished.state == "failed" and finished.status != "stale":
            self._spawn(self.announcer.early_failure(head.delivery_id), "announcement")

    def _on_warned(self, connection: Account, event: AccountWarning) -> None:
        if isinstance(connection.bridge, Reclaiming):
            self._spawn(self._reclaim(connection, connection.bridge), f"reclaim {connection.name}")

    async def _reclaim(self, connection: Account, bridge: Reclaiming) -> None:
        try:
            for check in await bridge.reclaim(self.senders[connection.name], connection.hooks()):
                log.warning("%s: %s: %s %s", connection.name, check.what, check.found, check.remedy)
        except RelayError as e:
            log.warning("%s: the callback was not taken back: %s", connection.name, e)

    async def _revive(self) -> None:
        """Lanes held by processes of this machine that are gone go on at once: after a kill -9 the next start need not
        wait for leases to end."""
        dead = [w for w in await self.store.known_workers() if w != self.name and is_gone(w)]
        if dead:
            for name in self.workers:
                if lanes := await self.store.free_dead_workers_lanes(name, dead):
                    log.warning("%s: %d lanes of a process that died go on", name, lanes)
            for worker in dead:
                await self.store.unregister(worker)

    async def _sweep(self) -> None:
        for name, worker in self.workers.items():
            if armed := await self.store.sweep(name):
                log.warning("%s: %d lanes had lost their wake-up", name, armed)
                worker.ring()

    async def _purge_media(self) -> None:
        if await self.store.try_lease("purge", self.name, PURGE_EVERY_S / 2):
            await self.media.purge(self.config.retention)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (StoreUnavailable, ReplyError, OSError) as e:
                log.info("postponed: %s", e)
            await asyncio.sleep(seconds)

    async def _provision_and_say(self) -> None:
        """Register our hook addresses, and say what would not work; neither stops anything."""
        for connection in self.accounts.by_name.values():
            name, http = connection.name, self.senders[connection.name]
            for check in (*await provision_one(connection, http), *await probe_one(connection, http)):
                if check.ok is False:
                    log.warning("%s: %s: %s %s", name, check.what, check.found, check.remedy)
                elif check.changed and check.remedy:  # done, and somebody may not like it
                    log.warning("%s: %s: %s. %s", name, check.what, check.found, check.remedy)
                elif check.changed:
                    log.info("%s: %s: %s", name, check.what, check.found)

    # --- stop ------------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight, close everything. Uses up no try, loses nothing."""
        if self.feed is not None:
            self.feed.close("shutdown")  # streams would otherwise hold up everything that waits for requests to end
        beside = [t for t in self._tasks if t not in self._worker_tasks]
        await _cancel(beside)
        if self.workers:
            # The web half stays up meanwhile: what still comes in is durable, and waits for the next start.
            grace_s = self.config.delivery.timeout + 2
            await asyncio.gather(*(w.stop(grace_s) for w in self.workers.values()), return_exceptions=True)
        if self._front is not None:
            await self._front.stop()
            self._front = None
        await _cancel(list(self._tasks))
        for sender in self.senders.values():
            await sender.close()
        if hasattr(self, "fetcher"):
            await self.fetcher.close()
        if self.archived is not None:
            await self.archived.stop()
        if hasattr(self, "database"):
            await self.database.close()
        if self._bell is not None:
            await self._bell.stop()
        if hasattr(self, "store"):
            with contextlib.suppress(StoreUnavailable):
                await self.store.unregister(self.name)
            await self.store.stop()
        if self._embedded is not None:
            await self._embedded.stop()
        if self._socket is not None:
            self._socket.close()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=5.0)


async def provision_one(connection: Account, http: Http) -> list[Check]:
    """What registering this account's hooks came to; [] where the system has no such thing."""
    if not isinstance(connection.bridge, Provisioning):
        return []
    try:
        return list(await connection.bridge.provision(http, connection.hooks()))
    except RelayError as e:
        return [Check(ok=False, what="hook address", found=str(e), remedy="`relay doctor` tells more")]


async def probe_one(connection: Account, http: Http) -> list[Check]:
    """Whether this account would work; [] where the system cannot be asked."""
    if not isinstance(connection.bridge, Probing):
        return []
    try:
        return list(await connection.bridge.probe(http))
    except RelayError as e:
        return [Check(ok=False, what="reachable", found=str(e))]


def _why_not_listening(listen: str, error: OSError) -> str:
    """What to do about an address that cannot be listened on."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{listen} is in use, perhaps by another relay. End that one, or set `listen` in config.yaml "
            "to another port."
        )
    if error.errno == errno.EACCES:
        return f"This user may not listen on {listen}: ports below 1024 are reserved. Set `listen` to a higher one."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"This machine has no address {listen.rpartition(':')[0]}. Set `listen` in config.yaml to one it has, "
            "or to 0.0.0.0 for all."
        )
    return f"Cannot listen on {listen}: {error.strerror or error}."


def _loopback(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
