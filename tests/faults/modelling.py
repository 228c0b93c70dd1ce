"""The store against a model: experiment 21. Any order of receiving, failing, succeeding, crashing, sweeping, replaying,
pausing: nothing is lost, order holds, tries are counted, one holder a lane."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from relay.contract.model import Kind
from relay.store.records import Breaker, Finish, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.faults.experiment import Report, experiment
from tests.harness import StoreServer

DESK = "desk"
RETRIES = 3
LANES = st.integers(min_value=1, max_value=3)
WORKERS = st.sampled_from(["w1", "w2"])


class Lanes(RuleBasedStateMachine):
    """The model of a lane is a list of messages; `held` is what living workers believe they hold."""

    server: ClassVar[StoreServer]
    loop: ClassVar[asyncio.AbstractEventLoop]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.server.command("FLUSHALL")
        self.store = Store(
            StoreAddress.parse(self.server.url), lease_s=3600, breaker=Breaker(failures=0), tell_others=False
        )
        self.run(self.store.start())
        self.waiting: dict[int, list[str]] = defaultdict(list)  # delivery ids in order
        self.tries: dict[str, int] = defaultdict(int)
        self.dead: list[tuple[str, int]] = []
        self.sent: set[str] = set()
        self.held: list[tuple[str, LeasedLane]] = []  # (worker, lane) that may still write
        self.stale: list[LeasedLane] = []  # of crashed or suspended workers
        self.paused = False
        self.accepted = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.store.stop())

    # --- in -----------------------------------------------------------------------------------------------------------

    @rule(lane=LANES, repeated=st.booleans())
    def receive(self, lane: int, repeated: bool) -> None:
        """A message, perhaps with its repeat."""
        self.accepted += 1
        seen = f"seen:shop:{self.accepted}"
        for again in range(2 if repeated else 1):
            message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": "x"}))
            got = self.run(self.store.accept(message, [DESK], seen=seen, channel="shop", remote_user=f"user{lane}"))
            assert got.fresh == (not again)
            if got.fresh:
                self.waiting[got.number].append(f"{got.message_id}-0")

    # --- out ----------------------------------------------------------------------------------------------------------

    @rule(worker=WORKERS, most=st.integers(min_value=1, max_value=3))
    def claim(self, worker: str, most: int) -> None:
        """No lane is given out while somebody holds it; what is given out is the head."""
        claimed = self.run(self.store.claim(DESK, worker, most))
        if self.paused:
            assert not claimed.lanes
        for lane in claimed.lanes:
            assert lane.number not in {h.number for _, h in self.held}, "two holders of one lane"
            self._at_head(lane)
            self.held.append((worker, lane))

    @rule(worker=WORKERS, most=st.integers(min_value=1, max_value=3))
    def claim_unheard(self, worker: str, most: int) -> None:
        """The answer to a claim is lost; the worker asks for what it holds and does not know of, and keeps the rest."""
        claimed = self.run(self.store.claim(DESK, worker, most))
        known = [lane.job for name, lane in self.held if name == worker]
        assert self.run(self.store.reclaim_lost_replies(DESK, worker, known)) == len(claimed.lanes), (
            "others than those were given up"
        )
        self.stale += claimed.lanes

    def _at_head(self, lane: Any) -> None:
        assert lane.head is not None
        number = next(n for n, ids in self.waiting.items() if lane.head.delivery_id in ids)
        assert self.waiting[number][0] == lane.head.delivery_id, "not the head"
        assert lane.head.tries == self.tries[lane.head.delivery_id], "tries counted wrongly"

    def _finish(self, index: int, verdict: str, *, twice: bool = False) -> None:
        worker, lane = self.held.pop(index % len(self.held))
        head = lane.head
        assert head is not None
        what = Finish(verdict=verdict, line=b"{}", progress=head.progress)
        after = self.run(self.store.finish(DESK, lane, head.delivery_id, what))
        assert after.status != "stale", "the holder was turned away"
        did, number = head.delivery_id, lane.number
        if verdict == "ok":
            self.waiting[number].remove(did)
            self.sent.add(did)
        elif verdict == "dead":
            self.waiting[number].remove(did)
            self.dead.append((did, number))
        elif verdict == "retry":
            self.tries[did] += 1
        if after.status == "next":
            if twice:  # the answer was lost: it says the same again
                after = self.run(self.store.finish(DESK, lane, did, what))
                assert after.status == "next"
            held = LeasedLane(number=number, job=lane.job, token=lane.token, taken_over=False, head=after.head)
            self._at_head(held)
            self.held.append((worker, held))
        else:
            self.stale.append(lane)

    @precondition(lambda self: self.held)
    @rule(index=st.integers(min_value=0, max_value=9), twice=st.booleans())
    def succeed(self, index: int, twice: bool) -> None:
        self._finish(index, "ok", twice=twice)

    @precondition(lambda self: self.held)
    @rule(index=st.integers(min_value=0, max_value=9))
    def fail(self, index: int) -> None:
        """After the last try it is a dead letter, as `settle` decides it."""
        head = self.held[index % len(self.held)][1].head
        assert head is not None
        self._finish(index, "dead" if head.tries >= RETRIES else "retry")

    @precondition(lambda self: self.held and not self.paused)
    @rule(index=st.integers(min_value=0, max_value=9))
    def refuse_the_key(self, index: int) -> None:
        self._finish(index, "credentials")
        self.paused = True

    # --- trouble ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.held)
    @rule(index=st.integers(min_value=0, max_value=9))
    def crash(self, index: int) -> None:
        """The holder is gone or suspended; its lease runs out."""
        _, lane = self.held.pop(index % len(self.held))
        self.stale.append(lane)
        self.run(self.store.redis.zadd(self.store.key(f"arq:{DESK}"), {lane.job: 0}, xx=True))

    @precondition(lambda self: self.stale)
    @rule(index=st.integers(min_value=0, max_value=9), verdict=st.sampled_from(["ok", "retry", "dead", "credentials"]))
    def wake(self, index: int, verdict: str) -> None:
        """A stale worker writes what it knows, after somebody else took the lane or finished it: nothing changes."""
        lane = self.stale[index % len(self.stale)]
        if lane.head is None or self._token(lane) == lane.token:
            return  # nobody took it yet: it is still the holder, and may write
        after = self.run(self.store.finish(DESK, lane, lane.head.delivery_id, Finish(verdict=verdict, line=b"{}")))
        assert after.status == "stale", "a stale worker was believed"

    def _token(self, lane: LeasedLane) -> str:
        found = self.run(self.store.redis.hget(self.store.key(f"lock:{DESK}:{lane.number}"), "t"))
        return found.decode() if found else ""

    @precondition(lambda self: self.held)
    @rule(index=st.integers(min_value=0, max_value=9))
    def stop_politely(self, index: int) -> None:
        _, lane = self.held.pop(index % len(self.held))
        self.run(self.store.release(DESK, [lane]))
        self.stale.append(lane)

    @rule(lane=LANES)
    def lose_a_job(self, lane: int) -> None:
        """What eviction, or arq's own expiry, would do to a lane that nobody holds."""
        if lane in {h.number for _, h in self.held}:
            return
        generation = self.run(self.store.redis.hget(self.store.key(f"lock:{DESK}:{lane}"), "g"))
        if generation:
            job = f"{DESK}:{lane}:{generation.decode()}"
            self.run(self.store.redis.zrem(self.store.key(f"arq:{DESK}"), job))
            self.run(self.store.sweep(DESK))

    @rule()
    def sweep(self) -> None:
        self.run(self.store.sweep(DESK))

    # --- people -------------------------------------------------------------------------------------------------------

    @rule()
    def pause(self) -> None:
        self.run(self.store.pause(DESK, "manual"))
        self.paused = True

    @rule()
    def resume(self) -> None:
        self.run(self.store.resume(DESK))
        self.paused = False

    @precondition(lambda self: self.dead)
    @rule(index=st.integers(min_value=0, max_value=9))
    def replay(self, index: int) -> None:
        did, number = self.dead.pop(index % len(self.dead))
        new = self.run(self.store.replay(did, by="model"))
        assert new is not None and self.run(self.store.replay(did)) is None
        self.waiting[number].append(new[0])

    @precondition(lambda self: self.dead)
    @rule(index=st.integers(min_value=0, max_value=9))
    def drop(self, index: int) -> None:
        did, _ = self.dead.pop(index % len(self.dead))
        assert self.run(self.store.drop(did))

    # --- always -------------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_lost_and_in_order(self) -> None:
        """Lanes hold exactly what is waiting, in order; one that is not empty has a job; dead letters are there."""
        type(self).steps += 1

        async def look() -> None:
            redis: Any = self.store.redis  # its stubs mix the two kinds of client
            for number, ids in self.waiting.items():
                there = [x.decode() for x in await redis.lrange(self.store.key(f"lane:{DESK}:{number}"), 0, -1)]
                assert there == ids, f"lane {number}: {there}, expected {ids}"
                if ids:
                    generation = await redis.hget(self.store.key(f"lock:{DESK}:{number}"), "g")
                    job = f"{DESK}:{number}:{(generation or b'').decode()}"
                    assert await redis.zscore(self.store.key(f"arq:{DESK}"), job) is not None, "nobody would wake it"
            assert set(await self.store.dead_ids()) == {did for did, _ in self.dead}

        self.run(look())
        assert all(t <= RETRIES for t in self.tries.values())


@experiment("21", "hypothesis drives the store against a model", short={"runs": 15, "steps": 30},
            full={"runs": 2000, "steps": 50})  # fmt: skip
async def modelled(folder: Path, report: Report, *, runs: int, steps: int) -> None:
    """Every sequence ends with what the model says: no loss, order, at most so many tries, one holder a lane."""
    server = await asyncio.to_thread(StoreServer(folder / "store", durable=False).start)
    try:
        await asyncio.to_thread(_drive, server, runs, steps)
    except AssertionError as e:
        report.check(False, f"{e}"[:500])
    finally:
        server.close()
    report.messages = Lanes.steps
    report.note(f"{Lanes.steps} steps checked")


def _drive(server: StoreServer, runs: int, steps: int) -> None:
    """In a thread and a loop of its own: hypothesis is not asynchronous."""
    loop = asyncio.new_event_loop()
    Lanes.server, Lanes.loop, Lanes.steps = server, loop, 0
    try:
        run_state_machine_as_test(
            Lanes,
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.close()
