"""The Lua scripts, through `Store`, on a real Valkey: what one step promises, it does entirely or not at all."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.contract.errors import StoreUnavailable
from relay.contract.model import Kind, Report, ReportStatus, State
from relay.store import keys
from relay.store.records import Accepted, Breaker, Claimed, Finish, Finished, LeasedLane, NewMessage
from relay.store.server.address import StoreAddress
from relay.store.store import Store, new_id
from tests.harness import StoreServer

RETENTION_MS = 90 * 86400 * 1000
on_the_store = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
_users = itertools.count()


def message(text: str = "hello", kind: Kind = Kind.MESSAGE, origin: str = "shop") -> NewMessage:
    return NewMessage(id=new_id(), kind=kind, origin=origin, envelope=orjson.dumps({"text": text}), raw=b"raw")


async def incoming(store: Store, text: str = "hello", *to: str, user: str = "u1", **more: Any) -> Accepted:
    """A customer's message for these desks ("desk" when none is named)."""
    more = {"channel": "shop", "remote_user": user, **more}
    return await store.accept(message(text), to or ("desk",), **more)


async def take(store: Store, destination: str = "desk", worker: str = "w1", most: int = 10) -> Claimed:
    return await store.claim(destination, worker, most)


async def take_one(store: Store, destination: str = "desk", worker: str = "w1") -> LeasedLane:
    lanes = (await take(store, destination, worker, 1)).lanes
    assert len(lanes) == 1
    return lanes[0]


async def end(store: Store, lane: LeasedLane, verdict: str, destination: str = "desk", **more: Any) -> Finished:
    """Finish the lane's head."""
    assert lane.head is not None
    line = orjson.dumps({"at": 1, "what": verdict})
    return await store.finish(destination, lane, lane.head.delivery_id, Finish(verdict=verdict, line=line, **more))


def fields(lane: LeasedLane) -> dict[str, Any]:
    return {name: getattr(lane, name) for name in ("number", "job", "token", "taken_over")}


def text_of(lane: LeasedLane | Finished) -> str:
    assert lane.head is not None
    return str(orjson.loads(lane.head.envelope)["text"])


async def ttl(store: Store, name: str) -> int:
    """Milliseconds; -1 for ever, -2 not there."""
    return int(await store.redis.pttl(store.key(name)))


async def drain(store: Store, destination: str = "desk") -> list[str]:
    """Deliver everything that is due; the texts in the order they came."""
    texts = []
    while lanes := (await take(store, destination)).lanes:
        for lane in lanes:
            texts.append(text_of(lane))
            found = await end(store, lane, "ok", destination)
            while found.head is not None:
                texts.append(text_of(found))
                what = Finish(verdict="ok")
                found = await store.finish(destination, lane, found.head.delivery_id, what)
    return texts


# --- accepting ------------------------------------------------------------------------------------------------------


async def test_a_message_is_journalled_and_waits_for_each_desk(store: Store) -> None:
    accepted = await incoming(store, "hi", "panel", "sales", username="Anna", name="Анна")
    assert accepted.fresh and accepted.number == 1 and set(accepted.woken) == {"panel", "sales"}
    journal = await store.journal(accepted.message_id)
    assert journal is not None and journal.kind is Kind.MESSAGE and journal.raw == b"raw" and journal.number == 1
    assert [(r.destination, r.state) for r in journal.records] == [("panel", State.QUEUED), ("sales", State.QUEUED)]
    for desk in ("panel", "sales"):
        lane = await take_one(store, desk)
        assert lane.head is not None and text_of(lane) == "hi" and not lane.taken_over
        assert (lane.head.channel, lane.head.remote_id, lane.head.username) == ("shop", "u1", "Anna")
        assert (lane.head.name, lane.head.tries, lane.head.part, lane.head.tried_before) == ("Анна", 0, 0, False)


async def test_a_repeat_changes_nothing_and_names_the_first(store: Store) -> None:
    seen = keys.seen("shop", ("m1",))
    first = await incoming(store, "one", seen=seen)
    for _ in range(3):
        again = await incoming(store, "one", seen=seen, username="other name")
        assert not again.fresh and again.message_id == first.message_id and again.number == first.number
        assert again.woken == ()
    assert await drain(store) == ["one"]
    card = await store.contact(first.number)
    assert card is not None and card.contact.username == ""
    again = await incoming(store, "one", seen=seen)
    assert not again.fresh, "also after it has been delivered"
    assert 0 < await ttl(store, seen) <= keys.SEEN_TTL_S * 1000


async def test_many_at_once_are_accepted_once(store: Store) -> None:
    seen = keys.seen("shop", ("m1",))
    found = await asyncio.gather(*(incoming(store, "x", seen=seen, user=f"u{i}") for i in range(50)))
    assert sum(a.fresh for a in found) == 1 and len({a.message_id for a in found}) == 1
    assert await drain(store) == ["x"]


async def test_a_repeat_within_seconds_only(store: Store) -> None:
    """Operator messages carry neither id nor time: the same words later are meant."""
    assert (await incoming(store, "ok", seen="seen:panel:x", seen_ttl_s=0.03)).fresh
    assert not (await incoming(store, "ok", seen="seen:panel:x", seen_ttl_s=0.03)).fresh
    await asyncio.sleep(0.05)
    assert (await incoming(store, "ok", seen="seen:panel:x", seen_ttl_s=0.03)).fresh


async def test_only_one_may_use_up_a_once(store: Store) -> None:
    await incoming(store)
    once = "once:comment:shop:c1"
    answers = await asyncio.gather(
        *(store.accept(message(kind=Kind.ANSWER), ("shop",), number=1, single_use_key=once) for _ in range(5))
    )
    winner = [a for a in answers if a.fresh]
    assert len(winner) == 1 and [a.already_answered_by for a in answers if not a.fresh] == [winner[0].message_id] * 4
    assert await store.are_claimed([once, "once:comment:shop:c2"]) == [True, False]
    assert len(await drain(store, "shop")) == 1


async def test_order_within_a_lane_and_no_lane_in_anothers_way(store: Store) -> None:
    for i in range(20):
        await incoming(store, f"a{i}", user="a")
        await incoming(store, f"b{i}", user="b")
    texts = await drain(store)
    assert [t for t in texts if t[0] == "a"] == [f"a{i}" for i in range(20)]
    assert [t for t in texts if t[0] == "b"] == [f"b{i}" for i in range(20)]


