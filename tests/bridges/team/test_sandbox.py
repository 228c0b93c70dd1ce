"""The sandbox as a server that misbehaves, and the bridge in front of it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from bridges.sandbox_kit import Ids
from bridges.team.client import Target, TeamClient
from bridges.team.sandbox import world as sandbox_world
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, SANDBOX_TOKEN
from bridges.team.shapes import Device
from relay.contract import RawRequest
from relay.contract.errors import RemoteError, SendError
from relay.contract.model import Answer, Command, Delivery, Kind, Note, Outcome, Verdict
from tests.bridges.team.conftest import Running
from tests.bridges.team.samples import KEY, bridge, delivery
from tests.bridges.team.test_client import DOCUMENTED


async def send(sandbox: Running, of: Delivery | None = None, **settings: Any) -> list[Outcome]:
    """Through the bridge, as the core would: fit, render, send, classify."""
    desk = sandbox.bridge(**settings)
    of = of or delivery()
    return [desk.classify(await sandbox.http(desk.render(of, part))) for part in desk.fit(of)]


# --- posts ----------------------------------------------------------------------------------------------------------


async def test_posts_arrive_as_they_were_meant(sandbox: Running):
    text = "Hi & bye + 100% 👋\n=привет= \\n 'x' \"y\"\t."
    (outcome,) = await send(sandbox, delivery(text=text))
    assert (outcome.verdict, outcome.status) == (Verdict.ACCEPTED, 200)
    assert await sandbox.texts() == [f"#42 Anna (@anna): {text}"]


async def test_long_posts_arrive_in_order(sandbox: Running):
    outcomes = await send(sandbox, delivery(text="word " * 2000))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    texts = await sandbox.texts()
    assert [text[:10] for text in texts] == ["#42 Anna (", "#42… (2/3)", "#42… (3/3)"]


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"key": KEY, "message": "hé"}},
        {"json": {"key": KEY, "message": "hé"}},
        {"data": json.dumps({"key": KEY, "message": "hé"}).encode(), "headers": {"Content-Type": "text/plain"}},
        {"data": aiohttp.FormData({"key": KEY, "message": "hé"}, default_to_multipart=True)},
    ],
)
async def test_every_encoding_of_api_message(sandbox: Running, more: dict[str, Any]):
    assert await sandbox.raw("POST", "/api/message", **more) == (200, {"ok": True})
    assert await sandbox.texts() == ["hé"]


async def test_json_without_a_content_type(sandbox: Running):
    # FACTS 1.4: the vendor's client sends none
    more = {"data": json.dumps({"key": KEY, "message": "hé"}).encode(), "skip_auto_headers": ["Content-Type"]}
    assert await sandbox.raw("POST", "/api/message", **more) == (200, {"ok": True})
    more = {"data": b'{"phone": "+79166660002"}', "skip_auto_headers": ["Content-Type"]}
    assert (await sandbox.raw("POST", "/api/v3/sms-login", **more))[1]["result"]["phone"] == "+79166660002"


async def test_the_other_fields_of_api_message(sandbox: Running):
    fields = {"key": KEY, "message": "a\\nb", "convert_linebreaks": "1", "important": "true", "nopreview": "1"}
    await sandbox.raw("POST", "/api/message", data=fields)
    (message,) = (await sandbox.state())["messages"]
    assert (message["text"], message["important"], message["silently"]) == ("a\nb", True, False)


async def test_several_keys_are_several_groups(sandbox: Running):
    second = await sandbox.act("add_integration", chat="g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc")
    (outcome,) = await send(sandbox, key=f"{KEY}, {second['key']}")
    assert outcome.verdict is Verdict.ACCEPTED
    assert await sandbox.texts() == await sandbox.texts(second["group"]) == ["#42 Anna (@anna): hello"]
    # One bad key among them: nothing is posted anywhere.
    (outcome,) = await send(sandbox, key=f"{KEY},nonsense")
    assert outcome.verdict is Verdict.CREDENTIALS
    assert len((await sandbox.state())["messages"]) == 2


async def test_a_repeated_message_id_is_one_message(sandbox: Running):
    for _ in range(2):
        (outcome,) = await send(sandbox, send_message_id=True)
        assert outcome.verdict is Verdict.ACCEPTED
    assert len(await sandbox.texts()) == 1
    status, answer = await sandbox.raw("POST", "/api/message", data={"key": KEY, "message": "x", "message_id": "x"})
    assert (status, answer["error"]) == (422, "message_id must be a UUID.")


async def test_mode_user_posts_once_however_often_it_tries(sandbox: Running):
    user: dict[str, Any] = {"mode": "user", "token": SANDBOX_TOKEN, "team": SANDBOX_TEAM, "to": SANDBOX_GROUP}
    outcomes = [(await send(sandbox, **user))[0] for _ in range(3)]
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert len({outcome.remote_id for outcome in outcomes}) == 1
    (message,) = (await sandbox.state())["messages"]
    assert (message["text"], message["by"], message["name"]) == ("#42 Anna (@anna): hello", "api", "Анна Петрова")
    assert message["id"] == outcomes[0].remote_id
    # What a user posts is a message like any other: the webhook tells it, and the text is known as our own.
    (hook,) = await sandbox.settle()
    assert hook["text"] == "#42 Anna (@anna): hello"


async def test_mode_user_to_a_person(sandbox: Running):
    person = (await sandbox.state())["people"][1]["jid"]
    user: dict[str, Any] = {"mode": "user", "token": SANDBOX_TOKEN, "team": SANDBOX_TEAM, "to": person}
    (outcome,) = await send(sandbox, **user)
    assert outcome.verdict is Verdict.ACCEPTED
    assert await sandbox.texts(person) == ["#42 Anna (@anna): hello"]
    assert await sandbox.settle() == []  # webhooks are of groups


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"token": "nonsense"}, Verdict.CREDENTIALS, "bad_token"),
        ({"team": str(uuid4())}, Verdict.REJECTED, "not_found"),
        ({"to": f"g-{uuid4()}"}, Verdict.REJECTED, "not_found"),
    ],
)
async def test_mode_user_refused(sandbox: Running, changes: dict[str, str], verdict: Verdict, reason: str):
    user: dict[str, Any] = {"mode": "user", "token": SANDBOX_TOKEN, "team": SANDBOX_TEAM, "to": SANDBOX_GROUP}
    (outcome,) = await send(sandbox, **(user | changes))
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


@pytest.mark.parametrize("errors", ["as_documented", "codes", "words"])
@pytest.mark.parametrize("always_200", [False, True])
async def test_credentials_are_recognised_in_every_style(sandbox: Running, errors: str, always_200: bool):
    await sandbox.switch(errors=errors, always_200=always_200)
    (outcome,) = await send(sandbox, key="nonsense")
    assert outcome.verdict is Verdict.CREDENTIALS
    assert outcome.status == (200 if always_200 else 401)

    (integration,) = (await sandbox.state())["integrations"]
    await sandbox.act("set_integration", uid=integration["uid"], enabled=False)
    (outcome,) = await send(sandbox)
    assert outcome.verdict is Verdict.CREDENTIALS
    await sandbox.act("set_integration", uid=integration["uid"], enabled=True)
    assert (await send(sandbox))[0].verdict is Verdict.ACCEPTED

    await sandbox.switch(unpaid=True)
    (outcome,) = await send(sandbox)
    assert (outcome.verdict, outcome.reason) == (Verdict.CREDENTIALS, "unpaid")
    await sandbox.switch(unpaid=False)

    await sandbox.act("delete_integration", uid=integration["uid"])
    (outcome,) = await send(sandbox)
    assert outcome.verdict is Verdict.CREDENTIALS


@pytest.mark.parametrize(
    ("kind", "reason", "certain"),
    [
        ("server_error", "server_error", False),
        ("proxy_page", "server_error", False),
        ("rate_limit", "rate_limited", True),
        ("html_with_200", "not_their_answer", False),
    ],
)
async def test_failures_that_pass(sandbox: Running, kind: str, reason: str, certain: bool):
    await sandbox.switch(failing=2, failing_with=kind, retry_after_s=7)
    for _ in range(2):
        (outcome,) = await send(sandbox)
        assert (outcome.verdict, outcome.reason, outcome.certain) == (Verdict.RETRY, reason, certain)
        assert outcome.retry_after_s == (7.0 if kind in ("server_error", "rate_limit") else None)
        assert outcome.words
    assert (await send(sandbox))[0].verdict is Verdict.ACCEPTED
    assert len(await sandbox.texts()) == 1


async def test_a_dropped_connection(sandbox: Running):
    await sandbox.switch(failing=1, failing_with="drop")
    with pytest.raises(SendError):
        await send(sandbox)
    assert (await send(sandbox))[0].verdict is Verdict.ACCEPTED


async def test_a_lost_answer_doubles_unless_the_id_is_sent(sandbox: Running):
    cases: tuple[tuple[dict[str, Any], int], ...] = (({}, 2), ({"send_message_id": True}, 3))
    for settings, copies in cases:
        await sandbox.switch(lost_answers=1)
        (outcome,) = await send(sandbox, **settings)
        assert (outcome.verdict, outcome.certain) == (Verdict.RETRY, False)
        assert (await send(sandbox, **settings))[0].verdict is Verdict.ACCEPTED
        assert len(await sandbox.texts()) == copies


async def test_too_long_and_empty(sandbox: Running):
    await sandbox.switch(max_message_length=100)
    (outcome,) = await send(sandbox, delivery(text="x" * 300))
    assert (outcome.verdict, outcome.reason, outcome.words) == (Verdict.REJECTED, "bad_text", "message is too long")
    status, answer = await sandbox.raw("POST", "/api/message", data={"key": KEY, "message": " "})
    assert (status, answer) == (422, {"ok": False, "error": "message is required"})
    assert await sandbox.texts() == []


async def test_latency(sandbox: Running):
    await sandbox.switch(latency_ms=200)
    started = time.perf_counter()
    await sandbox.client.ping()
    assert time.perf_counter() - started >= 0.2


# --- webhooks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart", "json", "json_without_type"])
async def test_a_colleague_answers(sandbox: Running, encoding: str):
    await sandbox.switch(encoding=encoding)
    await sandbox.act("say", text="#42 We open at 9.\n> Thanks | When?", sender="Olga")
    await sandbox.kit.hooks.settle()
    (request,) = sandbox.hooks.got
    assert request.headers["key"] == KEY
    desk = bridge()
    (event,) = desk.parse(desk.verify(request))
    assert isinstance(event, Answer)
    assert (event.contact_id, event.author) == (42, "Olga Brandt")
    assert (event.content.text, event.content.options) == ("We open at 9.", ("Thanks", "When?"))
    chat, sender, created, text = event.identity
    assert (chat, text) == (SANDBOX_GROUP, "#42 We open at 9.\n> Thanks | When?")
    assert sender.startswith("d-")
    assert created.endswith("Z")


async def test_exactly_the_documented_fields(sandbox: Running):
    await sandbox.act("say", text="hello")
    (fields,) = await sandbox.settle()
    assert set(fields) == {"chat", "chat_display_name", "created", "sender", "sender_display_name", "text"}
    assert (fields["chat_display_name"], fields["sender_display_name"]) == ("Sales", "Анна Петрова")
    await sandbox.switch(extra_field=True)
    await sandbox.act("say", text="/list")
    await sandbox.kit.hooks.settle()
    desk = bridge()
    (event,) = desk.parse(desk.verify(sandbox.hooks.got[1]))
    assert isinstance(event, Command)


async def test_eight_repeats_with_growing_pauses(sandbox: Running):
    await sandbox.switch(first_pause_s=0.01, pause_factor=1.5)
    sandbox.hooks.statuses = [500, 503, 404, 400, 401, 202, 302, 204]
    await sandbox.act("say", text="#42 hello")
    got = await sandbox.settle()
    assert len(got) == 9  # the first and eight more: anything but 200 is repeated
    assert all(fields == got[0] for fields in got)
    assert sandbox.kit.hooks.log[-1]["state"] == "done"

    sandbox.hooks.statuses = [500] * 20
    await sandbox.act("say", text="#42 again")
    await sandbox.settle()
    assert len(sandbox.hooks.got) == 18
    assert sandbox.kit.hooks.log[-1]["state"] == "given up"
    pauses = sandbox.kit.switches.pauses_s()
    assert len(pauses) == 8
    assert list(pauses) == sorted(pauses)


async def test_echo_on_and_off(sandbox: Running):
    desk = sandbox.bridge()
    of = delivery()
    request = desk.render(of, desk.fit(of)[0])
    await sandbox.http(request)
    (hook,) = await sandbox.settle()
    assert hook["text"] == request.echo  # exactly: this is how the core knows it for ours
    await sandbox.switch(echo=False)
    await send(sandbox)
    assert len(await sandbox.settle()) == 1
    await sandbox.act("say", text="#42 hello")  # colleagues are always told
    assert len(await sandbox.settle()) == 2


async def test_echo_of_any_text_is_the_text_we_remember(sandbox: Running):
    desk = sandbox.bridge()
    for kind, text in (
        (Kind.MESSAGE, "\r\n a\r\nb\rc \n"),
        (Kind.NOTICE, "#42: not delivered"),
        (Kind.MIRROR, "#1 x\n\n\n> a | b"),
        (Kind.COMMENT, "[a](https://b.c) \u202e \x00 👋🏽"),
    ):
        of = delivery(kind, text)
        for part in desk.fit(of):
            request = desk.render(of, part)
            await sandbox.http(request)
            assert (await sandbox.settle())[-1]["text"] == request.echo


async def test_twice_repeated_and_disordered(sandbox: Running):
    await sandbox.switch(twice=True)
    said = await sandbox.act("say", text="#42 hello")
    first, second = await sandbox.settle()
    assert first == second
    await sandbox.switch(twice=False)
    await sandbox.act("repeat", message_id=said["id"])
    assert (await sandbox.settle())[2] == first
    await sandbox.switch(in_order=False, first_pause_s=0.05)
    sandbox.hooks.statuses = [500]
    await sandbox.act("say", text="#42 one")
    while len(sandbox.hooks.got) < 4:
        await asyncio.sleep(0.005)
    await sandbox.act("say", text="#42 two")
    assert [fields["text"] for fields in await sandbox.settle()][3:] == ["#42 one", "#42 two", "#42 one"]


async def test_no_hook_without_integration(sandbox: Running):
    (integration,) = (await sandbox.state())["integrations"]
    await sandbox.act("set_integration", uid=integration["uid"], webhook_url="")
    await sandbox.act("say", text="a")
    await sandbox.act("set_integration", uid=integration["uid"], webhook_url=sandbox.hooks.url, enabled=False)
    await sandbox.act("say", text="b")
    await sandbox.act("say", text="c", chat="g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc")
    assert await sandbox.settle() == []


async def test_any_hook_by_hand(sandbox: Running):
    desk = bridge()

    async def last() -> RawRequest:
        return sandbox.hooks.got[-1]

    answer = await sandbox.act("raw_hook", fields={"text": "hello"}, encoding="multipart")
    assert answer == {"status": 200, "body": "got it"}
    assert desk.parse(desk.verify(await last())) == (Note(text="hello"),)
    await sandbox.act("raw_hook", key="", body="{", content_type="application/json")
    request = await last()
    assert (request.body, request.content_type, "key" in request.headers) == (b"{", "application/json", False)


async def test_edits_and_deletions_send_no_hook(sandbox: Running):
    # FACTS 1.8: they are invisible
    said = await sandbox.client.post(SANDBOX_TEAM, to=SANDBOX_GROUP, text="one", message_id=str(uuid4()))
    await sandbox.client.post(SANDBOX_TEAM, to=SANDBOX_GROUP, text="two", message_id=said.message_id)
    await sandbox.client.ws(SANDBOX_TEAM, "client.message.deleted", {"message_id": said.message_id})
    assert [fields["text"] for fields in await sandbox.settle()] == ["one"]
    (message,) = (await sandbox.state())["messages"]
    assert (message["edited"], message["deleted"]) == (True, True)


# --- refusals of the API --------------------------------------------------------------------------------------------


async def refused(work: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await work
    return caught.value


async def test_who_is_nobody(sandbox: Running):
    assert (await refused(sandbox.nobody.me())).code == "EMPTY_TOKEN"
    stranger = TeamClient(sandbox.http, Target(url=sandbox.url, token="nonsense"))
    error = await refused(stranger.me())
    assert (error.code, error.status) == ("INVALID_TOKEN", 401)
    assert "relay team login" in error.remedy
    lost = TeamClient(sandbox.http, Target(url=sandbox.url, cookie="team_session=nonsense"))
    assert (await refused(lost.me())).code == "EMPTY_SESSION"


async def test_a_team_that_is_not_ours(sandbox: Running):
    login = await sandbox.nobody.sms_login("+7 999 000-00-01")
    (code,) = (await sandbox.state())["sms"]
    other = sandbox.nobody.logged_in(await sandbox.nobody.sms_auth(login.phone, code["code"], device_id="d", name="n"))
    assert await other.teams() == []
    error = await refused(other.integrations(SANDBOX_TEAM))
    assert (error.code, error.status) == ("ACCESS_DENIED", 403)
    assert (await refused(other.team(str(uuid4())))).code == "NOT_FOUND"
    assert (await refused(other.team("no-uuid"))).code == "NOT_FOUND"


async def test_members_manage_nothing(sandbox: Running):
    invitation = await sandbox.client.create_invitation(SANDBOX_TEAM)
    login = await sandbox.nobody.sms_login("+7 999 000-00-01")
    (code,) = (await sandbox.state())["sms"]
    member = sandbox.nobody.logged_in(await sandbox.nobody.sms_auth(login.phone, code["code"], device_id="d", name="n"))
    assert (await member.join(invitation.token)).need_confirmation
    for work in (
        member.integrations(SANDBOX_TEAM),
        member.change_team(SANDBOX_TEAM, name="mine"),
        member.delete_team(SANDBOX_TEAM),
        member.create_invitation(SANDBOX_TEAM),
        member.delete_icon(SANDBOX_TEAM),
    ):
        assert (await refused(work)).code == "ACCESS_DENIED"
    await sandbox.client.delete_invitation(SANDBOX_TEAM, invitation.uid)
    assert (await refused(member.join(invitation.token))).code == "INVALID_DATA"


async def test_what_is_not_there(sandbox: Running):
    uid, client = str(uuid4()), sandbox.client
    for work in (
        client.integration(SANDBOX_TEAM, uid),
        client.delete_integration(SANDBOX_TEAM, uid),
        client.invitation(SANDBOX_TEAM, uid),
        client.device("none"),
        client.address_book("none"),
        client.ws(SANDBOX_TEAM, "client.message.deleted", {"message_id": uid}),
    ):
        assert (await refused(work)).code == "NOT_FOUND"
    assert (await refused(client.ws(SANDBOX_TEAM, "client.unknown", {}))).code == "INVALID_METHOD"
    assert await client.ws(SANDBOX_TEAM, "client.ping", {}) is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v3/sms-login", {}),
        ("POST", "/api/v3/sms-login", {"phone": "call me"}),
        ("POST", "/api/v3/sms-login", {"phone": 7}),
        ("POST", "/api/v3/devices", {"name": "x"}),
        ("POST", "/api/v3/devices", {"device_id": "x", "type": "toaster"}),
        ("POST", "/api/v3/devices", {"device_id": "x", "data_pushes": "yes"}),
        ("POST", "/api/v3/teams", {"name": " "}),
        ("POST", "/api/v3/teams", {"name": "x", "contacts": [{"phone": "letters"}]}),
        ("POST", "/api/v3/teams", {"name": "x", "contacts": ["+7"]}),
        ("POST", f"/api/v3/teams/{SANDBOX_TEAM}/integrations", {"kind": "raw", "group": "g-none"}),
        ("POST", f"/api/v3/teams/{SANDBOX_TEAM}/integrations", {"kind": "magic", "group": SANDBOX_GROUP}),
        (
            "POST",
            f"/api/v3/teams/{SANDBOX_TEAM}/integrations",
            {"kind": "raw", "group": SANDBOX_GROUP, "webhook_url": "ftp://x"},
        ),
        ("POST", f"/api/v3/teams/{SANDBOX_TEAM}/icons", {}),
        ("POST", f"/api/v3/teams/{SANDBOX_TEAM}/ws/client.message.updated", {"to": SANDBOX_GROUP}),
        (
            "POST",
            f"/api/v3/teams/{SANDBOX_TEAM}/ws/client.message.updated",
            {"to": SANDBOX_GROUP, "content": {"text": "x"}, "message_id": "1"},
        ),
        ("PUT", "/api/v3/ui-settings", {"x": "y" * 16_000}),
        ("POST", "/api/v3/teams/join", {"token": "none"}),
        ("POST", "/api/v3/qr-auth", {"temp_token": "none"}),
    ],
)
async def test_bad_data(sandbox: Running, method: str, path: str, body: Any):
    before = await sandbox.state()
    status, answer = await sandbox.raw(method, path, json=body)
    assert (status, answer["ok"], answer["error"]) == (422, False, "INVALID_DATA")
    assert answer["details"]
    assert await sandbox.state() == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 50_000])
async def test_bodies_that_cannot_be_read(sandbox: Running, body: bytes):
    for path in ("/api/v3/devices", "/api/v3/sms-login", "/api/message"):
        status, answer = await sandbox.raw("POST", path, data=body, headers={"Content-Type": "application/json"})
        assert status in (401, 422), path
        assert answer["ok"] is False


async def test_pictures_that_are_none(sandbox: Running):
    for body in (b"", b"GIF89a nonsense", b"\x89PNG\r\n\x1a\n"):
        assert (await refused(sandbox.client.set_icon(SANDBOX_TEAM, body))).code == "INVALID_DATA"


async def test_wrong_methods_and_unknown_paths(sandbox: Running):
    assert await sandbox.raw("DELETE", "/api/v3/me") == (405, {"ok": False, "error": "INVALID_METHOD"})
    assert await sandbox.raw("GET", "/api/v3/nothing") == (404, {"ok": False, "error": "NOT_FOUND"})
    assert (await sandbox.raw("GET", "/api/v3/me/"))[0] == 200  # the document writes it both ways


async def test_ping_time_and_versions(sandbox: Running):
    assert (await sandbox.raw("GET", "/api/v4/ping"))[1]["result"] == "pong"
    assert (await refused(sandbox.client.ping(error=True))).code == "INTERNAL_SERVER_ERROR"
    before = await sandbox.client.time()
    await sandbox.switch(clock_offset_s=-3600)
    assert 3590 < (before - await sandbox.client.time()).total_seconds() <= 3600
    await sandbox.switch(v3=False)
    assert (await sandbox.raw("GET", "/api/v4/time"))[0] == 200
    assert (await refused(sandbox.client.ping())).code == "NOT_FOUND"


async def test_a_deleted_device_ends_its_login(sandbox: Running):
    login = await sandbox.nobody.sms_login("+79166660002")
    (code,) = (await sandbox.state())["sms"]
    inside = sandbox.nobody.logged_in(
        await sandbox.nobody.sms_auth(login.phone, code["code"], device_id="lost phone", name="n")
    )
    await inside.delete_device("lost phone")
    assert (await refused(inside.me())).code == "INVALID_TOKEN"


async def test_cookie_login_and_logout(sandbox: Running):
    login = await sandbox.nobody.sms_login("+79166660002")
    (code,) = (await sandbox.state())["sms"]
    inside = sandbox.nobody.logged_in(await sandbox.nobody.sms_cookieauth(login.phone, code["code"]))
    assert (await inside.me()).phone == "+79166660002"
    assert await inside.cookieauth_logout() == "/"
    assert (await refused(inside.me())).code == "EMPTY_SESSION"


async def test_a_deleted_team_takes_nothing(sandbox: Running):
    assert (await sandbox.client.delete_team(SANDBOX_TEAM)).is_archive
    assert (await send(sandbox))[0].verdict is Verdict.CREDENTIALS
    assert await sandbox.client.teams() == []


async def test_reset_and_seed(sandbox: Running):
    first = await sandbox.state()
    await sandbox.act("say", text="hello")
    await sandbox.switch(echo=False, clock_offset_s=5)
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/reset", json={}) as answer:
        assert answer.status == 200
    assert await sandbox.state() == first
    assert sandbox.kit.switches.echo is True
    assert abs(sandbox.kit.switches.clock_offset_s) == 0
    assert (await sandbox.client.me()).phone == "+79166660002"


async def test_actions_say_what_is_wrong(sandbox: Running):
    for name, values in (
        ("say", {"text": "x", "sender": "Nobody"}),
        ("say", {"text": "x", "chat": "g-none"}),
        ("say", {"text": ""}),
        ("repeat", {"message_id": "none"}),
        ("set_integration", {"uid": "none"}),
        ("add_person", {"name": "x", "phone": "+79166660002"}),
    ):
        async with sandbox.session.post(f"{sandbox.url}/_sandbox/act/{name}", json=values) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]
    added = await sandbox.act("add_person", name="Ivan Ivanov")
    said = await sandbox.act("say", text="hi", sender="Ivan")
    assert (said["sender"], said["name"]) == (added["jid"], "Ivan Ivanov")


def test_the_world_forgets_its_oldest_messages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sandbox_world, "MESSAGES", 5)
    world = sandbox_world.World(Ids(1))
    for i in range(12):
        world.add_message(
            team="t", chat=f"g-{i % 5}" if i < 8 else "g-x", chat_type="group", sender="d", sender_name="n", text=str(i)
        )
    kept = sorted(int(message.text) for chat in world.chats.values() for message in chat)
    assert kept == [7, 8, 9, 10, 11]
    assert sorted(int(message.text) for message in world.by_id.values()) == kept
    assert sorted(world.chats) == ["g-2", "g-x"]


NASTY: tuple[Any, ...] = (
    None,
    0,
    -1.5,
    True,
    "",
    " ",
    "x" * 5000,
    "\ud800",
    "\x00",
    [],
    [[]],
    [None],
    {},
    {"a": {}},
    "../..",
)


async def test_no_body_breaks_a_method(sandbox: Running):
    """Each documented request with each of its fields made wrong in each way: refused or done, never broken."""
    await sandbox.switch(echo=False)  # a documented request names a real server as webhook: it must not hear of this
    named = {"team_uid": SANDBOX_TEAM, "client_event_name": "client.message.updated", "device_id": "d"}
    await sandbox.client.save_device(Device(device_id="d"))
    for row in DOCUMENTED:
        if "request" not in row or row["path"] == "/api/v3/teams":
            continue
        path = row["path"]
        for name, value in named.items():
            path = path.replace("{" + name + "}", value)
        path = path.replace("{integration_uid}", (await sandbox.state())["integrations"][0]["uid"])
        bodies = [row["request"] | {field: wrong} for field in row["request"] for wrong in NASTY]
        for body in [*bodies, *NASTY]:
            status, answer = await sandbox.raw(row["method"], path, data=json.dumps(body).encode())
            assert status < 500, (path, body)
            assert isinstance(answer["ok"], bool)
    for wrong in NASTY:
        contact = {"phone": wrong, "given_name": wrong, "status": wrong}
        for body in ({"name": wrong}, {"name": "x", "contacts": wrong}, {"name": "x", "contacts": [contact]}):
            assert (await sandbox.raw("POST", "/api/v3/teams", data=json.dumps(body).encode()))[0] < 500
        for body in ({"key": wrong, "message": "x"}, {"key": KEY, "message": wrong}):
            assert (await sandbox.raw("POST", "/api/message", data=json.dumps(body).encode()))[0] < 500
    assert (await sandbox.state())["team"]["name"]
    assert list(sandbox.kit.hooks.log) == []
