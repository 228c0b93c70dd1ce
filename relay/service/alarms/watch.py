"""The one watcher of a deployment: looks every few seconds, compares with what people were told, tells the difference.

What was told is kept in the store, so that a restart tells nobody twice and another process can take over. While the
store is away the watcher tells from memory: that is the very moment people must hear of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from relay.contract.errors import StoreUnavailable
from relay.observe import alarms
from relay.observe.alarms import Alarm, Facts, Limits

log = logging.getLogger("relay.alarms")

LOOK_EVERY_S = 5.0
LEASE_S = 30.0
RETRY_PAUSES_S = (5.0, 30.0, 120.0, 600.0)


class ToldAlarms(Protocol):
    """What people were told last, kept in the store. Both raise StoreUnavailable."""

    async def told(self) -> dict[str, bytes]: ...

    async def remember(self, raised: Mapping[str, bytes], over: list[str]) -> None: ...

    async def mine(self, holder: str, ttl_s: float) -> bool:
        """Whether this process is the watcher for the next `ttl_s` seconds."""
        ...


class Teller(Protocol):
    """One way to reach people: desks, a webhook, e-mail."""

    name: str

    async def tell(self, alarm: Alarm, *, over: bool, message_id: str) -> bool:
        """Whether it was taken. May raise; the watcher tries again. `message_id` stays the same over the tries."""
        ...


class AlarmWatch:
    """Built with where to look and whom to tell; `look` once, or `watch` for ever."""

    def __init__(
        self,
        facts: Callable[[], Awaitable[Facts]],
        kept: ToldAlarms,
        tellers: tuple[Teller, ...],
        limits: Limits,
        *,
        holder: str,
        settle_s: float = 5.0,
    ) -> None:
        """`settle_s`: how long something must be wrong before it is told, and right before it is over."""
        self.facts = facts
        self.kept = kept
        self.tellers = tellers
        self.limits = limits
        self.holder = holder
        self.settle_s = settle_s
        self.raised: dict[str, Alarm] = {}  # as people know it
        self.since: dict[str, float] = {}
        self._changed_at: dict[str, float] = {}  # key -> since when it differs from what was told; monotonic
        self._telling: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once, and start telling what has changed."""
        facts = await self.facts()
        try:
            if not await self.kept.mine(self.holder, LEASE_S):
                return
            self.raised = {
                key: alarm
                for key, raw in (await self.kept.told()).items()
                if (alarm := alarms.decoded(raw)) is not None
            }
        except StoreUnavailable as e:
            facts = msgspec.structs.replace(facts, store_problem=facts.store_problem or str(e))
        found = alarms.changes(self.raised, alarms.current(facts, self.limits), alarms.unknown_kinds(facts))
        ready = self._settled(found)
        if not ready.raised and not ready.over:
            return
        now_s = int(time.time())
        ready = alarms.Changes(
            raised=tuple(
                msgspec.structs.replace(a, since=self.raised[a.key].since if a.key in self.raised else now_s)
                for a in ready.raised
            ),
            over=ready.over,
        )
        try:
            await self.kept.remember({a.key: msgspec.json.encode(a) for a in ready.raised}, [a.key for a in ready.over])
        except StoreUnavailable as e:
            log.warning("what people were told could not be noted: %s", e)
        for alarm in alarms.order(ready.raised):
            self.raised[alarm.key] = alarm
            self._tell(alarm, over=False)
        for alarm in alarms.order(ready.over):
            self.raised.pop(alarm.key, None)
            self._tell(alarm, over=True)

    def _settled(self, found: alarms.Changes) -> alarms.Changes:
        now = time.monotonic()
        keys = {a.key for a in (*found.raised, *found.over)}
        self._changed_at = {k: self._changed_at.get(k, now) for k in keys}
        old = {k for k, since in self._changed_at.items() if now - since >= self.settle_s}
        return alarms.Changes(
            raised=tuple(a for a in found.raised if a.key in old), over=tuple(a for a in found.over if a.key in old)
        )

    def _tell(self, alarm: Alarm, *, over: bool) -> None:
        log.warning("%s: %s %s", "over" if over else "alarm", alarm.key, dict(alarm.facts))
        message_id = f"alarm_{alarm.kind.value}_{'over' if over else 'raised'}_{time.time_ns():x}"
        for teller in self.tellers:
            task = asyncio.create_task(self._reach(teller, alarm, over, message_id), name=f"alarm by {teller.name}")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _reach(self, teller: Teller, alarm: Alarm, over: bool, message_id: str) -> None:
        for pause in (*RETRY_PAUSES_S, None):
            try:
                if await teller.tell(alarm, over=over, message_id=message_id):
                    return
                why = "was not taken"
            except Exception as e:
                why = str(e) or type(e).__name__
            if pause is None:
                log.error("the alarm %s could not be told by %s: %s", alarm.key, teller.name, why)
                return
            log.warning("the alarm %s is not told by %s yet: %s", alarm.key, teller.name, why)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Give up what is still being told."""
        for task in list(self._telling):
            task.cancel()
        if self._telling:
            await asyncio.wait(self._telling)