async def test_a_lane_is_woken_once_and_then_carries_on_by_itself(store: Store) -> None:
    assert (await incoming(store, "1")).woken == ("desk",)
    assert (await incoming(store, "2")).woken == ()
    lane = await take_one(store)
    assert (await incoming(store, "3")).woken == (), "its holder will find it"
    found = await end(store, lane, "ok")
    assert found.status == "next" and text_of(found) == "2"
    assert await drain(store) == [], "nobody else gets a lane that is held"


async def test_numbers_are_given_once_per_stable_id(store: Store) -> None:
    first = await incoming(store, user="u1", username="anna")
    second = await incoming(store, user="u2", username="bob")
    assert (first.number, second.number) == (1, 2)
    renamed = await incoming(store, user="u1", username="Anna.New", name="Anna")
    assert renamed.number == 1
    card = await store.contact(1)
    assert card is not None and card.contact.username == "Anna.New" and card.contact.remote_id == "u1"
    other_channel = await store.accept(message(), ("desk",), channel="messenger", remote_user="u1")
    assert other_channel.number == 3, "the same id elsewhere is somebody else"


async def test_a_name_is_its_latest_holders(store: Store) -> None:
    await incoming(store, user="u1", username="Anna")
    await incoming(store, user="u2", username="anna")
    assert await store.number_of_name("shop", "ANNA") == 2
    await incoming(store, user="u1", username="Anna")
    assert await store.number_of_name("shop", "anna") == 1
    assert await store.number_of_name("shop", "nobody") is None
    assert await store.number_of_name("messenger", "anna") is None


async def test_recent_and_closed(store: Store) -> None:
    for user in ("u1", "u2", "u3"):
        await incoming(store, user=user)
        await asyncio.sleep(0.002)
    await incoming(store, user="u1")
    assert await store.recent() == [1, 3, 2] and await store.recent(1, 1) == [3]
    await asyncio.sleep(0.002)
    await store.close(1)
    card = await store.contact(1)
    assert card is not None and card.closed
    await asyncio.sleep(0.002)
    await incoming(store, user="u1")
    card = await store.contact(1)
    assert card is not None and not card.closed, "whoever writes opens it again"
    assert await store.contact(99) is None


async def test_an_answer_with_nobody_to_tell_leaves_after_the_retention(store: Store) -> None:
    accepted = await store.accept(message(kind=Kind.NOTICE), (), number=0)
    assert 0 < await ttl(store, f"m:{accepted.message_id}") <= RETENTION_MS


# --- lanes that lost their wake-up ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["job", "lock", "payload", "job and lock", "all"])
async def test_a_lane_without_its_keys_moves_again(store: Store, lost: str) -> None:
    """PITFALLS A1, A2: what plain arq would never send again."""
    await incoming(store, "1")
    await incoming(store, "2")
    redis = store.redis
    if lost in ("job", "job and lock", "all"):
        await redis.delete(store.key("arq:desk"))
    if lost in ("lock", "job and lock", "all"):
        await redis.delete(store.key("lock:desk:1"))
    if lost in ("payload", "all"):
        for key in await redis.keys("arq:job:*"):
            await redis.delete(key)
    if lost != "payload":
        assert await drain(store) == []
        assert await store.sweep("desk") == 1
    assert await store.sweep("desk") == 0
    assert await drain(store) == ["1", "2"]
    assert await store.sweep("desk") == 0
    if lost != "job and lock":  # then nobody knows the old job's name any more
        assert await redis.keys("arq:job:*") == [], "nothing is left behind"


async def test_the_next_message_heals_a_lane_as_well(store: Store) -> None:
    await incoming(store, "1")
    await store.redis.delete(store.key("arq:desk"))
    assert (await incoming(store, "2")).woken == ("desk",)
    assert await drain(store) == ["1", "2"]


async def test_a_sweep_leaves_lanes_that_are_asleep_or_held_alone(store: Store) -> None:
    await incoming(store, "1", user="a")
    await incoming(store, "2", user="b")
    lane = await take_one(store)
    await end(store, lane, "retry", delay_ms=60_000)
    await take_one(store)
    assert await store.sweep("desk") == 0
    assert (await take(store)).lanes == ()


async def test_a_sweep_clears_an_index_without_a_lane(store: Store) -> None:
    await incoming(store, "1")
    await store.redis.delete(store.key("lane:desk:1"))
    assert await store.sweep("desk") == 0
    assert (await store.destination("desk")).lanes == 0
    assert await store.redis.keys("arq:job:*") == []


async def test_a_thousand_lanes_are_swept_in_pages(store: Store) -> None:
    await asyncio.gather(*(incoming(store, "x", user=f"u{i}") for i in range(1200)))
    await store.redis.delete(store.key("arq:desk"))
    assert await store.sweep("desk") == 1200


async def test_a_head_without_records_is_passed_over(store: Store) -> None:
    first = await incoming(store, "1")
    await incoming(store, "2")
    await store.redis.delete(store.key(f"m:{first.message_id}"))
    assert await drain(store) == ["2"]


# --- leases and fencing ---------------------------------------------------------------------------------------------


async def test_a_dead_workers_lane_is_taken_over_after_its_lease(store: Store) -> None:
    await incoming(store, "1")
    mine = await take_one(store, worker="w1")
    claimed = await take(store, worker="w2")
    assert claimed.lanes == () and 0 < claimed.next_due_ms - claimed.now_ms <= 200
    await asyncio.sleep(0.22)
    theirs = await take_one(store, worker="w2")
    assert theirs.taken_over and theirs.token != mine.token and text_of(theirs) == "1"
    assert await store.renew("desk", [mine]) == {mine.job}


@pytest.mark.parametrize("verdict", ["ok", "part", "retry", "hold", "dead", "credentials"])
async def test_a_stale_worker_changes_nothing(store: Store, verdict: str) -> None:
    """PITFALLS experiment 18."""
    accepted = await incoming(store, "1")
    stale = await take_one(store, worker="w1")
    await asyncio.sleep(0.22)
    await take_one(store, worker="w2")
    did = f"{accepted.message_id}-0"
    before = await store.record(did)
    notice = NewMessage(id=new_id(), kind=Kind.NOTICE, origin="", envelope=b"{}")
    found = await end(store, stale, verdict, remote_id="q1", notice=notice, notice_to=("sales",), delay_ms=0)
    assert found.status == "stale" and found.woken == ()
    assert await store.record(did) == before
    assert await store.bound("desk", "q1") is None
    assert (await store.destination("desk")).paused == ""
    assert (await take(store, "sales")).lanes == () and await store.dead_count() == 0


