"""One attempt: its three steps, and what becomes of it when a bridge has a bug in any of them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from msgspec.structs import replace

from relay.contract.errors import Refusal, SendError, StoreUnavailable, UnsupportedContent
from relay.contract.model import OutboundRequest, Outcome, Part, RawResponse, Verdict
from relay.outbound.attempt import Attempts
from relay.routing.accounts import Accounts
from relay.store.records import Finish, Head, Lease, LeasedLane

LANE = LeasedLane(number=7, job="desk:7:1", token="1", taken_over=False)


class ABridge:
    """A desk's bridge in which any step may be told to fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: dict[str, Exception] = {}

    def _step(self, name: str) -> None:
        self.asked.append(name)
        if name in self.fails:
            raise self.fails[name]

    def fit(self, delivery: Any) -> tuple[Part, ...]:
        self._step("fit")
        return (Part(text=delivery.content.text),)

    def render(self, delivery: Any, part: Part) -> OutboundRequest:
        self._step("render")
        return OutboundRequest(method="POST", url="http://desk/", safe_url="http://desk/", body=part.text.encode())

    async def http(self, request: OutboundRequest) -> RawResponse:
        self._step("http")
        return RawResponse(status=200, headers=(), body=b"fine")

    def classify(self, response: RawResponse) -> Outcome:
        self._step("classify")
        return Outcome(verdict=Verdict.ACCEPTED, words=response.body.decode())


@pytest.fixture
def bridge() -> ABridge:
    return ABridge()


@pytest.fixture
def attempts(bridge: ABridge) -> Attempts:
    desk = SimpleNamespace(name="desk", bridge=bridge, is_desk=True, bot_id=1)
    texts = SimpleNamespace(notice=lambda name, **facts: f"{name} {facts}")
    return Attempts(
        Accounts(by_name=cast("Any", {"desk": desk}), desks_of={}, channels_of={}),
        cast("Any", None),
        cast("Any", texts),
        {"desk": cast("Any", bridge.http)},
        lambda destination, attachment: "",
        retries=8,
        pause_s=lambda k: 5.0,
    )


def head(**envelope: Any) -> Head:
    return Head(
        delivery_id="m-0", tries=0, part=0, kind="message", origin="shop", envelope=orjson.dumps(envelope), at_ms=1,
        channel="shop", remote_id="u", username="", name="", tried_before=False,
    )  # fmt: skip


def answer(**envelope: Any) -> Head:
    """An answer on its way to its own channel, which is called desk here."""
    found = head(text="hello", **envelope)
    found.kind, found.channel, found.origin = "answer", "desk", "panel"
    return found


async def made(attempts: Attempts, **envelope: Any) -> tuple[Finish, dict[str, Any]]:
    attempt = attempts.begin("desk", LANE, head(**({"text": "hello"} | envelope)), False)
    await attempt.send()
    finish = attempt.finish()
    return finish, orjson.loads(finish.line)


async def test_only_sending_waits_for_the_other_side(attempts: Attempts, bridge: ABridge) -> None:
    """A destination's places are held while sending: nothing else may be done meanwhile, nor be missing before."""
    attempt = attempts.begin("desk", LANE, head(text="hello"), False)
    assert bridge.asked == ["fit", "render"]
    await attempt.send()
    assert bridge.asked == ["fit", "render", "http"]
    finish = attempt.finish()
    assert bridge.asked == ["fit", "render", "http", "classify"]
    assert finish.verdict == "ok"
    assert orjson.loads(finish.line)["words"] == "fine"


