"""How events come: by callback, by polling, and by looking for what neither brought."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from bridges.astrak import AstrakBridge
from bridges.astrak.catching_up import MEMORY_KEY, SURE_AFTER_S
from relay.contract.errors import RemoteError, SendError
from relay.contract.model import AccountWarning, Event, Incoming, OutboundRequest, RawResponse, Unknown
from tests.bridges.astrak.far import ANNA, BORIS, Far, account

# --- callback -------------------------------------------------------------------------------------------------------


async def callback(far: Far, **changes: object) -> AstrakBridge:
    bridge = far.bridge(**changes)
    [check] = await bridge.provision(far.http, {"<secret>": far.hook})
    assert check.ok is True and check.changed and "secret" not in check.found
    return bridge


@pytest.mark.parametrize("callback_form", [False, True])
async def test_a_customers_message_by_callback(far: Far, callback_form: bool):
    await far.switch(callback_form=callback_form)
    bridge = await callback(far)
    await far.act("write", from_id=ANNA, text="Привет")
    await far.until(lambda: far.relay.events)
    [incoming] = far.relay.events
    assert isinstance(incoming, Incoming)
    assert (incoming.remote_user, incoming.remote_id, incoming.content.text) == (str(ANNA), "1", "Привет")
    assert incoming.sent_at is not None and not incoming.late
    # Our own words come back as an event and are left alone, also in a process that has never logged in.
    far.relay.bridge = account(far.url)
    await far.send(bridge, "Здравствуйте")
    await far.until(lambda: len(far.relay.seen) == 2)
    assert far.relay.events == [incoming]


async def test_an_event_without_text_reaches_the_desks(far: Far):
    await callback(far)
    await far.act("write", from_id=ANNA, text=None)
    await far.until(lambda: far.relay.events)
    [incoming] = far.relay.events
    assert isinstance(incoming, Incoming) and incoming.placeholder == "message without text"


async def test_a_taken_callback_is_told_and_taken_back_at_most_once_a_minute(far: Far):
    bridge = await callback(far)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    bridge._sleep = sleep
    await far.act("take_callback", callback="https://else.example/canary-of-theirs")
    await far.until(lambda: far.relay.events)
    assert far.relay.events == [AccountWarning(notice="callback_taken", facts=(("new", "else.example"),))]
    hooks = {"<secret>": far.hook}
    first, second = await asyncio.gather(bridge.reclaim(far.http, hooks), bridge.reclaim(far.http, hooks))
    assert first[0].ok is True and second == []
    assert len(pauses) == 1 and 55 < pauses[0] <= 60
    await bridge.reclaim(far.http, hooks)
    assert len(pauses) == 2 and 55 < pauses[1] <= 60
    await far.act("write", from_id=ANNA, text="you again")
    await far.until(lambda: far.said() == ["you again"])


async def test_our_own_new_secret_is_no_warning(far: Far):
    bridge = await callback(far)
    await bridge.provision(far.http, {"<secret>": far.hook + "-rotated"})
    await far.until(lambda: far.relay.events)
    assert all(isinstance(e, Unknown) for e in far.relay.events)


async def test_provisioning_says_what_happened(far: Far):
    polling = far.bridge(receive="polling")
    [check] = await polling.provision(far.http, {"<secret>": far.hook})
    assert check.ok is True and not check.changed and far.http.sent == []
    [check] = await far.bridge().provision(far.http, {})
    assert check.ok is None
    [check] = await far.bridge(password="wrong").provision(far.http, {"<secret>": far.hook})
    assert check.ok is False and check.credentials and "check `username`" in check.remedy

    async def other_code(request: OutboundRequest) -> RawResponse:
        response = await far.http(request)
        if request.safe_url.endswith("/callback/start"):
            return RawResponse(status=200, body=b'{"code": 0}')
        return response

    [check] = await far.bridge().provision(other_code, {"<secret>": far.hook})
    assert check.ok is None and "not 10" in check.found and "polling" in check.remedy


# --- missed ---------------------------------------------------------------------------------------------------------


def texts(events: Sequence[Event]) -> list[str]:
    return [e.content.text for e in events if isinstance(e, Incoming)]


async def test_what_was_written_while_we_were_away_comes_late(far: Far):
    await far.act("write", from_id=ANNA, text="before the relay came")
    bridge = far.bridge()
    assert await bridge.missed(far.http, far.memory) == ()
    await far.act("write", from_id=ANNA, text="one")
    await far.act("write", from_id=BORIS, text="two")
    await far.act("write", from_id=ANNA, text=None)
    await far.send(bridge, "our own")
    restarted = far.bridge()
    found = await restarted.missed(far.http, far.memory)
    assert texts(found) == ["one", "two", ""]
    one, two, three = found
    assert isinstance(one, Incoming) and isinstance(two, Incoming) and isinstance(three, Incoming)
    assert one.late and (one.remote_user, one.remote_id, one.username) == (str(ANNA), "2", "anna")
    assert (two.remote_user, two.remote_id, two.username) == (str(BORIS), "3", "boris")
    assert three.placeholder == "message without text" and one.sent_at is not None


async def test_missed_messages_are_offered_until_they_are_surely_durable(far: Far):
    bridge = far.bridge()
    now = 0.0
    bridge._catch_up._monotonic = lambda: now
    await bridge.missed(far.http, far.memory)
    await far.act("write", from_id=ANNA, text="one")
    for _ in range(2):  # the first time, the store was away
        assert texts(await bridge.missed(far.http, far.memory)) == ["one"]
    now += SURE_AFTER_S
    assert texts(await bridge.missed(far.http, far.memory)) == []
    await far.act("write", from_id=ANNA, text="two")
    assert texts(await far.bridge().missed(far.http, far.memory)) == ["two"]


async def test_the_mark_moves_with_answers_too(far: Far):
    bridge = far.bridge()
    now = 0.0
    bridge._catch_up._monotonic = lambda: now
    await bridge.missed(far.http, far.memory)
    before = far.memory.words[MEMORY_KEY]
    await far.act("write", from_id=ANNA, text="one")
    await bridge.missed(far.http, far.memory)
    await far.send(bridge, "x")
    assert far.memory.words[MEMORY_KEY] == before
    now += SURE_AFTER_S
    await far.send(bridge, "y")
    assert far.memory.words[MEMORY_KEY] != before


async def test_a_message_that_comes_while_we_read_is_not_passed_by(far: Far):
    """Boris's message gets a lower id than the one of Anna's that we read last; the mark must not pass it."""
    bridge = far.bridge()
    await bridge.missed(far.http, far.memory)
    await far.act("write", from_id=ANNA, text="a1")
    interrupted = False

    async def http(request: OutboundRequest) -> RawResponse:
        nonlocal interrupted
        if request.safe_url.endswith("/messages/dialog") and not interrupted:
            interrupted = True
            await far.act("write", from_id=BORIS, text="b1")
            await far.act("write", from_id=ANNA, text="a2")
        return await far.http(request)

    assert texts(await bridge.missed(http, far.memory)) == ["a1", "b1", "a2"]


async def test_a_broken_mark_is_set_anew(far: Far):
    far.memory.words[MEMORY_KEY] = "garbage"
    await far.act("write", from_id=ANNA, text="old")
    assert await far.bridge().missed(far.http, far.memory) == ()
    await far.act("write", from_id=ANNA, text="new")
    assert texts(await far.bridge().missed(far.http, far.memory)) == ["new"]


# --- polling --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def polled(far: Far, bridge: AstrakBridge, sink: list[Event]) -> AsyncIterator["asyncio.Task[None]"]:
    async def run() -> None:
        async with aclosing(bridge.events(far.http, far.memory)) as events:  # type: ignore[type-var]
            async for batch in events:
                sink.extend(batch)

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def polls_now(far: Far) -> None:
    async with asyncio.timeout(10):
        while not (await far.state())["users"][0]["polling"]:
            await asyncio.sleep(0.01)


async def test_polled_events_come_in_order_and_own_messages_are_left_alone(far: Far):
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got):
        await polls_now(far)
        for i in range(5):
            await far.act("write", from_id=ANNA, text=f"m{i}")
        await far.send(bridge, "our own")
        await far.act("write", from_id=ANNA, text="last")
        await far.until(lambda: "last" in texts(got))
    assert texts(got) == [*(f"m{i}" for i in range(5)), "last"] and len(got) == 6
    assert {e.username for e in got if isinstance(e, Incoming)} == {"anna"}  # events name nobody; the dialogs do
    assert not any(e.late for e in got if isinstance(e, Incoming))


async def test_an_idle_poll_ends_in_a_page_and_begins_again(far: Far):
    await far.switch(hold_s=2.05)  # longer than what counts as being turned away
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got) as task:
        await polls_now(far)
        await asyncio.sleep(2.3)
        await polls_now(far)
        await far.act("write", from_id=ANNA, text="still there?")
        await far.until(lambda: got)
        assert not task.done()
    assert texts(got) == ["still there?"]


async def test_an_event_lost_with_the_connection_is_looked_for(far: Far):
    await far.switch(lose_next=1)
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got) as task:
        await polls_now(far)
        await far.act("write", from_id=ANNA, text="lost")
        await asyncio.wait([task])
        assert isinstance(task.exception(), SendError)  # the core waits a little and calls again
    async with polled(far, bridge, got):
        await far.until(lambda: got)
        await polls_now(far)
        await far.act("write", from_id=ANNA, text="next")
        await far.until(lambda: len(got) == 2)
    assert texts(got) == ["lost", "next"]


async def test_what_came_while_nobody_polled_is_taken_once(far: Far):
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got):
        await polls_now(far)
    await far.act("write", from_id=ANNA, text="meanwhile")
    async with polled(far, far.bridge(receive="polling"), got):
        await far.until(lambda: got)
        await far.act("write", from_id=ANNA, text="now")
        await far.until(lambda: "now" in texts(got))
    # The queue still held the first event as well: it has the same id, by which the core knows it.
    assert {e.remote_id for e in got if isinstance(e, Incoming)} == {"1", "2"}
    first = got[0]
    assert isinstance(first, Incoming) and first.late


async def test_a_json_error_is_trouble_for_the_core_and_then_over(far: Far):
    await far.switch(hold_s=0, idle="json_error")
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got) as task:
        await asyncio.wait([task])
        error = task.exception()
        assert isinstance(error, RemoteError) and "switch says no" in str(error)
    await far.switch(hold_s=25, idle="html_503")
    async with polled(far, bridge, got):
        await polls_now(far)
        await far.act("write", from_id=ANNA, text="again")
        await far.until(lambda: texts(got) == ["again"])


async def test_a_dead_token_during_a_poll_is_renewed(far: Far):
    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with polled(far, bridge, got) as task:
        await polls_now(far)
        await far.act("revoke")
        await asyncio.sleep(0.2)
        await polls_now(far)
        await far.act("write", from_id=ANNA, text="still here")
        await far.until(lambda: texts(got) == ["still here"])
        assert not task.done()


async def test_a_server_that_turns_polls_away_is_not_hammered(far: Far):
    await far.switch(hold_s=0)
    bridge, got = far.bridge(receive="polling"), list[Event]()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    bridge._poller._sleep = sleep
    async with polled(far, bridge, got) as task:
        await asyncio.wait([task])
        assert isinstance(task.exception(), RemoteError)
    assert pauses == [1.0, 2.0, 4.0, 8.0]


async def test_an_event_that_cannot_be_read_does_not_stop_the_loop(far: Far):
    answers = [b'{"code": 5, "type": "new_message", "event": {"text": "from nobody"}}', b'{"code": 5, "type": "gift"}']

    async def http(request: OutboundRequest) -> RawResponse:
        if request.safe_url.endswith("/events/polling") and answers:
            return RawResponse(status=200, body=answers.pop(0))
        return await far.http(request)

    bridge, got = far.bridge(receive="polling"), list[Event]()
    async with aclosing(bridge.events(http, far.memory)) as events:  # type: ignore[type-var]
        async for batch in events:
            got += batch
            if len(got) == 2:
                break
    assert [type(e) for e in got] == [Unknown, Unknown]
    assert "no from_id" in str(got[0]) and got[1] == Unknown(type="gift")