async def test_acceptance_may_give_a_sleeping_lane_to_a_worker_at_once(store: Store) -> None:
    first = await incoming(store, "1", "desk", "sales", worker="w1", handover_to=["desk"], username="anna", name="Anna")
    assert first.woken == ("sales",)
    ((destination, lane),) = first.held
    assert destination == "desk" and lane.head is not None and not lane.taken_over
    assert (lane.head.delivery_id, lane.head.username, lane.head.name) == (f"{first.message_id}-0", "anna", "Anna")
    second = await incoming(store, "2", worker="w1", handover_to=["desk"])
    assert second.held == () and second.woken == (), "its holder will find it"
    assert (await take(store, worker="w2")).lanes == ()
    found = await end(store, lane, "ok")
    assert found.status == "next" and text_of(found) == "2"
    assert (await end(store, LeasedLane(**{**fields(lane), "head": found.head}), "ok")).status == "done"


async def test_a_lane_given_away_gets_its_job_record_when_it_waits(store: Store) -> None:
    """What runs at once needs none; what sleeps, was given back or taken over has one, as arq keeps them."""
    for user, verdict in (("a", "retry"), ("b", "hold")):
        ((_, lane),) = (await incoming(store, "1", user=user, worker="w1", handover_to=["desk"])).held
        assert not await store.redis.exists(f"arq:job:{lane.job}")
        assert (await end(store, lane, verdict, delay_ms=60_000)).status == "asleep"
        assert b'"f":"drain"' in (await store.redis.get(f"arq:job:{lane.job}") or b"")
    ((_, lane),) = (await incoming(store, "1", user="c", worker="w1", handover_to=["desk"])).held
    await store.release("desk", [lane])
    assert await store.redis.exists(f"arq:job:{lane.job}")
    ((_, lane),) = (await incoming(store, "1", user="d", worker="w1", handover_to=["desk"])).held
    await asyncio.sleep(0.22)
    taken = {x.job for x in (await take(store, worker="w2")).lanes}
    assert lane.job in taken and await store.redis.exists(f"arq:job:{lane.job}")


async def test_a_lane_that_is_healed_is_not_given_away_with_the_wrong_head(store: Store) -> None:
    await incoming(store, "1")
    await store.redis.delete(store.key("arq:desk"))
    second = await incoming(store, "2", worker="w1", handover_to=["desk"])
    assert second.held == () and second.woken == ("desk",)
    assert await drain(store) == ["1", "2"]


async def test_a_lock_that_outlived_its_lane_holds_nothing_up(store: Store) -> None:
    for takes in ([], ["desk"]):
        await incoming(store, "lost", worker="w1", handover_to=takes)
        before = await take(store, worker="w1") if not takes else None
        await store.redis.delete(store.key("lane:desk:1"))
        found = await incoming(store, "2")
        assert found.woken == ("desk",)
        lane = await take_one(store, worker="w2")
        assert text_of(lane) == "2" and not lane.taken_over
        if before is not None:
            assert (await end(store, before.lanes[0], "ok")).status == "stale"
        assert (await end(store, lane, "ok")).status == "done"
        await asyncio.sleep(0.22)
        assert (await take(store)).lanes == ()
        assert await store.redis.keys("arq:job:*") == [] and (await store.destination("desk")).lanes == 0


async def test_a_replayed_message_stays_until_its_replay_has_ended(store: Store) -> None:
    """Its only delivery ended, failed after all by a report, and was replayed; or died and was replayed."""
    accepted = await incoming(store, "x", "shop")
    mid = accepted.message_id
    await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    assert await ttl(store, f"m:{mid}") > 0
    await report(store, "q1", ReportStatus.FAILED)
    died = await bury(store)
    for old, dest in ((f"{mid}-0", "shop"), (died, "desk")):
        m = f"m:{old[:-2]}"
        assert await ttl(store, m) == -1
        assert await store.replay(old) is not None
        assert await ttl(store, m) == -1, "the failed delivery is in it, and so is what the replay sends"
        assert await end(store, await take_one(store, dest), "ok", dest)
        assert await ttl(store, m) > 0


async def test_a_lane_given_to_a_worker_that_dies_moves_on_when_the_lease_ends(store: Store) -> None:
    (given,) = (await incoming(store, "1", worker="w1", handover_to=["desk"])).held
    assert (await take(store, worker="w2")).lanes == ()
    await asyncio.sleep(0.22)
    again = await take_one(store, worker="w2")
    assert again.taken_over and text_of(again) == "1"
    assert (await end(store, given[1], "ok")).status == "stale"


async def test_a_name_left_out_is_the_one_known(store: Store) -> None:
    await incoming(store, "1", username="anna", name="Anna")
    await drain(store)
    (given,) = (await incoming(store, "2", worker="w1", handover_to=["desk"])).held
    assert given[1].head is not None and (given[1].head.username, given[1].head.name) == ("anna", "Anna")


async def test_nothing_is_given_while_a_destination_is_held(store: Store) -> None:
    await store.pause("desk", "manual")
    accepted = await incoming(store, "1", worker="w1", handover_to=["desk"])
    assert accepted.held == () and accepted.woken == ("desk",)
    await store.resume("desk")
    assert await drain(store) == ["1"]


async def test_a_lease_that_is_renewed_is_kept(store: Store) -> None:
    await incoming(store)
    lane = await take_one(store)
    for _ in range(4):
        await asyncio.sleep(0.1)
        assert await store.renew("desk", [lane]) == set()
        assert (await take(store, worker="w2")).lanes == ()
    assert (await end(store, lane, "ok")).status == "done"


async def test_a_released_lane_is_free_at_once_and_not_in_doubt(store: Store) -> None:
    await incoming(store, "1")
    lane = await take_one(store)
    await store.release("desk", [lane])
    again = await take_one(store, worker="w2")
    assert not again.taken_over and again.head is not None and again.head.tries == 0
    await store.release("desk", [lane])
    assert await store.renew("desk", [again]) == set(), "a stale holder cannot give away what it lost"


