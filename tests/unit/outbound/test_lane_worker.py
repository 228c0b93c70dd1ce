"""The worker on a real store, with the sending scripted: order, side by side, leases, and what a stop leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hiredis import ReplyError

from relay.contract.model import Kind
from relay.outbound import lane_worker as workers
from relay.outbound.lane_worker import FAIR_SHARE, LaneWorker
from relay.store.records import Finish, Finished, Head, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.harness import StoreServer, until
from tests.unit.attempts import made_by

OK = Finish(verdict="ok")
Send = Callable[[LeasedLane, Head, bool], Awaitable[Finish]]


async def put(store: Store, user: str, text: str) -> int:
    message = NewMessage(id=new_id(), kind=Kind.MESSAGE, origin="shop", envelope=orjson.dumps({"text": text}))
    return (await store.accept(message, ("desk",), channel="shop", remote_user=user)).number


def text_of(head: Head) -> str:
    return str(orjson.loads(head.envelope)["text"])


class Far:
    """The other side: what came, in order, per conversation, and how many at once."""

    def __init__(self) -> None:
        self.came: dict[int, list[str]] = defaultdict(list)
        self.taken_over: list[str] = []
        self.now = self.most = 0
        self.finished: list[Finished] = []

    @property
    def count(self) -> int:
        return sum(map(len, self.came.values()))

    async def send(self, lane: LeasedLane, head: Head, probing: bool) -> Finish:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            self.came[lane.number].append(text_of(head))
            if lane.taken_over:
                self.taken_over.append(text_of(head))
            return OK
        finally:
            self.now -= 1


@contextlib.asynccontextmanager
async def running(store: Store, send: Send, *, name: str = "w1", **options: Any) -> AsyncIterator[LaneWorker]:
    """A worker in its own task; stopped at the end without ceremony."""
    worker = LaneWorker(store, "desk", made_by(send), name=name, **options)
    task = asyncio.create_task(worker.async_run())
    try:
        yield worker
    finally:
        await worker.stop(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for left in worker.tasks.values():
            left.cancel()


async def test_order_in_each_and_all_side_by_side(store: Store) -> None:
    far = Far()
    await asyncio.gather(*(_write(store, f"u{u}", 20) for u in range(30)))
    async with running(store, far.send, concurrency=10):
        await until(lambda: far.count == 600)
    for texts in far.came.values():
        assert texts == [str(i) for i in range(20)]
    assert 1 < far.most <= 10


async def _write(store: Store, user: str, count: int) -> None:
    for i in range(count):
        await put(store, user, str(i))


async def test_the_bell_wakes_it_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_POLL_S", 30.0)
    far = Far()
    async with running(store, far.send) as worker:
        await until(lambda: worker.healthy)
        await asyncio.sleep(0.02)
        await put(store, "u1", "a")
        await asyncio.sleep(0.05)
        assert far.count == 0, "nobody rang"
        worker.ring()
        await until(lambda: far.count == 1, 1)


async def test_an_idle_worker_hardly_asks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    claim = store.claim

    async def counting(*args: Any) -> Any:
        nonlocal asked
        asked += 1
        return await claim(*args)

    monkeypatch.setattr(store, "claim", counting)
    async with running(store, Far().send):
        await asyncio.sleep(0.5)
    assert asked <= 2


async def test_a_retry_comes_when_due_without_a_bell(store: Store) -> None:
    tries: list[int] = []

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        tries.append(head.tries)
        return OK if head.tries == 2 else Finish(verdict="retry", delay_ms=40)

    await put(store, "u1", "a")
    async with running(store, send):
        await until(lambda: tries == [0, 1, 2], 3)


async def test_a_failing_conversation_holds_up_only_itself(store: Store) -> None:
    far = Far()

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        if lane.number == 1:
            return Finish(verdict="retry", delay_ms=5)
        return await far.send(lane, head, probing)

    assert await put(store, "poison", "x") == 1
    await asyncio.gather(*(_write(store, f"u{u}", 5) for u in range(10)))
    async with running(store, send, concurrency=2):
        await until(lambda: far.count == 50)
    assert all(texts == [str(i) for i in range(5)] for texts in far.came.values())


async def test_a_long_conversation_gives_others_their_turn(store: Store) -> None:
    far = Far()
    await _write(store, "long", FAIR_SHARE + 30)
    await put(store, "short", "me too")
    order: list[int] = []

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        order.append(lane.number)
        return await far.send(lane, head, probing)

    async with running(store, send, concurrency=1):
        await until(lambda: far.count == FAIR_SHARE + 31)
    assert order.index(2) <= FAIR_SHARE + 1
    assert far.came[1] == [str(i) for i in range(FAIR_SHARE + 30)]


async def test_a_slow_send_keeps_its_lease(store: Store) -> None:
    far = Far()

    async def slow(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        await asyncio.sleep(0.6)  # three leases
        return await far.send(lane, head, probing)

    await put(store, "u1", "a")
    async with running(store, slow):
        await until(lambda: _holds(store))
        async with running(store, far.send, name="w2"):
            await until(lambda: far.count == 1, 3)
            await asyncio.sleep(0.1)
    assert far.came[1] == ["a"] and far.taken_over == []


async def _holds(store: Store) -> bool:
    return bool(await store.redis.hexists(store.key("lock:desk:1"), "t"))  # type: ignore[misc]


async def test_what_a_dead_worker_held_is_taken_over_and_said_to_be_in_doubt(store: Store) -> None:
    far = Far()
    for text in ("a", "b"):
        await put(store, "u1", text)
    claimed = await store.claim("desk", "dead", 1)
    assert len(claimed.lanes) == 1
    async with running(store, far.send, name="w2"):
        await until(lambda: far.count == 2, 3)
    assert far.came[1] == ["a", "b"] and far.taken_over == ["a"], "only the one in flight is in doubt"


async def test_a_stop_lets_what_is_under_way_finish_and_uses_up_nothing(store: Store) -> None:
    far, begun = Far(), asyncio.Event()

    async def slow(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        begun.set()
        await asyncio.sleep(0.1)
        return await far.send(lane, head, probing)

    await _write(store, "u1", 3)
    async with running(store, slow) as worker:
        await begun.wait()
        await worker.stop(5)
        assert far.came[1] == ["0"]
    claimed = await store.claim("desk", "w2", 10)
    (lane,) = claimed.lanes
    assert lane.head is not None and text_of(lane.head) == "1"
    assert (lane.head.tries, lane.taken_over, lane.head.tried_before) == (0, False, False)


async def test_the_next_is_sent_while_the_last_result_is_still_being_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destination waits for its own answers, not for our store: but never for more of them than allowed."""
    far, written = Far(), asyncio.Event()
    finish = store.finish

    async def slow(*args: Any) -> Any:
        await written.wait()
        return await finish(*args)

    monkeypatch.setattr(store, "finish", slow)
    for i in range(20):
        await put(store, f"u{i}", "a")
    async with running(store, far.send, concurrency=4) as worker:
        await until(lambda: far.count == 5, what="one ahead")
        await asyncio.sleep(0.05)
        assert far.count == 5, "and not all of them"
        written.set()
        await until(lambda: far.count == 20)
        await until(lambda: not worker.tasks)
    assert far.most <= 4


