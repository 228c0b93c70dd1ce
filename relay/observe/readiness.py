"""Whether this process does its work: the store takes writes, the workers turn, nothing due lies about.

A worker that is alive while nothing moves is the failure that health checks usually miss (PITFALLS A20, A25), so the
age of the oldest due lane is watched too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hiredis import ReplyError

from relay.contract.errors import StoreUnavailable
from relay.observe.alarms import decoded
from relay.observe.metrics import Metrics
from relay.store.records import Destination
from relay.store.store import Store
from relay.store.told_alarms import ToldAlarms

log = logging.getLogger("relay.observe.readiness")

PROBE_EVERY_S = 3.0
# A lane that is due and untouched for so long means that nobody works, whatever the workers say.
STUCK_S = 30.0


class Turning(Protocol):
    """What works for a destination in this process."""

    @property
    def destination(self) -> str: ...

    @property
    def healthy(self) -> bool:
        """False when it should turn and does not."""
        ...


class _Named(Protocol):
    """Whatever holds the deployment's accounts; a reload changes them."""

    @property
    def by_name(self) -> Mapping[str, object]: ...


class Readiness:
    """Probes the store and the workers of this process, and fills the gauges."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        accounts: _Named,
        workers: Callable[[], Sequence[Turning]],
        *,
        expects_workers: bool,
        name: str,
        background: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.store = store
        self.metrics = metrics
        self.accounts = accounts
        self.workers = workers
        self.expects_workers = expects_workers
        self.name = name
        self.background = background
        self.started = False
        self.history_problem: Callable[[], str] = lambda: ""
        self._store_problem = "not asked yet"
        self._probed_at = 0.0
        self._stuck: list[str] = []
        self._served_elsewhere: set[str] | None = None

    @property
    def destinations(self) -> Sequence[str]:
        return list(self.accounts.by_name)

    def problems(self) -> list[str]:
        """What is wrong, as sentences; empty when ready. Asks nobody."""
        found = []
        if not self.started:
            found.append("The relay is still starting.")
        if self._store_problem:
            found.append(f"The store does not take writes: {self._store_problem}")
        elif time.monotonic() - self._probed_at > PROBE_EVERY_S * 3:
            found.append("The store has not been heard of for a while.")
        if self.expects_workers:
            found += [
                f"The worker for {w.destination} has stopped taking messages." for w in self.workers() if not w.healthy
            ]
        elif self._served_elsewhere is not None:
            idle = [d for d in self.destinations if d not in self._served_elsewhere]
            if idle:
                found.append(f"No worker serves {', '.join(idle)}; start `relay worker`.")
        found += [f"Messages for {d} are overdue and no worker is sending them." for d in self._stuck]
        found += self.background()
        return found

    def warnings(self) -> list[str]:
        """What people should know although messages go on flowing."""
        problem = self.history_problem()
        return [f"The history is behind: {problem}"] if problem else []

    async def watch(self) -> None:
        """For ever: probe, and say in the log when readiness changes."""
        was: list[str] = []
        while True:
            await self.probe()
            now = self.problems()
            if now != was:
                if now:
                    log.error("not ready: %s", " ".join(now))
                elif was:
                    log.warning("ready again")
                was = now
            await asyncio.sleep(PROBE_EVERY_S)

    async def probe(self) -> None:
        """Ask the store once."""
        try:
            await self.store.ping()
            await self.store.beat(self.name, [w.destination for w in self.workers()])
            self._stuck = await self.store.stuck(self.destinations, STUCK_S)
            if not self.expects_workers:
                self._served_elsewhere = {d for ds in (await self.store.workers()).values() for d in ds}
        except (StoreUnavailable, ReplyError) as e:
            self._store_problem = str(e)
            self.metrics.store_up.set(0)
            return
        self._store_problem = ""
        self._probed_at = time.monotonic()
        self.metrics.store_up.set(1)

    async def refresh(self) -> None:
        """Bring the gauges up to date; what cannot be asked keeps its last value."""
        try:
            for name in self.destinations:
                self._gauge(await self.store.destination(name))
            self.metrics.dead.set(await self.store.dead_count())
            told = await ToldAlarms(self.store).told()
            self.metrics.alarms.clear()
            for alarm in (decoded(raw) for raw in told.values()):
                if alarm is not None:
                    self.metrics.alarms.labels(alarm.kind.value, alarm.subject).set(1)
        except StoreUnavailable:
            self.metrics.store_up.set(0)

    def _gauge(self, d: Destination) -> None:
        self.metrics.backlog.labels(d.name).set(d.backlog)
        self.metrics.lanes.labels(d.name).set(d.lanes)
        self.metrics.oldest_s.labels(d.name).set(max(0.0, time.time() - d.oldest_ms / 1000) if d.oldest_ms else 0.0)
        self.metrics.held.labels(d.name).set(1 if d.paused or d.open_ms else 0)