async def test_a_finish_whose_answer_was_lost_may_be_said_again(store: Store) -> None:
    first = await incoming(store, "1")
    await incoming(store, "2")
    lane = await take_one(store)
    for _ in range(2):
        found = await end(store, lane, "ok", remote_id="q1")
        assert found.status == "next" and text_of(found) == "2"
    record = await store.record(f"{first.message_id}-0")
    assert record is not None and len(record.log) == 1 and record.remote_ids == ("q1",)
    assert found.head is not None
    last = Finish(verdict="ok")
    assert (await store.finish("desk", lane, found.head.delivery_id, last)).status == "done"
    assert (await store.finish("desk", lane, found.head.delivery_id, last)).status == "stale"
    assert await drain(store) == []


# --- what an attempt came to ----------------------------------------------------------------------------------------


async def test_retry_sleeps_the_whole_lane_and_counts(store: Store) -> None:
    first = await incoming(store, "1")
    await incoming(store, "2")
    lane = await take_one(store)
    found = await end(store, lane, "retry", delay_ms=80)
    assert found.status == "asleep" and found.state == "queued"
    claimed = await take(store)
    assert claimed.lanes == () and 0 < claimed.next_due_ms - claimed.now_ms <= 80
    await asyncio.sleep(0.1)
    again = await take_one(store)
    assert again.head is not None and again.head.tries == 1 and again.head.tried_before and not again.taken_over
    assert text_of(again) == "1", "the second waits behind it"
    record = await store.record(f"{first.message_id}-0")
    assert record is not None and record.tries == 1 and record.due_ms == found.due_ms


async def test_hold_uses_up_no_try(store: Store) -> None:
    await incoming(store)
    lane = await take_one(store)
    assert (await end(store, lane, "hold", delay_ms=0)).status == "asleep"
    lane = await take_one(store)
    assert lane.head is not None and lane.head.tries == 0


async def test_credentials_pause_the_destination_and_nothing_is_used_up(store: Store) -> None:
    await incoming(store, "1", user="a")
    await incoming(store, "2", user="b")
    one, two = (await take(store)).lanes
    assert (await end(store, one, "credentials", words="unpaid")).state_change == "paused"
    assert (await end(store, two, "credentials", words="unpaid")).state_change == "", "people are told once"
    claimed = await take(store)
    assert (claimed.state, claimed.lanes) == ("credentials", ())
    where = await store.destination("desk")
    assert (where.paused, where.words, where.backlog, where.lanes) == ("credentials", "unpaid", 2, 2)
    assert await store.paused_for_credentials(["desk", "other"]) == {"desk"}
    assert await store.resume("desk") and not await store.resume("desk")
    lanes = (await take(store)).lanes
    assert [lane.head.tries for lane in lanes if lane.head] == [0, 0]


async def test_a_pause_lets_the_one_in_flight_end_and_gives_out_no_more(store: Store) -> None:
    await incoming(store, "1")
    await incoming(store, "2")
    lane = await take_one(store)
    await store.pause("desk", "manual")
    found = await end(store, lane, "ok")
    assert found.status == "asleep" and found.state == "accepted"
    assert (await take(store)).state == "manual"
    await store.resume("desk")
    assert await drain(store) == ["2"]


async def test_dead_letter_notice_and_next_head_in_one_step(store: Store) -> None:
    first = await incoming(store, "1", "shop")
    await incoming(store, "2", "shop")
    lane = await take_one(store, "shop")
    notice = NewMessage(id=new_id(), kind=Kind.NOTICE, origin="", envelope=orjson.dumps({"text": "not sent"}))
    more: dict[str, Any] = {"reason": "rejected", "words": "no such user", "notice": notice, "notice_to": ("sales",)}
    found = await end(store, lane, "dead", "shop", **more)
    assert (found.status, found.state, found.woken) == ("next", "failed", ("sales",))
    assert text_of(found) == "2"
    assert await drain(store, "sales") == ["not sent"]
    did = f"{first.message_id}-0"
    record = await store.record(did)
    assert record is not None and record.state is State.FAILED and record.dead_ms > 0
    assert (record.reason, record.words) == ("rejected", "no such user")
    assert await store.dead_ids() == [did] and await store.dead_count() == 1


async def test_parts_are_counted_and_each_has_its_own_tries(store: Store) -> None:
    accepted = await incoming(store, "long", "shop")
    lane = await take_one(store, "shop")
    await end(store, lane, "retry", "shop", delay_ms=0)
    lane = await take_one(store, "shop")
    found = await end(store, lane, "part", "shop", remote_id="q1")
    assert found.status == "next" and found.head is not None
    assert (found.head.part, found.head.tries, found.head.delivery_id) == (1, 0, f"{accepted.message_id}-0")
    await end(store, lane, "retry", "shop", delay_ms=0)
    lane = await take_one(store, "shop")
    assert lane.head is not None and (lane.head.part, lane.head.tries) == (1, 1)
    found = await end(store, lane, "ok", "shop", remote_id="q2")
    assert (found.status, found.state) == ("done", "accepted")
    record = await store.record(f"{accepted.message_id}-0")
    assert record is not None and record.remote_ids == ("q1", "q2")
    for remote in ("q1", "q2"):
        assert await store.bound("shop", remote) == record.id
        assert await store.find(remote, ["desk", "shop"]) == accepted.message_id


async def test_a_worker_that_stops_gives_the_rest_of_its_lane_back(store: Store) -> None:
    await incoming(store, "1")
    await incoming(store, "2")
    lane = await take_one(store)
    assert (await end(store, lane, "ok", go_on=False)).status == "asleep"
    again = await take_one(store, worker="w2")
    assert text_of(again) == "2" and not again.taken_over


# --- reports --------------------------------------------------------------------------------------------------------


async def report(store: Store, remote: str, status: ReportStatus, words: str = "") -> tuple[str, str]:
    line = orjson.dumps({"at": 1, "what": status.value})
    what, _, _, state = await store.report("shop", Report(remote_id=remote, status=status, words=words), line)
    return what, state