async def test_a_stop_gives_back_what_waits_for_a_place(store: Store) -> None:
    begun, go = [], asyncio.Event()

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        begun.append(lane.number)
        await go.wait()
        return OK

    for i in range(3):
        await put(store, f"u{i}", "a")
    async with running(store, send, concurrency=1) as worker:
        await until(lambda: len(worker.tasks) == 2)
        stopping = asyncio.create_task(worker.stop(5))
        await until(lambda: len(worker.tasks) == 1, what="the one that waited is given back at once")
        claimed = await store.claim("desk", "w2", 10)
        assert len(claimed.lanes) == 2 and not any(lane.taken_over for lane in claimed.lanes)
        go.set()
        await stopping
    assert len(begun) == 1


async def test_an_unknown_job_is_buried_and_the_rest_goes_on(store: Store) -> None:
    far = Far()
    buried: list[str] = []
    await store.redis.zadd(store.key("arq:desk"), {"old-version-job": 1})
    await store.redis.set("arq:job:old-version-job", b'{"f":"send","a":[]}')
    await put(store, "u1", "a")
    async with running(store, far.send, on_unknown_job=buried.append):
        await until(lambda: far.count == 1 and buried)
    assert await store.dead_ids() == buried


async def test_a_bug_in_sending_is_one_conversations_trouble(store: Store) -> None:
    far = Far()

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        if lane.number == 1:
            raise ZeroDivisionError
        return await far.send(lane, head, probing)

    await put(store, "bug", "x")
    await put(store, "fine", "y")
    async with running(store, send) as worker:
        await until(lambda: far.came[2] == ["y"])
        await until(lambda: worker.jobs_failed >= 1)
        assert worker.healthy


