"""What goes wrong on the way out: reports in any order, refusals, an unpaid account, dead letters, pause and resume."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.world import Person, World
from tests.harness import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def reach(world: World, some_id: str, state: str) -> dict[str, Any]:
    """Wait until a message's trace says so; the trace."""

    async def look() -> dict[str, Any] | None:
        found = await world.trace(some_id)
        return found if found["state"] == state else None

    found: dict[str, Any] = await until(look, what=f"trace says {state}")
    return found


async def sent(world: World, who: Person, text: str, *, by: str = "panel") -> dict[str, Any]:
    """Answer, and wait until the customer's side has it."""
    await (world.operator(who.number, text) if by == "panel" else world.say(f"#{who.number} {text}"))
    return await world.answered(who, text)


def hops(trace: dict[str, Any], where: str = "shop") -> list[str]:
    return [h["what"] for h in trace["hops"] if h["where"] == where]


# --- reports --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "switches",
    [
        {"report_order": "before_the_answer"},
        {"report_order": "shuffled"},
        {"reports_twice": True},
        {"reports_missing": "pending"},
        {"report_device": "none"},
        {"report_dates": "real", "report_device": "user_id"},
        {"hook_encoding": "form"},
    ],
    ids=str,
)
async def test_reports_as_they_come(world: World, switches: dict[str, Any]) -> None:
    await world.switch("shop", **switches)
    who = await world.person()
    message = await sent(world, who, "tell me when it is there")
    trace = await reach(world, message["queue_id"], "delivered")
    assert hops(trace).count("delivered") == 1 and hops(trace).count("accepted") == 1


async def test_without_reports_it_stays_accepted(world: World) -> None:
    await world.switch("shop", reports_missing="all")
    who = await world.person()
    message = await sent(world, who, "no news")
    await world.settled()
    assert (await world.trace(message["queue_id"]))["state"] == "accepted"


async def test_nothing_moves_backwards(world: World) -> None:
    await world.switch("shop", auto_deliver=False)
    who = await world.person()
    message = await sent(world, who, "by hand")
    for status in ("read", "delivered", "pending", "fail", "read"):
        await world.act("shop", "report", message_id=message["id"], status=status)
    trace = await reach(world, message["queue_id"], "read")
    await world.settled()
    assert hops(trace) == ["queued", "accepted", "read"]
    assert await world.dead() == []


@pytest.mark.parametrize("desk", ["panel", "sales"])
@pytest.mark.parametrize("order", ["in_order", "before_the_answer"])
async def test_a_failure_is_told_once_to_the_desk_that_wrote(world: World, desk: str, order: str) -> None:
    await world.switch("shop", window_closed=True, report_order=order, reports_twice=True)
    who = await world.person()
    message = await sent(world, who, f"too late {order}", by=desk)
    trace = await reach(world, message["queue_id"], "failed")
    notice = f'Your answer to #{who.number} did not arrive: "too late {order}"'
    await (world.at_panel(who.number, notice) if desk == "panel" else world.in_group(notice))
    await world.act("shop", "report", message_id=message["id"], status="fail")
    await world.settled()
    at_panel = [m for m in await world.thread(who.number) if notice in m["text"]]
    in_group = await world.posts(notice)
    assert (len(at_panel), len(in_group)) == ((1, 0) if desk == "panel" else (0, 1))
    # The other desk was shown the answer, so it must not take it for answered.
    told = f'The answer from {desk} to #{who.number} did not arrive: "too late {order}"'
    await (world.in_group(told) if desk == "panel" else world.at_panel(who.number, told))
    letters = [d for d in await world.dead() if d["conversation"] == who.number]
    assert [d["reason"] for d in letters] == ["reported"]
    assert (await world.cli("dead", "drop", letters[0]["id"])).code == 0
    assert hops(trace).count("failed") == 1


# --- answers of the API ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "switches",
    [
        {"fail_next": 2, "fail_status": 500},
        {"fail_next": 2, "fail_status": 429},
        {"fail_next": 1, "fail_status": 503, "retry_after": "0"},
        {"html_next": 2},
    ],
    ids=str,
)
async def test_trouble_that_passes_costs_nothing_but_time(world: World, switches: dict[str, Any]) -> None:
    who = await world.person()
    await world.switch("shop", **switches)
    await world.operator(who.number, "first")
    await world.operator(who.number, "second")
    await world.answered(who, "second")
    assert [m["text"] for m in await world.answers(who)] == ["first", "second"], "in order, once"
    message = (await world.answers(who))[0]
    failures = hops(await world.trace(message["queue_id"])).count("failed, will be tried again")
    assert failures == switches.get("fail_next", switches.get("html_next"))


