"""One process of the relay, put together: web, workers, or both, over one store.

`start`, `reload` and `stop` are the only doors. What has to be closed is put on a stack as it is opened, so that a
start that fails half-way and an orderly stop undo the same things in the same order.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from relay.config.load import Config
from relay.contract import Bridge, Check, Lookup, Reclaiming, Sandbox
from relay.contract.errors import RelayError, StoreUnavailable
from relay.contract.model import AccountWarning, Attachment, Outcome
from relay.history.archived import ArchivedPosition
from relay.history.archiver import Archiver
from relay.history.database import Database, HistoryUnavailable, address
from relay.history.pruning import keep_pruning
from relay.inbound.bodies import Spool
from relay.inbound.contact_lookup import ContactLookup
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.front import Front
from relay.inbound.handover import Handover
from relay.inbound.hooks import Hooks
from relay.inbound.intake import Intake
from relay.media.fetcher import Fetcher
from relay.media.library import MediaStore
from relay.media.links import media_path
from relay.media.room import room_problems
from relay.media.serving import media_routes
from relay.observe.metrics import Metrics
from relay.observe.readiness import Readiness
from relay.outbound.attempt import Attempts
from relay.outbound.lane_worker import LaneWorker, worker_id
from relay.people.people import People
from relay.routing.accounts import Account, Accounts
from relay.service.account_identity import Identities
from relay.service.alarms.setting_up import alarm_watch, teller_of_desks
from relay.service.announcer import Announcer
from relay.service.deployment import Deployment, Difference, difference
from relay.service.listening import listen
from relay.service.opening import open_store
from relay.service.outage_watch import LOOK_EVERY_S as OUTAGES_EVERY_S
from relay.service.outage_watch import OutageWatch
from relay.service.pollers import Pollers
from relay.service.provisioning import probe_one, provision_and_say
from relay.service.reply_windows import LOOK_EVERY_S, ReplyWindowWatch
from relay.service.resumer import Resumer
from relay.service.sandboxes import addresses_of, mounted
from relay.service.tasks import Supervisor
from relay.service.upkeep import PURGE_EVERY_S, SWEEP_EVERY_S, Upkeep
from relay.store import belonging
from relay.store.records import Finished, Head
from relay.store.server.checks import check_store
from relay.store.store import bell
from relay.texts.templates import Templates
from relay.transport.file_parts import file_opener
from relay.transport.names import Names
from relay.transport.sender import Sender
from relay.web import application as webapp
from relay.web.assets import assets
from relay.web.behind_login import behind_login, needs_no_login
from relay.web.feed.reader import FeedReader
from relay.web.start_page import page_routes

log = logging.getLogger("relay.service.service")

RESUME_EVERY_S = 2.0
IDENTITY_EVERY_S = 600.0
UNKNOWN_EVERY_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRole:
    """Which halves this process is. `only`: the destinations it works for; None: all."""

    web: bool = True
    workers: bool = True
    only: tuple[str, ...] | None = None


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
        self.sandboxes: Mapping[str, Sandbox] = {}
        self.lookups: dict[str, Lookup] = {}
        self.address = ""
        self.feed: FeedReader | None = None
        self.archived: ArchivedPosition | None = None
        self.setup_address = ""  # where the first user is made, while there is none; a secret
        self.warnings: list[str] = []
        self.background = Supervisor()
        self._stack = contextlib.AsyncExitStack()
        self._reloading = asyncio.Lock()
        self.running = False

    # --- start -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring everything up. Raises RelayError or OSError with a sentence; what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight, close everything. Uses up no try, loses nothing."""
        self.running = False
        if self.feed is not None:
            self.feed.close("shutdown")  # streams would otherwise hold up everything that waits for requests to end
        await self._stack.aclose()

    async def _start(self) -> None:
        config = self.config
        origin = config.local_url
        self._stack.push_async_callback(self.background.stop)  # of a start that fails; an orderly stop begins with it
        if self.parts.web:
            self._listener, origin = listen(config)
            self._stack.callback(self._listener.close)
            self.address = origin
        await self._open_store()
        self.deployment = Deployment(config=config, kinds=self.kinds, keys=self.keys, texts=self.texts, origin=origin)
        self.accounts = self.deployment.accounts()
        for name in await self.store.orphans(self.accounts.by_name):
            self.warnings.append(
                f'store: messages wait for "{name}", which is not in {config.path.name}. Put it back to send them.'
            )
        await self._allot_bot_ids(self.accounts)
        self.media = MediaStore(config.data_dir / "media")
        await self.media.prepare()
        self.spool = Spool(self.media.incoming)
        self.spool.prepare()
        self._stack.callback(self.spool.close)
        self.names = Names()
        self._stack.push_async_callback(self.names.close)
        # Files of customers in our own sandboxes are on this very server.
        own = addresses_of(self.accounts, origin)
        self.fetcher = Fetcher(
            self.spool.folder, allow_private=own, timeout_s=config.media.fetch_timeout, resolver=self.names
        )
        self._stack.push_async_callback(self.fetcher.close)
        self._stack.push_async_callback(self._close_senders)
        for name in self.accounts.by_name:
            self.senders[name] = self._sender()
        self._build_intake()
        self.readiness = Readiness(
            self.store,
            self.metrics,
            self.accounts,
            lambda: list(self.workers.values()),
            expects_workers=self.parts.workers,
            name=self.name,
            background=lambda: [*self.background.problems(), *room_problems(self.media.directory)],
        )
        if self.parts.web:
            await self._start_web(origin)
        if self.parts.workers:
            # Before anything is sent: it might be sent to the wrong customers.
            await self.identities.at_start()
            await self._start_workers()
        # What goes on beside hooks and lanes ends first.
        self._stack.push_async_callback(self.background.stop)
        self.background.keep("readiness", self.readiness.watch)
        if self.parts.web:
            self._start_alarms()
        await self.readiness.probe()
        self.readiness.started = True
        if self._embedded is not None:
            self.background.keep("embedded store", self._embedded.keep_running)
        if self.parts.web and config.provision:
            self.background.once(provision_and_say(list(self.accounts.by_name.values()), self.senders), "provision")
        self.running = True
        # Long-lived objects leave the collector's sight, and it looks less often: measured x1.15 to x1.3.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)

    async def _open_store(self) -> None:
        # In a process that is both halves, a lane armed here is rung here; others hear of it by their own poll.
        everything = self.parts.web and self.parts.workers and self.parts.only is None
        self.store, self._embedded = await open_store(self.config, tell_others=not everything)
        if self._embedded is not None:
            self._stack.push_async_callback(self._embedded.stop)
        self._stack.push_async_callback(self._leave_store)
        report = await check_store(self.store.redis)
        if report.must_refuse and self._embedded is None:
            raise StoreUnavailable(f"the store {self.config.store}: {report.must_refuse}")
        await belonging.claim(self.store, self.config.data_dir)
        self.warnings += [f"store: {c.what}: {c.found}. {c.remedy}" for c in report.checks if c.ok is False]

    async def _allot_bot_ids(self, accounts: Accounts) -> None:
        channels = accounts.channels()
        names = [c.name for c in channels]
        # Those that are configured first, so that none of them is allotted to another.
        for channel in sorted(channels, key=lambda c: c.configured_bot_id is None):
            try:
                channel.bot_id = await self.store.bot_id(channel.name, channel.configured_bot_id, among=names)
            except ValueError as e:
                raise RelayError(f"{e} in config.yaml.") from None

    async def _leave_store(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self.store.unregister(self.name)
        await self.store.stop()

    def _sender(self) -> Sender:
        return Sender(
            timeout_s=self.config.delivery.timeout,
            limit=self.config.delivery.concurrency,
            open_file=file_opener(self.media, self.fetcher, self.config.media.max_file),
            names=self.names,
        )

    async def _close_senders(self) -> None:
        for sender in self.senders.values():
            await sender.close()

    def link_file(self, destination: str, attachment: Attachment) -> str:
        """A signed address of a file we hold, as this destination reaches us."""
        account = self.accounts.by_name[destination]
        path = media_path(self.keys, attachment.file_id, destination, attachment.filename, lasting=account.is_desk)
        return account.base + path

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
        for desk in self.accounts.desks():
            self._add_lookup(desk.name)
        self.hooks = Hooks(
            self.accounts,
            self.intake,
            self.lookups,
            self.metrics,
            max_body=config.max_body,
            max_file=config.media.max_file,
            spool=self.spool,
            trusted_proxies=config.trusted_proxies,
        )
        self.sandboxes, fetcher = mounted(
            self.accounts,
            self.spool.folder,
            origin,
            config.base_url,
            timeout_s=config.media.fetch_timeout,
            locale=config.locale,
        )
        self._stack.push_async_callback(fetcher.close)
        metrics_token: str | None = None
        if not config.metrics.public:
            metrics_token = config.metrics.token.get_secret_value() if config.metrics.token else ""
        app = webapp.application(
            hooks=self.hooks,
            routes=[
                *media_routes(self.media, self.keys, max_age_s=int(config.media.links)),
                *await self._behind_login(),
            ],
            readiness=self.readiness,
            metrics=self.metrics,
            metrics_token=metrics_token,
            sandboxes=self.sandboxes,
            max_body=config.max_body,
            keys=self.keys,
        )
        front = Front(app, self.hooks, shutdown_timeout=5.0)
        self._stack.push_async_callback(front.stop)
        await front.start(self._listener)

    def _add_lookup(self, desk: str) -> None:
        self.lookups[desk] = ContactLookup(self.accounts, self.store, desk, self.link_file)

    async def _behind_login(self) -> Sequence[web.RouteDef]:
        """Log-in, API and pages for people; and the link with which the first of them sets it up."""
        if self.config.history.off:
            return ()  # nothing is kept, so there are no users either
        self.database = Database(address(self.config.history.store, self.config.data_dir))
        self._stack.push_async_callback(self.database.close)
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
        self._stack.push_async_callback(self.archived.stop)
        await self.archived.start()
        self.archiver = Archiver(self.store, self.database, holder=self.name)
        archiver = self.archiver
        self.readiness.history_problem = lambda: archiver.problem
        self.background.keep("archiver", archiver.run)
        self.background.keep("pruning", partial(keep_pruning, self.store, self.database, self.config.history.keep))
        self.background.keep("feed", self.feed.run)
        with contextlib.suppress(HistoryUnavailable):
            if not needs_no_login(self.config) and (secret := await people.setup_link()):
                self.setup_address = f"{self.config.public_url or self.address}/setup/{secret}"
        return [*made.routes, *page_routes(self.accounts, self.sandboxes, self.texts, assets(), made.gate)]

    def _start_alarms(self) -> None:
        """Tell people what is wrong; of several processes one does."""
        sender = self._sender()
        self._stack.push_async_callback(sender.close)

        async def tell(desk: str, text: str, seen: str) -> None:
            await self.intake.tell(desk, text, 0, seen=seen)

        alarms = alarm_watch(
            self.config,
            self.store,
            self.texts,
            holder=self.name,
            names=lambda: self.accounts.by_name,
            http=sender,
            tell_desks=teller_of_desks(self.accounts, tell),
            history_problem=self.readiness.history_problem,
            wrong_hook_secrets=self.hooks.refused_hooks.lately,
        )
        self._stack.push_async_callback(alarms.close)
        self.background.keep("alarms", alarms.watch)

    async def _doctor(self) -> dict[str, list[Check]]:
        """What `relay doctor` would find, asked by this process."""
        report = await check_store(self.store.redis)
        found: dict[str, list[Check]] = {"store": list(report.checks)}
        for account in self.accounts.by_name.values():
            found[account.name] = await probe_one(account, self.senders[account.name])
        return found

    async def _start_workers(self) -> None:
        config, background = self.config, self.background
        self.attempts = Attempts(
            self.accounts,
            self.store,
            self.texts,
            self.senders,
            self.link_file,
            retries=config.delivery.retries,
            pause_s=config.delivery.pause_s,
            on_attempt=self._count_attempt,
        )
        self._turning = Supervisor()
        self._stack.push_async_callback(self._stop_workers)
        for name in self.parts.only if self.parts.only is not None else self.accounts.by_name:
            self._start_worker(name)
        shown_s = 0 if config.history.off else config.history.keep
        upkeep = Upkeep(self.store, self.media, self.workers, self.name, max(config.retention, shown_s))
        await upkeep.revive()
        ringing = bell(self.store, lambda destination: self.wake_workers((destination,)))
        self._stack.push_async_callback(ringing.stop)
        await ringing.start()
        self.windows = ReplyWindowWatch(self.accounts, self.store, self.texts, self.intake, config.delivery.warn_before)
        self.pollers = Pollers(self.accounts, self.store, self.senders, self.intake, self.name)
        self._stack.push_async_callback(background.stop)
        background.every(SWEEP_EVERY_S, "sweeper", upkeep.sweep)
        background.every(PURGE_EVERY_S, "media purge", upkeep.purge_media)
        background.every(RESUME_EVERY_S, "resumer", lambda: self.resumer.look(self.name))
        outages = OutageWatch(self.accounts, self.store, self.announcer)
        background.every(OUTAGES_EVERY_S, "outages", lambda: outages.look(self.name))
        background.every(IDENTITY_EVERY_S, "identities", self.identities.check)
        background.every(UNKNOWN_EVERY_S, "identities not known yet", self.identities.look_again)
        background.every(LOOK_EVERY_S, "reply windows", lambda: self.windows.look(self.name))
        for name in self.pollers.needed():
            background.keep(f"poller {name}", partial(self.pollers.run, name))

    def _start_worker(self, name: str) -> None:
        worker = LaneWorker(
            self.store,
            name,
            partial(self.attempts.begin, name),
            name=self.name,
            concurrency=self.config.delivery.concurrency,
            on_finished=self._on_finished,
        )
        self.workers[name] = worker
        self._turning.keep(f"worker {name}", worker.async_run)

    async def _stop_workers(self) -> None:
        # The web half stays up meanwhile: what still comes in is durable, and waits for the next start.
        grace_s = self.config.delivery.timeout + 2
        await asyncio.gather(*(w.stop(grace_s) for w in self.workers.values()), return_exceptions=True)
        await self._turning.stop()

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
            said = self.announcer.state_change(destination, finished.state_change, words)
            self.background.once(said, "announcement")
        if head.kind == "delete" and finished.state in ("accepted", "delivered", "read"):
            self.background.once(self.announcer.taken_back(head.delivery_id), "announcement")
        if finished.state == "failed" and finished.status != "stale":
            self.background.once(self.announcer.early_failure(head.delivery_id), "announcement")

    def _on_warned(self, account: Account, event: AccountWarning) -> None:
        if isinstance(account.bridge, Reclaiming):
            self.background.once(self._reclaim(account, account.bridge), f"reclaim {account.name}")

    async def _reclaim(self, account: Account, bridge: Reclaiming) -> None:
        try:
            for check in await bridge.reclaim(self.senders[account.name], account.hooks()):
                log.warning("%s: %s: %s %s", account.name, check.what, check.found, check.remedy)
        except RelayError as e:
            log.warning("%s: the callback was not taken back: %s", account.name, e)

    # --- another configuration -------------------------------------------------------------------------------------

    async def reload(self, config: Config) -> Difference:
        """Go on with another configuration: hooks, lanes and what is in flight are not disturbed.

        Raises RelayError, and changes nothing, when something differs that only a start can change.
        """
        async with self._reloading:
            found = difference(self.config, config)
            if found.needs_restart:
                what = ", ".join(found.needs_restart)
                raise RelayError(f"Nothing was changed: {what} can only be changed by a restart.")
            deployment = self.deployment.with_config(config)
            accounts = deployment.accounts()
            await self._allot_bot_ids(accounts)
            for name in found.added:
                self.senders[name] = self._sender()
                if accounts.by_name[name].is_desk:
                    self._add_lookup(name)
            # From here to the next await nothing else runs: no event sees half of it.
            self.accounts.become(accounts)
            self.config, self.deployment = config, deployment
            if self.parts.web:
                self.hooks.refresh()
            if self.parts.workers:
                self._change_delivery()
                await self._change_workers(found)
            for name in found.removed:
                self.lookups.pop(name, None)
                await self.senders.pop(name).close()
            if self.parts.web and config.provision:
                asked = [self.accounts.by_name[n] for n in (*found.added, *found.changed)]
                self.background.once(provision_and_say(asked, self.senders), "provision")
            return found

    def _change_delivery(self) -> None:
        delivery = self.config.delivery
        self.attempts.retries, self.attempts.pause_s = delivery.retries, delivery.pause_s
        self.windows.warn_before_ms = int(delivery.warn_before * 1000)
        self.attempts.refresh()

    async def _change_workers(self, found: Difference) -> None:
        for name in (*found.removed, *found.changed):
            await self.background.end(f"poller {name}")
        for name in found.removed:
            if (worker := self.workers.pop(name, None)) is not None:
                await worker.stop(self.config.delivery.timeout + 2)
                await self._turning.end(f"worker {name}")
        if self.parts.only is None:
            for name in found.added:
                self._start_worker(name)
        for name in self.pollers.needed():
            if name in (*found.added, *found.changed):
                self.background.keep(f"poller {name}", partial(self.pollers.run, name))