async def test_reports_climb_and_never_fall(store: Store) -> None:
    accepted = await incoming(store, "x", "shop")
    await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    steps = [
        (ReportStatus.PENDING, ("same", "accepted")),
        (ReportStatus.PENDING, ("same", "accepted")),
        (ReportStatus.READ, ("changed", "read")),
        (ReportStatus.DELIVERED, ("same", "read")),
        (ReportStatus.READ, ("same", "read")),
        (ReportStatus.FAILED, ("same", "read")),
        (ReportStatus.PENDING, ("same", "read")),
    ]
    for status, expected in steps:
        assert await report(store, "q1", status) == expected
    record = await store.record(f"{accepted.message_id}-0")
    assert record is not None and record.state is State.READ
    assert [line["what"] for line in record.log] == ["ok", "pending", "read"], "what changed nothing is no news"


async def test_a_failure_that_is_reported_becomes_a_dead_letter(store: Store) -> None:
    accepted = await incoming(store, "x", "shop")
    await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    did = f"{accepted.message_id}-0"
    assert await ttl(store, keys.record(did)) > 0
    assert await report(store, "q1", ReportStatus.FAILED, "blocked") == ("changed", "failed")
    assert await report(store, "q1", ReportStatus.FAILED, "blocked") == ("same", "failed")
    assert await report(store, "q1", ReportStatus.DELIVERED) == ("same", "failed")
    record = await store.record(did)
    assert record is not None and (record.state, record.reason, record.words) == (State.FAILED, "reported", "blocked")
    assert await ttl(store, keys.record(did)) == -1 and await ttl(store, f"m:{accepted.message_id}") == -1
    assert await store.dead_ids() == [did]


async def test_an_early_failure_keeps_the_other_sides_words(store: Store) -> None:
    for _ in range(2):
        line = orjson.dumps({"at": 1, "what": "failed", "words": "blocked you"})
        early = Report(remote_id="q1", status=ReportStatus.FAILED, words="blocked you")
        await store.report("shop", early, line)
    accepted = await incoming(store, "x", "shop")
    found = await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    assert found.state == "failed"
    record = await store.record(f"{accepted.message_id}-0")
    assert record is not None and (record.reason, record.words) == ("reported", "blocked you")
    assert [line["what"] for line in record.log] == ["ok", "failed"], "the second says nothing new"


async def test_an_early_report_is_kept_and_an_endless_number_is_not(store: Store) -> None:
    for _ in range(50):
        assert await report(store, "q1", ReportStatus.DELIVERED) == ("early", "")
    assert await store.wire.call("LLEN", store.key("early:shop:q1")) == 20
    assert 0 < await ttl(store, "early:shop:q1") <= keys.EARLY_TTL_S * 1000
    await incoming(store, "x", "shop")
    found = await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    assert found.state == "delivered"
    assert await ttl(store, "early:shop:q1") == -2


RANK = {"accepted": 1, "delivered": 2, "read": 3}


class Ladder:
    """What the scripts must come to, said the short way."""

    def __init__(self, parts: int) -> None:
        self.codes: list[list[ReportStatus]] = [[] for _ in range(parts)]
        self.sent = 0

    def part(self, i: int) -> str:
        state = "accepted"
        for status in self.codes[i]:
            if status is ReportStatus.FAILED and state == "accepted":
                return "failed"
            if RANK.get(status.value, 0) > RANK[state]:
                state = status.value
        return state

    @property
    def state(self) -> str:
        if self.sent < len(self.codes):
            return "queued"
        states = [self.part(i) for i in range(len(self.codes))]
        return "failed" if "failed" in states else min(states, key=RANK.__getitem__)


@on_the_store
@given(
    parts=st.integers(1, 3),
    steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, *ReportStatus])), max_size=18),
)
async def test_the_ladder_in_any_order_and_early(
    store: Store, parts: int, steps: list[tuple[int, ReportStatus | None]]
) -> None:
    """A step is a report for one part, also before it was sent, or (None) the sending of the next part."""
    run = f"{next(_users)}"
    model, seen = Ladder(parts), ["queued"]
    accepted = await incoming(store, "x", "ladder", user=f"ladder{run}")
    did = f"{accepted.message_id}-0"
    lane = await take_one(store, "ladder")
    for i, status in [*steps, *[(0, None)] * parts]:
        if status is None:
            if model.sent < parts:
                model.sent += 1
                verdict = "ok" if model.sent == parts else "part"
                await store.finish("ladder", lane, did, Finish(verdict=verdict, remote_id=f"{run}-{model.sent - 1}"))
        elif i < parts:
            model.codes[i].append(status)
            line = orjson.dumps({"at": 1, "what": status.value})
            await store.report("ladder", Report(remote_id=f"{run}-{i}", status=status), line)
        record = await store.record(did)
        assert record is not None and record.state.value == model.state
        seen.append(record.state.value)
        assert (did in await store.dead_ids()) == (model.state == "failed")
    ranks = [{"queued": 0, **RANK, "failed": 9}[s] for s in seen]
    assert ranks == sorted(ranks), "never backwards"


# --- dead letters ---------------------------------------------------------------------------------------------------


async def bury(store: Store, text: str = "1", *, user: str = "u1") -> str:
    accepted = await incoming(store, text, user=user)
    await end(store, await take_one(store), "dead", reason="gave_up")
    return f"{accepted.message_id}-0"


async def test_a_replay_goes_behind_what_waits_and_is_a_delivery_of_its_own(store: Store) -> None:
    old = await bury(store)
    await incoming(store, "2")
    found = await store.replay(old, by="anna")
    assert found is not None and found[1] == "desk" and found[0] != old
    assert await store.replay(old) is None and not await store.drop(old), "it is no dead letter any more"
    assert await store.dead_ids() == []
    assert await drain(store) == ["2", "1"]
    first, second = await store.record(old), await store.record(found[0])
    assert first is not None and first.replayed_as == found[0] and first.state is State.FAILED
    assert second is not None and second.replay_of == old and second.state is State.ACCEPTED
    journal = await store.journal(old.rpartition("-")[0])
    assert journal is not None and [r.id for r in journal.records] == [old, found[0]]


async def test_a_replay_to_another_destination_wakes_it(store: Store) -> None:
    old = await bury(store)
    assert await store.replay(old, to="sales") == (old[:-1] + "1", "sales")
    assert await drain(store, "sales") == ["1"] and await drain(store) == []