async def test_a_refusal_is_told_at_once_and_the_next_goes_out(world: World) -> None:
    who = await world.person()
    await world.switch("shop", refuse_next=1, refuse_error="Пользователь заблокировал вас")
    await world.say(f"#{who.number} are you there?")
    notice = await world.in_group(f'Your answer to #{who.number} did not arrive: "are you there?"')
    assert "Пользователь заблокировал вас" in notice
    await sent(world, who, "next", by="sales")
    (letter,) = [d for d in await world.dead() if d["conversation"] == who.number]
    assert (letter["attempts"], letter["destination"], letter["text"]) == (1, "shop", "are you there?")
    assert letter["at"].endswith("Z")
    await world.cli("dead", "drop", letter["id"])


async def test_given_up_shown_and_replayed(world: World) -> None:
    """Three tries (two retries), then a dead letter that a person sends again."""
    who = await world.person()
    await world.switch("shop", fail_next=3, fail_status=500)
    await world.operator(who.number, "never mind")
    await world.at_panel(who.number, "It was tried 3 times")
    (letter,) = [d for d in await world.dead() if d["conversation"] == who.number]
    assert letter["attempts"] == 3 and letter["text"] == "never mind"
    assert await world.answers(who) == []
    ran = await world.cli("dead", "show", "--json", letter["id"])
    assert ran.code == 0
    tries = [h for h in ran.json["hops"] if h["what"] in ("failed, will be tried again", "given up")]
    assert [h["status"] for h in tries] == [500, 500, 500] and all(h["said"] for h in tries)
    ran = await world.cli("dead", "replay", "--json", letter["id"])
    assert ran.code == 0 and ran.json[0]["destination"] == "shop"
    message = await world.answered(who, "never mind")
    trace = await reach(world, message["queue_id"], "delivered")
    assert [d for d in await world.dead() if d["conversation"] == who.number] == []
    assert any(h.get("replay_of") == letter["id"] for h in trace["hops"])
    again = await world.cli("dead", "replay", letter["id"])
    assert again.code == 1 and "no dead letter" in again.err and "Traceback" not in again.err


async def test_a_whole_outage_is_replayed_in_order(world: World) -> None:
    who = await world.person()
    texts = [f"outage {i}" for i in range(3)]
    await world.switch("shop", refuse_next=3)
    for text in texts:
        await world.operator(who.number, text)
    await until(lambda: _dead_count(world, who, 3), what="three dead letters")
    assert (await world.cli("dead", "replay", "--all")).code == 0
    await world.answered(who, texts[-1])
    assert [m["text"] for m in await world.answers(who)] == texts


async def _dead_count(world: World, who: Person, count: int) -> bool:
    return len([d for d in await world.dead() if d["conversation"] == who.number]) == count


async def test_a_dropped_letter_is_gone(world: World) -> None:
    who = await world.person()
    await world.switch("shop", refuse_next=1)
    await world.operator(who.number, "drop me")
    await until(lambda: _dead_count(world, who, 1), what="a dead letter")
    (letter,) = [d for d in await world.dead() if d["conversation"] == who.number]
    assert (await world.cli("dead", "drop", letter["id"])).code == 0
    assert (await world.cli("dead", "drop", letter["id"])).code == 1
    assert await _dead_count(world, who, 0) and await world.answers(who) == []


@pytest.mark.parametrize("switches", [{"unpaid": "402"}, {"token_rejected": True}], ids=str)
async def test_an_unpaid_or_rejected_account_pauses_and_resumes_by_itself(
    world: World, switches: dict[str, Any]
) -> None:
    who = await world.person()
    other = await world.person()
    await world.switch("shop", **switches)
    for i in range(3):
        await world.operator(who.number, f"waiting {i}")
    await world.say(f"#{other.number} waiting as well")
    await world.in_group("The account shop does not let us in")

    async def paused() -> dict[str, Any] | None:
        ran = await world.cli("status", "--json")
        return next((c for c in ran.json["connections"] if c["name"] == "shop" and c["state"] == "credentials"), None)

    state = await until(paused, what="status says credentials")
    assert state["backlog"] == 4
    assert await world.answers(who) == [] and await world.dead() == []
    async with world.session.get(f"{world.relay.address}/readyz") as response:
        assert response.status == 200, "the relay itself is well"
    await world.switch_back()
    await world.answered(who, "waiting 2")
    await world.answered(other, "waiting as well")
    assert [m["text"] for m in await world.answers(who)] == [f"waiting {i}" for i in range(3)]
    message = (await world.answers(who))[0]
    trace = await world.trace(message["queue_id"])
    assert "failed, will be tried again" not in hops(trace), "no try was used up"
    await world.in_group("The account shop works again")
    await world.settled()
    assert len(await world.posts("does not let us in")) == 1, "told once, not for each and not again within a minute"


