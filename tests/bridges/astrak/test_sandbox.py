"""The sandbox's own promises: its switches, its actions, its state without secrets, and the same again with a seed."""

import asyncio
import time

from relay.contract.model import Incoming, Verdict
from tests.bridges.astrak.far import ANNA, HOOK, PASSWORD, Far, far_side


async def test_a_text_that_is_too_long_is_refused_in_words(far: Far):
    await far.switch(max_text=50)
    [outcome] = await far.send(far.bridge(), "x" * 51)
    assert outcome.verdict is Verdict.REJECTED and outcome.words == "Text is longer than 50 characters"
    [outcome] = await far.send(far.bridge(max_text=50), "x" * 50)
    assert outcome.verdict is Verdict.ACCEPTED


async def test_a_callback_that_failed_is_lost_and_found_in_the_dialogs(far: Far):
    bridge = far.bridge()
    await bridge.provision(far.http, {"<secret>": far.hook})
    await bridge.missed(far.http, far.memory)
    far.relay.status = 503
    await far.act("write", from_id=ANNA, text="lost")
    await asyncio.sleep(0.2)
    far.relay.status = 200
    await far.act("write", from_id=ANNA, text="came")
    await far.until(lambda: far.said() == ["came"])
    found = await bridge.missed(far.http, far.memory)
    assert [e.content.text for e in found if isinstance(e, Incoming)] == ["lost", "came"]  # the core knows "came"


async def test_failed_callbacks_are_repeated_on_request(far: Far):
    await far.switch(callback_again=True)
    await far.bridge().provision(far.http, {"<secret>": far.hook})
    far.relay.status = 503
    await far.act("write", from_id=ANNA, text="again")
    await asyncio.sleep(0.2)
    assert far.said() == []
    far.relay.status = 200
    await far.until(lambda: far.said() == ["again"])


async def test_senders_hear_of_themselves_only_while_the_switch_is_on(far: Far):
    bridge = far.bridge()
    await bridge.provision(far.http, {"<secret>": far.hook})
    await far.send(bridge, "heard")
    await far.until(lambda: len(far.relay.seen) == 1)
    await far.switch(echo_own=False)
    await far.send(bridge, "unheard")
    await far.act("write", from_id=ANNA, text="and then")
    await far.until(lambda: far.said() == ["and then"])
    assert len(far.relay.seen) == 2


async def test_an_answer_may_take_its_time(far: Far):
    await far.switch(slow_s=0.2)
    started = time.monotonic()
    await far.client().login("shop", PASSWORD)
    assert time.monotonic() - started >= 0.2


async def test_actions_say_what_is_wrong_with_them(far: Far):
    assert "no customer 1" in (await far.act("write", from_id=1, text="x"))["error"]
    assert "taken" in (await far.act("join", username="anna"))["error"]
    assert "username" in (await far.act("join", username="x" * 16))["error"]


async def test_state_and_log_show_no_secret(far: Far):
    bridge = far.bridge()
    await bridge.provision(far.http, {"<secret>": far.hook})
    await far.act("write", from_id=ANNA, text="x")
    await far.until(lambda: far.relay.events)
    async with far.session.get(f"{far.url}/_sandbox/hooks") as answer:
        shown = await answer.text() + repr(await far.state())
    assert PASSWORD not in shown and "eyJ" not in shown and HOOK.rpartition("/")[2] not in shown


async def test_reset_kills_tokens_and_forgets_everything(far: Far):
    bridge = far.bridge()
    await far.send(bridge, "x")
    async with far.session.post(f"{far.url}/_sandbox/reset", json={}) as answer:
        assert answer.status == 200
    state = await far.state()
    assert state["messages"] == [] and [u["username"] for u in state["users"]] == ["shop", "anna", "boris", "Ольга"]
    [outcome] = await far.send(bridge, "y")  # the old token is dead, a new login is not
    assert (outcome.verdict, outcome.remote_id) == (Verdict.ACCEPTED, "1")


async def test_the_same_seed_gives_the_same_codes():
    codes = []
    for _ in range(2):
        async with far_side(seed=7) as far:
            await far.client().register("newcomer", "long enough", "+79001234567")
            codes.append(next(u["sms"] for u in (await far.state())["users"] if u["username"] == "newcomer"))
    assert codes[0] == codes[1] and len(codes[0]) == 5


async def test_it_stops_at_once_though_somebody_polls():
    async with far_side() as far:
        token = (await far.client().login("shop", PASSWORD)).token
        poll = asyncio.create_task(far.session.post(f"{far.url}/events/polling", data={"token": token}))
        async with asyncio.timeout(10):
            while not (await far.state())["users"][0]["polling"]:
                await asyncio.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    await asyncio.wait([poll])
    poll.exception()