@pytest.mark.parametrize("step", ["fit", "render", "http", "classify"])
async def test_a_bug_of_a_bridge_is_tried_again(
    attempts: Attempts, bridge: ABridge, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    bridge.fails[step] = ZeroDivisionError("a bug")
    finish, line = await made(attempts)
    assert (finish.verdict, line["reason"], line["words"]) == ("retry", "bug", "ZeroDivisionError")
    assert "bug while sending m-0 to desk" in caplog.text
    assert step in ("http", "classify") or "http" not in bridge.asked, "what is not worded is not sent"


async def test_what_cannot_be_carried_is_not_sent(attempts: Attempts, bridge: ABridge) -> None:
    bridge.fails["fit"] = UnsupportedContent(Refusal("refused_empty"))
    finish, line = await made(attempts)
    assert (finish.verdict, line["reason"]) == ("dead", "unsupported_content")
    assert "http" not in bridge.asked


async def test_a_lost_answer_is_no_certain_failure(attempts: Attempts, bridge: ABridge) -> None:
    bridge.fails["http"] = SendError("timeout", "no answer in 10 s", certain=False)
    finish, line = await made(attempts)
    assert (finish.verdict, line["reason"], line["certain"]) == ("retry", "timeout", False)
    assert finish.delay_ms > 0


async def test_a_window_that_closed_while_it_waited_for_its_turn(attempts: Attempts, bridge: ABridge) -> None:
    """Asked when it is sent, not when it is worded: in between it may have waited for a place."""
    cast("Any", attempts.accounts.by_name["desk"]).is_desk = False
    deadline_s = time.time() + 0.05
    attempt = attempts.begin("desk", LANE, answer(reply_deadline_ms=int(deadline_s * 1000)), False)
    while time.time() <= deadline_s:
        time.sleep(0.01)
    await attempt.send()
    assert "http" not in bridge.asked
    assert (attempt.finish().verdict, attempt.finish().reason) == ("dead", "deadline")


async def test_a_post_leaves_only_when_the_note_that_it_is_ours_is_durable(attempts: Attempts, bridge: ABridge) -> None:
    """Its echo may come back through another process before a command under way has reached the store; it was then sent
    to the customer as an answer."""

    class SlowStore:
        async def remember_echo(self, desk: str, text: str) -> None:
            await asyncio.sleep(0.02)
            bridge.asked.append(f"noted {text}")

    attempts.store = cast("Any", SlowStore())
    render = bridge.render
    bridge.render = lambda d, p: replace(render(d, p), echo=p.text)  # type: ignore[assignment, method-assign]
    await made(attempts)
    assert bridge.asked == ["fit", "render", "noted hello", "http", "classify"]


async def test_a_post_does_not_leave_when_its_note_cannot_be_written(attempts: Attempts, bridge: ABridge) -> None:
    class StoreAway:
        async def remember_echo(self, desk: str, text: str) -> None:
            raise StoreUnavailable("the store is away")

    attempts.store = cast("Any", StoreAway())
    render = bridge.render
    bridge.render = lambda d, p: replace(render(d, p), echo=p.text)  # type: ignore[assignment, method-assign]
    finish, _ = await made(attempts)
    assert finish.verdict == "hold" and "http" not in bridge.asked  # uses up no try


async def test_what_other_desks_are_shown_of_an_answer_has_no_reply_deadline(attempts: Attempts, bridge: ABridge):
    finish, _ = await made(attempts, reply_deadline_ms=1)
    assert finish.verdict == "ok" and "http" in bridge.asked


async def test_a_send_whose_lease_ran_out_while_it_waited_does_not_leave(attempts: Attempts, bridge: ABridge):
    """Another worker may have the lane by now, and would send the same message."""
    lane = replace(LANE, lease=Lease(until=asyncio.get_running_loop().time() - 0.001))
    attempt = attempts.begin("desk", lane, head(text="hello"), False)
    await attempt.send()
    finish = attempt.finish()
    assert "http" not in bridge.asked
    assert (finish.verdict, finish.reason, finish.delay_ms) == ("hold", "lease_ran_out", 0)


async def test_a_text_half_sent_goes_on_as_it_was_cut_though_the_settings_changed(attempts: Attempts, bridge: ABridge):
    cut = [Part(text="one"), Part(text="two"), Part(text="three")]
    bridge.fit = lambda delivery: tuple(cut)  # type: ignore[method-assign]
    first, _ = await made(attempts)
    assert first.verdict == "part" and first.pieces
    attempts.ended("m-0")  # another process, after a restart with longer texts allowed
    bridge.fit = lambda delivery: (Part(text="one two three"),)  # type: ignore[method-assign]
    sent: list[str] = []
    for part in (1, 2):
        again = head(text="hello")
        again.part, again.pieces = part, first.pieces
        attempt = attempts.begin("desk", LANE, again, False)
        sent.append(cast("Any", attempt)._request.body.decode())
        await attempt.send()
        assert attempt.finish().verdict == ("part" if part == 1 else "ok")
    assert sent == ["two", "three"]


async def test_what_the_destination_itself_fails_at_is_told_apart_and_its_wish_to_wait_is_passed_on(
    attempts: Attempts, bridge: ABridge
):
    bridge.fails["http"] = SendError("connect_refused", "nobody listens", certain=True)
    finish, _ = await made(attempts)
    assert finish.transient
    del bridge.fails["http"]
    bridge.classify = lambda response: Outcome(  # type: ignore[method-assign]
        verdict=Verdict.RETRY, reason="rate_limited", status=429, retry_after_s=40.0
    )
    finish, _ = await made(attempts)
    assert not finish.transient and finish.told_ms == 40_000
