"""The arq worker of one destination, taught to drain lanes.

arq stays the timer and the alarm clock: its queue (a sorted set of job ids by due time) and its job records are used
as they are, and its `Worker` keeps count of tasks and jobs. Replaced is what costs four round trips a job and loses
messages (PITFALLS A1 to A28): claiming is one script for a batch, finishing is one script that also hands out the
lane's next message, a running job's score is the end of its lease, and no error of the store ends the loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import orjson
from arq.connections import ArqRedis
from arq.worker import Worker, func
from hiredis import ReplyError
from msgspec.structs import replace

from relay.contract.errors import StoreUnavailable
from relay.outbound.slots import Slots
from relay.store.records import Finish, Finished, Head, LeasedLane
from relay.store.store import Store

log = logging.getLogger("relay.outbound.lane_worker")

# Idle, a worker is woken by the bell; this poll only mends a bell that was not heard.
IDLE_POLL_S = 2.0
CLAIM_BATCH = 64
# So many lanes more than places are held, as a share of the places.
PREFETCH = 0.25
# How soon it is asked again whether every reserve of a broken connection has come to its end.
REGAIN_PAUSE_S = 0.05
# A long lane gives its slot back after so many messages, so that others get their turn.
FAIR_SHARE = 10
# So often what came of an attempt may fail to be judged before a person has to look.
UNJUDGED_TRIES = 3


class Attempt(Protocol):
    """One attempt, worded. `send` is called once, then `finish`; neither raises but for cancellation."""

    async def send(self) -> None:
        """Takes as long as the destination does: only this is done while holding one of its places."""
        ...

    def finish(self) -> Finish:
        """What to write of it."""
        ...


Begin = Callable[[LeasedLane, Head, bool], Attempt]
"""(lane, head, probing) -> the next attempt at it"""


def worker_id() -> str:
    """Names this process in leases and heartbeats."""
    return f"{socket.gethostname()}-{_where()}-{os.getpid()}-{secrets.token_hex(3)}"


def _where() -> str:
    """Tells machines, starts of a machine and containers apart that share a host name; process numbers mean something
    only within one of them. "0" where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return hashlib.blake2s(f"{boot} {Path('/proc/self/ns/pid').readlink()}".encode(), digest_size=6).hexdigest()
    except OSError:
        return "0"


def is_gone(worker: str) -> bool:
    """Whether a process named by `worker_id` is known to be dead: of this host, and no such process, or one that has
    our own number. Of other hosts nothing is known."""
    host, where, pid, _ = worker.rsplit("-", 3) if worker.count("-") > 2 else ("", "", "0", "")
    if (host, where) != (socket.gethostname(), _where()):
        return False
    if int(pid) == os.getpid():
        return True  # in a container every start has the same number
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


async def _drain(ctx: dict[str, Any], destination: str, number: int, generation: int) -> None:  # pragma: no cover
    """The name arq knows our job by. LaneWorker runs lanes itself; a stock arq worker must not touch the queue."""
    raise RuntimeError("this queue is served by `relay worker`, not by a plain arq worker")


def _unreadable(head: Head, error: Exception) -> Finish:
    words = f"This version cannot read it: {type(error).__name__}: {error}"[:300]
    return Finish(verdict="dead", reason="unreadable", words=words, line=_line("dead", "unreadable", words))


def _unjudged(head: Head, error: Exception) -> Finish:
    """It may have arrived, and nobody can say: a try is used up, so that this too comes to an end."""
    words = f"{type(error).__name__}: {error}"[:300]
    return Finish(
        verdict="dead" if head.tries >= UNJUDGED_TRIES else "retry", reason="bug", words=words, delay_ms=60_000,
        progress=head.progress, line=_line("retry", "bug", words),
    )  # fmt: skip


def _line(what: str, reason: str, words: str) -> bytes:
    return orjson.dumps(
        {"at": int(time.time() * 1000), "what": what, "reason": reason, "words": words, "certain": reason != "bug"}
    )


