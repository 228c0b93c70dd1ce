"""The login behind every answer: kept, shared, renewed, refused; and nothing of it in any words."""

import asyncio
import logging

import pytest

from bridges.astrak.session import MEMORY_KEY
from relay.contract import (
    CatchingUp,
    CustomSend,
    HasBotId,
    Identified,
    Polling,
    Probing,
    Provisioning,
    Reclaiming,
)
from relay.contract.model import Kind, Verdict
from tests.bridges.astrak.far import ANNA, PASSWORD, Far, account, answer


def paths(far: Far) -> list[str]:
    return [r.safe_url.partition("/sandbox/messenger")[2] for r in far.http.sent]


def test_the_core_finds_the_abilities():
    bridge = account(bot_id=5)
    for ability in (CatchingUp, HasBotId, Identified, CustomSend, Polling, Probing, Provisioning, Reclaiming):
        assert isinstance(bridge, ability)
    assert bridge.bot_id == 5 and account().bot_id is None
    assert (account(receive="polling").polls(), account().polls()) == (True, False)


async def test_one_login_for_many_answers_and_over_restarts(far: Far):
    bridge = far.bridge()
    outcomes = await asyncio.gather(*(far.send(bridge, f"m{i}") for i in range(5)))
    assert all(o.verdict is Verdict.ACCEPTED and o.remote_id for parts in outcomes for o in parts)
    assert paths(far).count("/users/login") == 1
    await far.send(far.bridge(), "after a restart")
    assert paths(far).count("/users/login") == 1
    assert len(await far.texts(ANNA)) == 6


async def test_a_dead_token_is_renewed_once(far: Far):
    bridge = far.bridge()
    await far.send(bridge, "one")
    await far.act("revoke")
    [outcome] = await far.send(bridge, "two")
    assert outcome.verdict is Verdict.ACCEPTED
    assert paths(far)[2:] == ["/messages/send", "/users/check", "/users/login", "/messages/send"]
    assert await far.texts(ANNA) == ["one", "two"]
    far.bridge()
    await far.send(far.bridge(), "three")  # the new token was kept
    assert paths(far)[-1] == "/messages/send" and paths(far).count("/users/login") == 2


async def test_many_tasks_renew_a_dead_token_only_once(far: Far):
    bridge = far.bridge()
    await far.send(bridge, "one")
    await far.act("revoke")
    outcomes = await asyncio.gather(*(far.send(bridge, f"m{i}") for i in range(5)))
    assert all(o.verdict is Verdict.ACCEPTED for parts in outcomes for o in parts)
    assert paths(far).count("/users/login") == 2


async def test_a_kept_login_of_other_credentials_is_not_used(far: Far):
    await far.send(far.bridge(), "one")
    bridge = far.bridge(password="another-canary")
    [outcome] = await far.send(bridge, "two")
    assert outcome.verdict is Verdict.CREDENTIALS


async def test_a_broken_memory_is_only_a_login_more(far: Far):
    for words in ("{", "[]", '{"account": 1}', '{"account": "x", "id": 1, "token": "t"}'):
        far.memory.words[MEMORY_KEY] = words
        [outcome] = await far.send(far.bridge(), "x")
        assert outcome.verdict is Verdict.ACCEPTED


async def test_a_wrong_password_pauses_the_channel_in_words(far: Far):
    bridge = far.bridge(password="wrong-canary")
    [outcome] = await far.send(bridge, "x")
    assert (outcome.verdict, outcome.reason) == (Verdict.CREDENTIALS, "login_refused")
    assert "Wrong username or password" in outcome.words and "check `username` and `password`" in outcome.words
    assert "canary" not in outcome.words
    [check] = await bridge.probe(far.http)
    assert check.ok is False and check.credentials and "canary" not in repr(check)


async def test_a_refusal_for_another_reason_is_told_and_costs_no_login(far: Far):
    [outcome] = await far.send(far.bridge(), "x", to=999)
    assert (outcome.verdict, outcome.reason, outcome.words) == (Verdict.REJECTED, "refused", "No such user")
    assert paths(far).count("/users/login") == 1


async def test_when_nobody_can_say_whether_the_token_is_dead(far: Far):
    bridge = far.bridge()
    await far.send(bridge, "one")
    await far.switch(failing=3, failing_as="negative_code", check_by="get")
    [outcome] = await far.send(bridge, "x")
    assert outcome.verdict is Verdict.CREDENTIALS  # check says no, and so does the login
    await far.switch(failing=0)
    await far.send(bridge, "recovered")
    await far.act("revoke")
    bridge2 = far.bridge()
    http = far.http

    async def cut(request):
        response = await http(request)
        if request.safe_url.endswith("/users/check"):
            return type(response)(status=503, body=b"<html>")
        return response

    [part] = bridge2.fit(answer("y"))
    outcome = await bridge2.send(answer("y"), part, cut, far.memory)
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "token_unsure")


@pytest.mark.parametrize(
    ("failing_as", "certain"), [("html_503", True), ("html_500", False), ("html_200", False), ("json_500", False)]
)
async def test_trouble_is_tried_again(far: Far, failing_as: str, certain: bool):
    bridge = far.bridge()
    await far.send(bridge, "one")
    await far.switch(failing=1, failing_as=failing_as)
    [outcome] = await far.send(bridge, "two")
    assert (outcome.verdict, outcome.certain) == (Verdict.RETRY, certain)
    assert (await far.send(bridge, "two"))[0].verdict is Verdict.ACCEPTED


async def test_a_long_answer_arrives_in_order_and_can_be_taken_back(far: Far):
    bridge = far.bridge(max_text=20)
    outcomes = await far.send(bridge, "one two three four five six seven")
    assert await far.texts(ANNA) == ["one two three four", "five six seven"]
    ids = tuple(o.remote_id for o in outcomes)
    gone = await far.send(bridge, "", kind=Kind.DELETE, remote_ids=ids)
    assert [o.verdict for o in gone] == [Verdict.ACCEPTED] * 2 and await far.texts(ANNA) == []
    [again] = await far.send(bridge, "", kind=Kind.DELETE, remote_ids=ids[:1])
    assert again.verdict is Verdict.REJECTED and "No such message" in again.words


async def test_probe_and_identity(far: Far):
    bridge = far.bridge()
    assert await bridge.identity(far.http) == "1"
    [check] = await bridge.probe(far.http)
    assert check.ok is True and check.found == "shop is user 1"
    await far.act("revoke")
    assert (await bridge.probe(far.http))[0].ok is True
    away = account("http://127.0.0.1:9")
    [check] = await away.probe(far.http)
    assert check.ok is False and not check.credentials and "check the network" in check.remedy


async def test_canaries_appear_in_no_log_error_or_repr(far: Far, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    bridge = far.bridge()
    said = [repr(await far.send(bridge, "x", to=to)) for to in (ANNA, 999)]
    token = (await bridge._session.login(far.http, None)).token
    await far.act("revoke")
    said.append(repr(await far.send(bridge, "y")))
    said += [repr(await bridge.probe(far.http)), repr(await bridge.provision(far.http, {"<secret>": far.hook}))]
    said += [repr(bridge.settings), repr(bridge), str(bridge._session.__dict__["_login"])]
    said.append(repr(bridge.render(answer("x"), bridge.fit(answer("x"))[0])))
    said += [r.safe_url for r in far.http.sent]
    state = repr(await far.state())
    log = "\n".join(r.getMessage() for r in caplog.records)
    for words in (*said, state, log):
        assert token not in words and PASSWORD not in words and "canary-path-secret" not in words