async def test_a_replay_does_not_send_accepted_parts_again(store: Store) -> None:
    accepted = await incoming(store, "long")
    lane = await take_one(store)
    await end(store, lane, "part", remote_id="q1")
    await end(store, lane, "dead", reason="gave_up")
    old = f"{accepted.message_id}-0"
    await store.replay(old)
    lane = await take_one(store)
    assert lane.head is not None and lane.head.part == 1
    await end(store, lane, "dead", reason="gave_up")
    await store.replay(old[:-1] + "1", to="sales")
    lane = await take_one(store, "sales")
    assert lane.head is not None and lane.head.part == 0, "somebody else has had nothing of it"


async def test_a_replay_sends_again_from_the_part_that_was_reported_lost(store: Store) -> None:
    """It was accepted, but passing over it would leave it out for ever."""
    accepted = await incoming(store, "x", "shop")
    lane = await take_one(store, "shop")
    for queue_id in ("q1", "q2"):
        await end(store, lane, "part", "shop", remote_id=queue_id)
    await end(store, lane, "dead", "shop", reason="rejected")
    assert await report(store, "q2", ReportStatus.FAILED, "blocked") == ("changed", "failed")
    await store.replay(f"{accepted.message_id}-0")
    again = await take_one(store, "shop")
    assert again.head is not None and again.head.part == 1


async def test_a_replay_of_what_failed_later_is_sent_as_a_whole(store: Store) -> None:
    accepted = await incoming(store, "x", "shop")
    await end(store, await take_one(store, "shop"), "ok", "shop", remote_id="q1")
    await report(store, "q1", ReportStatus.FAILED)
    found = await store.replay(f"{accepted.message_id}-0")
    assert found is not None
    lane = await take_one(store, "shop")
    assert lane.head is not None and (lane.head.part, lane.head.tries) == (0, 0)


async def test_a_message_whose_deliveries_all_have_records_of_their_own(store: Store) -> None:
    """As it was kept before there was a delivery 0: sent, given up, replayed, shown, and gone in the end."""
    mid, n = new_id(), "1"
    redis = store.redis
    record = {"to": "desk", "s": "queued", "n": n, "one": 1}
    message = {"open": 1, "k": "message", "o": "shop", "at": 1, "e": b'{"text":"old"}', "n": n, "d": "desk", "raw": ""}
    await redis.hset(store.key(f"m:{mid}"), mapping=message)  # type: ignore[misc]  # redis-py types it as sync or async
    await redis.hset(store.key(f"d:{mid}-1"), mapping=record)  # type: ignore[misc]
    await redis.rpush(store.key(f"lane:desk:{n}"), f"{mid}-1")  # type: ignore[misc]
    await redis.zadd(store.key("lanes:desk"), {n: 1})
    assert await store.sweep("desk") == 1
    lane = await take_one(store)
    assert lane.head is not None and (lane.head.delivery_id, lane.head.envelope) == (f"{mid}-1", message["e"])
    await end(store, lane, "part", remote_id="q1")
    await end(store, lane, "dead", reason="gave_up")
    assert await store.replay(f"{mid}-1") == (f"{mid}-2", "desk")
    lane = await take_one(store)
    assert lane.head is not None and (lane.head.delivery_id, lane.head.part) == (f"{mid}-2", 1)
    await end(store, lane, "ok", remote_id="q2")
    what, did, *_ = await store.report("desk", Report(remote_id="q2", status=ReportStatus.READ), b"")
    assert (what, did) == ("same", f"{mid}-2"), "the first part is not read yet"
    journal = await store.journal(mid)
    assert journal is not None
    assert [(r.id, r.state) for r in journal.records] == [(f"{mid}-1", State.FAILED), (f"{mid}-2", State.ACCEPTED)]
    assert (await store.record(f"{mid}-1")) == journal.records[0]
    for key in (f"m:{mid}", f"d:{mid}-1", f"d:{mid}-2"):
        assert 0 < await ttl(store, key) <= RETENTION_MS


async def test_dead_letters_are_replayed_in_the_order_they_were_written(store: Store) -> None:
    olds = [await bury(store, str(i)) for i in range(5)]
    assert await store.dead_ids() == olds
    for did in await store.dead_ids():
        await store.replay(did)
    assert await drain(store) == [str(i) for i in range(5)]


async def test_dropped_is_gone_from_the_list_and_leaves_after_the_retention(store: Store) -> None:
    old = await bury(store)
    assert await ttl(store, keys.record(old)) == -1, "a dead letter waits for a person however long it takes"
    assert await ttl(store, f"m:{old[:-2]}") == -1
    assert await store.drop(old) and not await store.drop(old)
    assert await store.dead_ids() == [] and await store.replay(old) is None
    assert (
        0 < await ttl(store, keys.record(old)) <= RETENTION_MS and 0 < await ttl(store, f"m:{old[:-2]}") <= RETENTION_MS
    )
    record = await store.record(old)
    assert record is not None and record.dropped_ms > 0


async def test_nothing_leaves_before_its_last_delivery_ended(store: Store) -> None:
    accepted = await incoming(store, "x", "panel", "sales")
    mid = accepted.message_id
    assert await ttl(store, f"m:{mid}") == await ttl(store, f"d:{mid}-1") == -1
    await drain(store, "sales")
    assert await ttl(store, f"d:{mid}-1") > 0 and await ttl(store, f"m:{mid}") == -1
    await drain(store, "panel")
    assert 0 < await ttl(store, f"m:{mid}") <= RETENTION_MS


async def test_after_the_retention_only_who_is_who_remains(store_server: StoreServer) -> None:
    store = Store(StoreAddress.parse(store_server.url), retention_s=0.05, lease_s=0.2)
    store_server.command("FLUSHALL")
    await store.start()
    try:
        for i in range(5):
            await incoming(store, str(i), "panel", "sales", seen=f"seen:shop:{i}", seen_ttl_s=0.05)
        await drain(store, "panel")
        await drain(store, "sales")
        await asyncio.sleep(0.1)
        left = {k.decode().removeprefix(keys.PREFIX) for k in await store.redis.keys("*")}
        assert left == {"seq", "who:shop", "contact:1", "recent", "feed"}
    finally:
        await store.stop()