async def test_it_survives_a_store_that_dies_and_comes_back(tmp_path: Path) -> None:
    """PITFALLS A19, PITFALLS experiment 5: nothing is lost and nobody has to restart anything."""
    server = StoreServer(tmp_path / "s").start()
    store = Store(StoreAddress.parse(server.url), timeout_s=0.5, lease_s=0.5)
    await store.start()
    far, hold = Far(), asyncio.Event()

    async def send(lane: LeasedLane, head: Head, probing: bool) -> Finish:
        await hold.wait()
        return await far.send(lane, head, probing)

    try:
        await _write(store, "u1", 3)
        async with running(store, send) as worker:
            await until(lambda: worker.tasks)
            server.kill()
            hold.set()  # the first is sent while nobody can note it
            await until(lambda: not worker.healthy or far.count)
            server.start()
            await until(lambda: far.count >= 3 and worker.healthy, 10)
            await until(lambda: _empty(store), 5)
        assert list(dict.fromkeys(far.came[1])) == ["0", "1", "2"], "in order, whatever is doubled"
        assert far.came[1].count("1") == far.came[1].count("2") == 1
    finally:
        await store.stop()
        server.close()


async def _empty(store: Store) -> bool:
    return (await store.destination("desk")).lanes == 0


async def test_a_head_that_this_version_cannot_read_becomes_a_dead_letter_and_the_lane_goes_on(store: Store) -> None:
    far = Far()
    made = made_by(far.send)

    def begin(lane: LeasedLane, head: Head, probing: bool) -> Any:
        if text_of(head) == "riddle":
            raise ValueError("no such kind")
        return made(lane, head, probing)

    n = await put(store, "a", "riddle")
    await put(store, "a", "plain")
    worker = LaneWorker(store, "desk", begin, name="w1")
    task = asyncio.create_task(worker.async_run())
    await until(lambda: far.count == 1)
    await until_async(store)
    await worker.stop(1)
    task.cancel()
    assert far.came[n] == ["plain"]
    (did,) = await store.dead_ids()
    record = await store.record(did)
    assert record is not None and record.reason == "unreadable" and "no such kind" in record.words


async def until_async(store: Store) -> None:
    for _ in range(100):
        if await _empty(store):
            return
        await asyncio.sleep(0.02)


async def test_a_result_the_store_refuses_for_good_is_kept_and_the_destination_waits_for_a_person(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent: ending the task here would send it again at the end of every lease."""
    far = Far()
    await put(store, "a", "once")
    refused = 2
    finish = store.finish

    async def refusing(*args: Any) -> Finished:
        nonlocal refused
        if refused:
            refused -= 1
            raise ReplyError("WRONGTYPE")
        return await finish(*args)

    monkeypatch.setattr(store, "finish", refusing)
    async with running(store, far.send):
        await until(lambda: far.count == 1)
        await until_async(store)
    assert far.count == 1
    assert (await store.destination("desk")).paused == "store_refuses"


def test_processes_of_other_starts_and_containers_are_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers with one host name have the same process numbers."""
    mine = workers.worker_id()
    assert workers.is_gone(mine)  # our own number, of an earlier start in the same place
    monkeypatch.setattr(workers, "_where", lambda: "elsewhere")
    assert not workers.is_gone(mine)
    assert not workers.is_gone("somehost-12-abc")