class LaneWorker(Worker):
    """Drains the lanes of one destination, with `concurrency` attempts at a time."""

    def __init__(
        self,
        store: Store,
        destination: str,
        begin: Begin,
        *,
        name: str,
        concurrency: int = 100,
        on_finished: Callable[[str, Head, Finished, str], None] | None = None,
        on_unknown_job: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            functions=[func(_drain, name="drain", keep_result=0, max_tries=1_000_000)],
            queue_name=store.key(f"arq:{destination}"),
            redis_pool=ArqRedis(
                pool_or_conn=store.redis.connection_pool,
                job_serializer=orjson.dumps,
                job_deserializer=orjson.loads,
                default_queue_name=store.key(f"arq:{destination}"),
            ),
            handle_signals=False,
            max_jobs=concurrency + math.ceil(concurrency * PREFETCH),
            keep_result=0,
            poll_delay=IDLE_POLL_S,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            log_results=False,
        )
        self.store = store
        self.destination = destination
        self.name = name
        self.lanes: dict[str, LeasedLane] = {}
        self.healthy = False
        self.state = ""
        self._begin = begin
        self._slots = Slots(concurrency)
        self._on_finished = on_finished
        self._on_unknown_job = on_unknown_job
        self._sleeper: asyncio.Future[None] | None = None
        self._rung = False
        self._full = False  # the last turn found it holding all the lanes it may
        self._connection = store.wire.connections  # the one whose answers have all come
        self._claiming = asyncio.Lock()
        self._again: dict[str, tuple[LeasedLane, bool]] = {}  # taken anew in mid-turn, and `probing`
        self._promised = 0
        self._last_words: set[asyncio.Task[None]] = set()

    def ring(self) -> None:
        """The doorbell: a lane was armed. Cheap, callable at any time."""
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    # --- lanes given at acceptance ----------------------------------------------------------------------------------

    def reserve(self) -> bool:
        """Whether a lane may be given to this worker at once; `take` or `cancel_reservation` must follow."""
        if self.allow_pick_jobs and self.healthy and len(self.tasks) + self._promised < self.max_jobs:
            self._promised += 1
            return True
        return False

    def cancel_reservation(self) -> None:
        """The lane did not come after all."""
        self._promised -= 1
        if self._full:
            self.ring()

    def take(self, lane: LeasedLane) -> None:
        """Start a lane that acceptance has given to us."""
        if self.allow_pick_jobs:
            self._start(lane, probing=False)
        else:
            self._last_words.add(task := self.loop.create_task(self._give_back(lane)))
            task.add_done_callback(self._last_words.discard)

    async def _give_back(self, lane: LeasedLane) -> None:
        try:
            await self.store.release(self.destination, [lane])
        except (StoreUnavailable, ReplyError) as e:
            log.info("%s: #%s goes on when its lease ends: %s", self.destination, lane.number, e)

    async def main(self) -> None:
        """Until cancelled. Survives every error of the store (PITFALLS A19)."""
        self.loop = asyncio.get_running_loop()
        renewing = self.loop.create_task(self._renew())
        try:
            while True:
                try:
                    pause = await self._turn()
                except StoreUnavailable as e:
                    if self.healthy:
                        log.warning("%s: %s", self.destination, e)
                    self.healthy = False
                    await self.store.wire.pause(0.5)
                    pause = 0.0
                except Exception as e:
                    # Also of a bug of ours: a process that lives while its worker is dead is the worst of all.
                    why = "the store does not understand us" if isinstance(e, ReplyError) else "a bug in claiming"
                    log.exception("%s: %s", self.destination, why)
                    self.healthy = False
                    pause = 2.0
                    self._rung = False
                await self._sleep(pause)
        finally:
            renewing.cancel()

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, let what is in flight finish for at most `grace_s`, then stop. Uses up no try."""
        self.allow_pick_jobs = False
        self._slots.close()
        async with self._claiming:
            pass  # what a claim on its way brings is given back, not begun after we have looked at what is in flight
        if self.tasks:
            await asyncio.wait(list(self.tasks.values()), timeout=grace_s)
        left = [t for t in self.tasks.values() if not t.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        if self.main_task is not None:
            self.main_task.cancel()

    # --- one turn of the loop ---------------------------------------------------------------------------------------

    async def _turn(self) -> float:
        """Claim what is due and start it. Returns the seconds until something is due."""
        free = self.max_jobs - len(self.tasks) - self._promised
        self._full = free <= 0
        # Also when there is nothing to do about it now: a bell that stays rung would turn this loop without a pause for
        # as long as all places are taken.
        self._rung = False
        if not self.allow_pick_jobs or self._full:
            return IDLE_POLL_S  # a lane that ends rings
        if self._connection != self.store.wire.connections and not await self._regain():
            return REGAIN_PAUSE_S
        want = min(free, CLAIM_BATCH)
        async with self._claiming:
            claimed = await self.store.claim(self.destination, self.name, want)
            if not self.allow_pick_jobs:
                # Told to stop while this claim was on its way: nothing of it has been sent, others may have it at once.
                await self.store.release(self.destination, [x for x in claimed.lanes if x.job not in self.tasks])
                return IDLE_POLL_S
            self.healthy = True
            self.state = claimed.state
            for lane in claimed.lanes:
                self._start(lane, probing=claimed.state == "probe")
        if len(claimed.lanes) == want and claimed.state != "probe":
            return 0.0
        if claimed.next_due_ms < 0:
            return IDLE_POLL_S
        return min(max((claimed.next_due_ms - claimed.now_ms) / 1000, 0.001), IDLE_POLL_S)

    async def _regain(self) -> bool:
        """After a connection that broke: lanes that were given to us in answers that were lost with it. False while one
        may still be on its way by acceptance; meanwhile no more are reserved."""
        self.healthy = False
        if self._promised:
            return False
        connection = self.store.wire.connections
        if lanes := await self.store.reclaim_lost_replies(self.destination, self.name, self.tasks):
            log.info("%s: %d lanes of ours were in answers that got lost", self.destination, lanes)
        self._connection = connection
        return True

    async def _sleep(self, seconds: float) -> None:
        if self._rung or seconds <= 0:
            await asyncio.sleep(0)
            return
        self._sleeper = self.loop.create_future()
        timer = self.loop.call_later(seconds, self._wake)
        try:
            await self._sleeper
        finally:
            timer.cancel()
            self._sleeper = None

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    # --- one lane ---------------------------------------------------------------------------------------------------

    def _start(self, lane: LeasedLane, *, probing: bool) -> None:
        if lane.job in self.tasks:
            # Our own lease ran out while the store was away, and nobody else took the lane: the attempt in flight goes
            # on under the new token. Giving it up would send what has just been sent a second time. Or the old turn has
            # given the lane back and not quite ended: then `_ended` begins anew.
            # The attempt in flight looks at its own.
            self.lanes[lane.job].lease.until = lane.lease.until
            self.lanes[lane.job] = lane
            self._again[lane.job] = (lane, probing)
            return
        run = self._drain_lane(lane, probing) if lane.head is not None and not lane.unknown_job else self._bury(lane)
        task = asyncio.Task(run, loop=self.loop, name="lane")  # `create_task` would first make up a name
        self.tasks[lane.job] = task
        self.lanes[lane.job] = lane
        task.add_done_callback(lambda t: self._ended(lane.job, t))

    def _ended(self, job: str, task: asyncio.Task[None]) -> None:
        self.tasks.pop(job, None)
        self.lanes.pop(job, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.jobs_failed += 1
            log.error("%s: lane %s ended with a bug", self.destination, job, exc_info=error)
        if (again := self._again.pop(job, None)) is not None:
            if self.allow_pick_jobs:
                self._start(again[0], probing=again[1])
            else:
                self.take(again[0])  # gives it back
        if self._full:
            self.ring()

    async def _drain_lane(self, lane: LeasedLane, probing: bool) -> None:
        head = lane.head
        done = 0
        while head is not None:
            try:
                attempt: Attempt | None = self._begin(lane, head, probing)
            except Exception as e:
                # What this version cannot read would begin anew at every lease's end, for ever.
                log.exception("%s: %s cannot be read", self.destination, head.delivery_id)
                attempt, what = None, _unreadable(head, e)
            if attempt is not None and not await self._slots.take():
                await self._give_back(self.lanes.get(lane.job, lane))
                return
            if attempt is not None:
                try:
                    await attempt.send()
                finally:
                    self._slots.release()
                try:
                    what = attempt.finish()
                except Exception as e:
                    log.exception("%s: what became of %s cannot be judged", self.destination, head.delivery_id)
                    what = _unjudged(head, e)
            done += 1
            go_on = self.allow_pick_jobs and done < FAIR_SHARE and not probing
            finished = await self._finish(lane, head, what, go_on)
            if self._on_finished is not None:
                self._on_finished(self.destination, head, finished, what.words)
            if finished.status == "stale":
                log.warning("%s: #%s was taken over by another worker", self.destination, lane.number)
                return
            if finished.status == "asleep":
                # The loop may be asleep past the moment this lane is due again.
                self.jobs_retried += 1
                self.ring()
                return
            head = finished.head
            if lane.taken_over:
                lane = replace(lane, taken_over=False)  # only the message in flight when its holder died is in doubt
        self.jobs_complete += 1

    async def _finish(self, lane: LeasedLane, head: Head, what: Finish, go_on: bool) -> Finished:
        """Write the result, however long the store is away: what was sent must not be sent again for want of a note."""
        pause = 0.1
        what = what if go_on else replace(what, go_on=False)
        while True:
            held = self.lanes.get(lane.job, lane)
            try:
                finished = await self.store.finish(self.destination, held, head.delivery_id, what)
                if finished.status == "stale" and self.lanes.get(lane.job, held).token != held.token:
                    continue  # we took the lane anew ourselves in the meantime
                if (again := self._again.get(lane.job)) is not None and again[0].token == held.token:
                    del self._again[lane.job]  # this turn goes on with it
                return finished
            except StoreUnavailable as e:
                log.warning("%s: cannot note the result for #%s yet: %s", self.destination, lane.number, e)
                await self.store.wire.pause(pause)
                pause = min(pause * 2, 2.0)
            except ReplyError as e:
                # Ending here would send the same message again at every lease's end. So the lane keeps its result, and
                # the destination waits for a person.
                log.exception("%s: the store refuses the result for #%s", self.destination, lane.number)
                await self._pause_for(e)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)

    async def _pause_for(self, error: ReplyError) -> None:
        try:
            await self.store.pause(self.destination, "store_refuses", f"The store refuses a result: {error}"[:300])
        except (StoreUnavailable, ReplyError) as e:
            log.warning("%s cannot be paused: %s", self.destination, e)

    async def _bury(self, lane: LeasedLane) -> None:
        did = await self.store.drop_unknown_job(self.destination, lane.job, lane.unknown_job)
        self.jobs_failed += 1
        log.error("%s: unknown job %s became dead letter %s", self.destination, lane.job, did)
        if self._on_unknown_job is not None:
            self._on_unknown_job(did)

    async def _renew(self) -> None:
        every = self.store.lease_ms / 3000
        while True:
            await asyncio.sleep(every)
            held = [lane for lane in self.lanes.values() if lane.head is not None]
            if not held:
                continue
            try:
                await self.store.renew(self.destination, held)
            except (StoreUnavailable, ReplyError) as e:
                log.warning("%s: leases not renewed: %s", self.destination, e)