async def test_a_busy_conversations_log_loses_what_has_left(store_server: StoreServer) -> None:
    store = Store(StoreAddress.parse(store_server.url), retention_s=0.2, lease_s=0.2)
    store_server.command("FLUSHALL")
    await store.start()
    try:
        await incoming(store, "old")
        await asyncio.sleep(0.15)
        await incoming(store, "middle")
        await asyncio.sleep(0.1)
        accepted = await incoming(store, "new")
        ids = await store.messages(accepted.number)
        assert len(ids) == 2 and ids[-1] == accepted.message_id
    finally:
        await store.stop()


async def test_lanes_of_a_dead_process_go_on_at_once_and_are_in_doubt(store: Store) -> None:
    await incoming(store, "1", user="a")
    await incoming(store, "2", user="b")
    dead = await take_one(store, worker="dead")
    alive = await take_one(store, worker="alive")
    assert await store.free_dead_workers_lanes("desk", ["dead"]) == 1
    again = await take_one(store, worker="w2")
    assert (again.job, again.taken_over) == (dead.job, True)
    assert await store.renew("desk", [dead, alive]) == {dead.job}


async def test_a_destination_that_left_the_config_is_named_while_something_waits_for_it(store: Store) -> None:
    assert await store.orphans(["desk", "sales"]) == []
    await incoming(store, "1", "desk", "sales")
    assert await store.orphans(["desk"]) == ["sales"]
    await drain(store, "sales")
    assert await store.orphans(["desk"]) == []


# --- breaker --------------------------------------------------------------------------------------------------------


async def fail(store: Store, lane: LeasedLane) -> Finished:
    return await end(store, lane, "retry", delay_ms=60_000, words="down")


async def open_breaker(store: Store, lanes: int = 4) -> list[Finished]:
    for i in range(lanes):
        await incoming(store, f"m{i}", user=f"b{i}")
    return [await fail(store, lane) for lane in (await take(store)).lanes]


async def test_the_breaker_opens_probes_and_closes(store: Store) -> None:
    assert [f.state_change for f in await open_breaker(store)] == ["", "", "", "opened"]
    await incoming(store, "new", user="later")
    claimed = await take(store)
    assert claimed.state == "open" and claimed.lanes == () and 0 < claimed.next_due_ms - claimed.now_ms <= 50
    await asyncio.sleep(0.06)
    claimed = await take(store)
    assert claimed.state == "probe" and len(claimed.lanes) == 1 and text_of(claimed.lanes[0]) == "new"
    assert (await take(store)).state == "open", "one probe at a time"
    found = await end(store, claimed.lanes[0], "retry", delay_ms=60_000)
    assert found.status == "asleep" and found.state_change == ""
    claimed = await take(store)
    assert claimed.state == "open" and 50 < claimed.next_due_ms - claimed.now_ms <= 100, "twice the pause"
    await asyncio.sleep(0.11)
    claimed = await take(store)
    assert claimed.state == "probe" and claimed.lanes[0].head is not None and claimed.lanes[0].head.tries == 0
    assert (await end(store, claimed.lanes[0], "ok")).state_change == "closed"
    assert (await store.destination("desk")).open_ms == 0
    await asyncio.sleep(0.03)
    lanes = (await take(store)).lanes
    assert sorted(text_of(lane) for lane in lanes) == ["m0", "m1", "m2", "m3"], "they need not sleep out their pause"


async def test_what_was_under_way_when_it_opened_neither_counts_nor_lengthens_the_pause(store: Store) -> None:
    for i in range(20):
        await incoming(store, f"m{i}", user=f"b{i}")
    lanes = (await take(store, most=20)).lanes
    news = [(await fail(store, lane)).state_change for lane in lanes]
    assert news.count("opened") == 1
    claimed = await take(store)
    assert claimed.state == "open" and claimed.next_due_ms - claimed.now_ms <= 50
    await asyncio.sleep(0.06)
    assert (await take(store)).state == "probe"


async def test_one_bad_lane_opens_nothing(store: Store) -> None:
    await incoming(store)
    for _ in range(10):
        lane = await take_one(store)
        assert (await end(store, lane, "retry", delay_ms=0)).state_change == ""
    assert (await take(store)).state == ""


async def test_a_success_in_between_starts_the_count_anew(store: Store) -> None:
    for i in range(6):
        await incoming(store, f"m{i}", user=f"b{i}")
    lanes = (await take(store)).lanes
    for lane, verdict in zip(lanes, ["retry", "retry", "retry", "ok", "retry", "retry"], strict=True):
        assert (await end(store, lane, verdict, delay_ms=60_000)).state_change == ""
    assert (await store.destination("desk")).fails == 2


async def test_a_person_may_close_the_breaker(store: Store) -> None:
    await open_breaker(store)
    assert await store.resume("desk")
    await incoming(store, "new", user="later")
    claimed = await take(store)
    assert claimed.state == "" and len(claimed.lanes) == 1


async def test_zero_failures_is_no_breaker(store_server: StoreServer, store: Store) -> None:
    fearless = Store(StoreAddress.parse(store_server.url), breaker=Breaker(failures=0))
    await fearless.start()
    try:
        assert {f.state_change for f in await open_breaker(fearless, 30)} == {""}
    finally:
        await fearless.stop()


# --- jobs that are none of ours -------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b'{"f":"send_mail","a":[1]}', b"\x80\x04pickled", None])
async def test_an_unknown_job_becomes_a_dead_letter(store: Store, payload: bytes | None) -> None:
    """PITFALLS experiment 38: an older or a newer version left it."""
    await store.redis.zadd(store.key("arq:desk"), {"somebody-elses-job": 1})
    if payload is not None:
        await store.redis.set("arq:job:somebody-elses-job", payload)
    lane = await take_one(store)
    assert lane.head is None and lane.job == "somebody-elses-job"
    did = await store.drop_unknown_job("desk", lane.job, lane.unknown_job)
    record = await store.record(did)
    assert record is not None and record.reason == "unknown_job" and record.state is State.FAILED
    assert await store.dead_ids() == [did]
    assert (await take(store)).next_due_ms == -1
    assert await store.journal(did[:-2]) is not None
    assert await store.drop(did)