# --- desks that do not take it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["html", "json_error"])
async def test_a_panel_that_says_200_and_means_no(world: World, answer: str) -> None:
    """Nothing is lost: it is tried again, the group has it meanwhile."""
    who = await world.person()
    await world.switch("panel", answer=answer)
    written = await world.write(who, f"are you a panel? {answer}")
    await world.in_group(f"are you a panel? {answer}")

    async def failed() -> bool:
        found = await world.trace(written["queue_id"])
        return any(h["where"] == "panel" and h["what"] != "queued" for h in found["hops"])

    await until(failed, what="the panel's answer is noticed")
    assert not [m for m in await world.thread(who.number) if "are you a panel" in m["text"]]
    await world.switch_back()

    async def there_or_dead() -> bool:
        for letter in await world.dead():
            if letter["conversation"] == who.number:
                await world.cli("dead", "replay", letter["id"])
        return bool([m for m in await world.thread(who.number) if "are you a panel" in m["text"]])

    await until(there_or_dead, what="the panel has it in the end")


@pytest.mark.parametrize("answer", ["empty", "plain_text"])
async def test_a_panel_that_says_yes_in_its_own_way(world: World, answer: str) -> None:
    await world.switch("panel", answer=answer)
    who = await world.person()
    await world.write(who, "understood?")
    await world.settled()
    assert len([m for m in await world.thread(who.number) if m["text"] == "understood?"]) == 1


@pytest.mark.parametrize("trouble", ["server_error", "proxy_page", "rate_limit", "html_with_200", "drop"])
async def test_a_group_that_fails_for_a_while(world: World, trouble: str) -> None:
    who = await world.person()
    await world.switch("sales", failing=2, failing_with=trouble)
    for i in range(3):
        await world.write(who, f"over {trouble} {i}")
    await world.in_group(f"over {trouble} 2")
    posts = [p.partition(": ")[2] for p in await world.posts(f"over {trouble}")]
    assert posts == [f"over {trouble} {i}" for i in range(3)]


async def test_ok_false_with_200_is_no_success(world: World) -> None:
    who = await world.person()
    await world.switch("sales", unpaid=True, always_200=True)
    await world.write(who, "suspended?")
    await world.at_panel(who.number, "suspended?")

    async def waiting() -> bool:
        ran = await world.cli("status", "--json")
        return any(c["name"] == "sales" and c["backlog"] >= 1 for c in ran.json["connections"])

    await until(waiting, what="it waits for the group")
    assert await world.posts("suspended?") == []
    await world.switch_back()
    await world.in_group("suspended?")


# --- people in between ----------------------------------------------------------------------------------------------


async def test_pause_and_resume(world: World) -> None:
    who = await world.person()
    assert (await world.cli("pause", "shop")).code == 0
    for i in range(3):
        await world.operator(who.number, f"held {i}")
    ran = await world.cli("status", "--json")
    shop = next(c for c in ran.json["connections"] if c["name"] == "shop")
    assert (shop["state"], shop["backlog"]) == ("paused", 3)
    await world.write(who, "desks are not paused")
    await world.in_group("desks are not paused")
    assert await world.answers(who) == []
    assert (await world.cli("resume", "shop")).code == 0
    await world.answered(who, "held 2")
    assert [m["text"] for m in await world.answers(who)] == [f"held {i}" for i in range(3)]
    wrong = await world.cli("pause", "shpo")
    assert wrong.code == 2 and 'did you mean "shop"' in wrong.err


async def test_trace_of_what_is_not_there(world: World) -> None:
    ran = await world.cli("trace", "0123456789abcdef")
    assert ran.code == 1 and "Traceback" not in ran.err and ran.err.strip()


async def test_a_customers_message_is_found_by_its_queue_id(world: World) -> None:
    who = await world.person()
    written = await world.write(who, "where is it?")
    await world.settled()
    found = await world.trace(written["queue_id"])
    assert (found["kind"], found["conversation"], found["state"]) == ("message", who.number, "accepted")
    assert {h["where"] for h in found["hops"]} == {"shop", "panel", "sales"}
    ran = await world.cli("trace", written["queue_id"])
    assert ran.code == 0 and "where is it?" in ran.out and found["id"] in ran.out