async def test_a_known_lane_with_an_unknown_job_still_delivers(store: Store) -> None:
    await incoming(store, "1")
    (job,) = await store.redis.zrange(store.key("arq:desk"), 0, -1)
    await store.redis.set(b"arq:job:" + job, '{"f":"drain_v9","a":[]}')
    lane = await take_one(store)
    assert lane.unknown_job and lane.job == job.decode()
    await store.drop_unknown_job("desk", lane.job, lane.unknown_job)
    assert await store.sweep("desk") == 1
    assert await drain(store) == ["1"]


# --- the rest -------------------------------------------------------------------------------------------------------


async def test_destinations_with_a_dash_or_a_common_beginning_do_not_mix(store: Store) -> None:
    await incoming(store, "1", "desk-a", "desk-a-b", "desk")
    for name in ("desk-a", "desk-a-b", "desk"):
        assert await drain(store, name) == ["1"]


async def test_leases_on_what_only_one_may_do(store: Store) -> None:
    assert await store.try_lease("poll:shop", "w1", 0.1) and await store.try_lease("poll:shop", "w1", 0.1)
    assert not await store.try_lease("poll:shop", "w2", 0.1)
    await asyncio.sleep(0.12)
    assert await store.try_lease("poll:shop", "w2", 0.1)


async def test_workers_beat_and_are_forgotten(store: Store) -> None:
    await store.beat("w1", ["desk", "shop"])
    assert await store.workers() == {"w1": ["desk", "shop"]}
    await store.unregister("w1")
    assert await store.workers() == {}


async def test_stuck_names_what_is_due_and_untouched(store: Store) -> None:
    await incoming(store, "1", "desk", "paused")
    await store.pause("paused", "manual")
    await asyncio.sleep(0.05)
    assert await store.stuck(["desk", "paused", "idle"], 0.02) == ["desk"]
    assert await store.stuck(["desk"], 10) == []


async def test_bot_ids_are_allotted_once(store: Store) -> None:
    assert [await store.bot_id(c, None) for c in ("shop", "messenger", "shop")] == [1, 2, 1]
    assert await store.bot_id("third", 77) == 77 and await store.bot_id("third", None) == 77


async def test_no_two_channels_have_one_bot_id(store: Store) -> None:
    """The panel would answer the customers of one channel through the other."""
    assert await store.bot_id("shop", 1) == 1
    assert await store.bot_id("messenger", None) == 2
    with pytest.raises(ValueError, match="messenger's already"):
        await store.bot_id("third", 2, among=("shop", "messenger", "third"))
    assert await store.bot_id("messenger", 2) == 2
    assert await store.bot_id("renamed", 2, among=("shop", "renamed")) == 2, "the channel it was is gone"


async def test_echoes_are_known_whatever_became_of_their_ends(store: Store) -> None:
    await store.remember_echo("sales", "  #1 Anna: hi\r\nthere ")
    assert await store.is_echo("sales", "#1 Anna: hi\nthere")
    assert not await store.is_echo("sales", "#1 Anna: hi") and not await store.is_echo("panel", "#1 Anna: hi\nthere")


async def test_find_by_any_id(store: Store) -> None:
    accepted = await incoming(store, seen=keys.seen("shop", ("q77",)))
    for known in (accepted.message_id, f"{accepted.message_id}-0", "q77"):
        assert await store.find(known, ["shop", "desk"]) == accepted.message_id
    assert await store.find("nothing", ["shop", "desk"]) is None


async def test_a_store_that_takes_no_writes_is_away_and_comes_back(store: Store, store_server: StoreServer) -> None:
    await incoming(store, "1")
    store_server.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StoreUnavailable):
            await incoming(store, "2")
    finally:
        store_server.command("CONFIG", "SET", "maxmemory", "0")
    await incoming(store, "3")
    assert await drain(store) == ["1", "3"]


async def test_scripts_are_loaded_again_after_they_were_forgotten(store: Store, store_server: StoreServer) -> None:
    await incoming(store, "1")
    store_server.command("SCRIPT", "FLUSH")
    await incoming(store, "2")
    assert await drain(store) == ["1", "2"]


async def test_a_frozen_store_is_away_within_its_time(store_server: StoreServer) -> None:
    store = Store(StoreAddress.parse(store_server.url), timeout_s=0.2)
    await store.start()
    store_server.freeze()
    try:
        async with asyncio.timeout(2):
            with pytest.raises(StoreUnavailable):
                await incoming(store)
    finally:
        store_server.thaw()
    try:
        async with asyncio.timeout(5):
            while True:
                try:
                    await store.ping()
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.02)
    finally:
        await store.stop()


@given(st.lists(st.lists(st.text(max_size=5), max_size=4).map(tuple), unique=True, min_size=2, max_size=20))
def test_no_two_identities_share_a_key(identities: list[tuple[str, ...]]) -> None:
    """PITFALLS experiment 20: ("ab", "c") is not ("a", "bc")."""
    assert len({keys.digest(i) for i in identities}) == len(identities)


# --- answers written in ignorance of another one ---------------------------------------------------------------------


async def _answered(store: Store, number: int, **how: Any) -> Accepted:
    message = NewMessage(id=new_id(), kind=Kind.ANSWER, origin="panel", envelope=b'{"text":"an answer"}')
    return await store.accept(message, ["shop"], number=number, **how)


async def test_an_answer_written_in_ignorance_of_another_is_not_accepted(store: Store):
    number = (await incoming(store)).number
    first = await _answered(store, number, after="")
    assert first.fresh
    late = await _answered(store, number, after="", seen="seen:panel:late")
    assert not late.fresh
    assert late.newest_answer == first.message_id
    assert len(await store.messages(number)) == 2
    knowing = await _answered(store, number, after=first.message_id, seen="seen:panel:late")
    assert knowing.fresh
    # The repeat of an answer that was accepted is a repeat, whoever has answered since: not a surprise to its writer.
    repeat = await _answered(store, number, after=first.message_id, seen="seen:panel:late")
    assert (repeat.fresh, repeat.newest_answer, repeat.message_id) == (False, "", knowing.message_id)
    assert (await _answered(store, number)).fresh  # not asked, not checked


async def test_what_was_answered_before_the_newest_answer_was_kept_refuses_nobody(store: Store):
    number = (await incoming(store)).number
    await _answered(store, number)
    await store.wire.call("HDEL", store.key(f"contact:{number}"), "la")
    assert (await _answered(store, number, after="whatever it has shown")).fresh
