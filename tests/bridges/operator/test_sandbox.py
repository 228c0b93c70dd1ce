"""The panel's sandbox over real HTTP: the documented method by the client and by curl's own encoding, the webhooks
read by the bridge itself, and every switch."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridges.operator import OperatorBridge
from bridges.operator.client import Photo
from bridges.operator.settings import Attaching
from relay.contract.errors import RemoteError
from relay.contract.model import Attachment, Contact, Content, Delivery, FilePart, Kind, MediaKind, Verdict
from tests.bridges.operator.conftest import TOKEN, settings
from tests.bridges.operator.far import PNG, Far, far_side
from tests.bridges.operator.test_answer import ANNA
from tests.bridges.support import context


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Far]:
    async with far_side(tmp_path) as made:
        yield made


@pytest.mark.parametrize("attaching", list(Attaching))
async def test_all_three_ways_of_attaching_arrive(far: Far, attaching: Attaching):
    photo = Photo("https://cdn.example.com/a/cat.jpg", "https://cdn.example.com/a/small.jpg")
    held = FilePart(field="attach", filename="cat.png", mime="image/png", file_id="f1")
    as_file = attaching is Attaching.FILE
    outcome = await far.client(attaching=attaching).message_sent(
        user_id=42, contact_id=7, message="смотри", photos=() if as_file else (photo,), files=(held,) if as_file else ()
    )
    assert outcome.verdict is Verdict.ACCEPTED and outcome.remote_id == "1"
    [message] = (await far.state())["messages"]["42"]
    assert (message["from"], message["text"], message["bot_id"]) == ("user", "смотри", "7")
    [file] = message["files"]
    assert file["kind"] == "image"
    if as_file:
        async with far.session.get(f"{far.url}/{file['url']}") as answer:
            assert await answer.read() == PNG and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert file["how"] == "attach"
    else:
        assert (file["source"], file["big"]) == (photo.file_url, photo.big)
        assert file["how"] == ("attaches" if attaching is Attaching.JSON else "attaches[]")


async def test_what_the_bridge_renders_the_panel_understands(far: Far):
    bridge = OperatorBridge(settings(), context("panel", far.url))
    contact = Contact(id=42, channel="shop", remote_id="17841")
    file = Attachment(kind=MediaKind.VIDEO, mime="video/mp4", url="https://cdn.example.com/v.mp4")
    content = Content(text="two\r\nlines & <b>", attachments=(file,))
    what = Delivery(id="d", destination="panel", kind=Kind.MESSAGE, contact=contact, content=content, bot_id=7)
    [part] = bridge.fit(what)
    assert bridge.classify(await far.http(bridge.render(what, part))).verdict is Verdict.ACCEPTED
    [message] = (await far.state())["messages"]["42"]
    assert message["text"] == "two\r\nlines & <b>" and message["files"][0]["kind"] == "video"
    [check] = await bridge.probe(far.http)
    assert check.ok is True


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"token": "wrong"}, 401, "unauthorised"),
        ({"user_id": -1}, 422, "invalid"),
        ({"photos": [Photo("javascript:alert(1)")]}, 422, "invalid"),
    ],
)
async def test_the_panels_refusals_become_errors_with_words(far: Far, change: dict[str, Any], status: int, code: str):
    client = far.client(change.pop("token", TOKEN))
    with pytest.raises(RemoteError) as caught:
        await client.message_sent(**{"user_id": 1, "contact_id": 2, "message": "x", **change})
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.words and TOKEN not in str(caught.value)
    assert (await far.state())["users"] == []


@pytest.mark.parametrize(
    ("switch", "verdict", "arrived"),
    [
        ({"answer": "json"}, Verdict.ACCEPTED, True),
        ({"answer": "empty"}, Verdict.ACCEPTED, True),
        ({"answer": "plain_text"}, Verdict.ACCEPTED, True),
        ({"answer": "html"}, Verdict.RETRY, False),
        ({"answer": "json_error"}, Verdict.REJECTED, False),
        ({"failing": 1}, Verdict.RETRY, False),
        ({"failing": 1, "failing_status": 429}, Verdict.RETRY, False),
        ({"failing": 1, "failing_status": 410}, Verdict.REJECTED, False),
        ({"failing": 1, "failing_status": 401}, Verdict.CREDENTIALS, False),
    ],
)
async def test_switches_of_the_answers(far: Far, switch: dict[str, Any], verdict: Verdict, arrived: bool):
    await far.switch(**switch)
    bridge = OperatorBridge(settings(), context("panel", far.url))
    what = Delivery(id="d", destination="panel", kind=Kind.MESSAGE, contact=ANNA, content=Content(text="hi"), bot_id=7)
    request = bridge.render(what, bridge.fit(what)[0])
    outcome = bridge.classify(await far.http(request))
    assert outcome.verdict is verdict
    assert bool((await far.state())["users"]) is arrived
    if switch.get("failing_status") == 429:
        assert outcome.retry_after_s == 2
    if "failing" in switch:  # the recovery
        assert bridge.classify(await far.http(request)).verdict is Verdict.ACCEPTED


async def test_a_slow_panel_still_answers(far: Far):
    await far.switch(slow_s=0.2)
    started = asyncio.get_running_loop().time()
    await far.client().message_sent(user_id=1, contact_id=2, message="x")
    assert asyncio.get_running_loop().time() - started >= 0.2


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_an_operators_answer_reaches_the_relay(far: Far, encoding: str):
    await far.switch(encoding=encoding)
    await far.client().message_sent(user_id=42, contact_id=7, message="hello")
    said = await far.act("answer", user_id=42, text="Hi 👋", options="Yes | No", author="Olga")
    assert said["state"] == "sent" and said["status"] == 200
    [answer] = far.relay.answers
    assert (answer.contact_id, answer.bot_id, answer.author) == (42, 7, "Olga")
    assert (answer.content.text, answer.content.options) == ("Hi 👋", ("Yes", "No"))
    expected = {"multipart": "multipart/form-data", "urlencoded": "application/x-www-form-urlencoded"}
    assert far.relay.seen[-1].content_type == expected.get(encoding, "application/json")


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
async def test_a_file_from_the_operator_is_always_multipart(far: Far, encoding: str):
    await far.switch(encoding=encoding)
    file = {"name": "кот.png", "mime": "image/png", "data": base64.b64encode(PNG).decode()}
    assert (await far.act("answer", user_id=42, text="", file=file))["state"] == "sent"
    [answer] = far.relay.answers
    [upload] = answer.uploads
    assert (upload.field, upload.filename, upload.mime, upload.path.read_bytes()) == (
        "attach", "кот.png", "image/png", PNG,
    )  # fmt: skip
    assert answer.content.text == ""


async def test_a_doubled_webhook_is_the_same_answer(far: Far):
    await far.switch(twice=True)
    await far.act("answer", user_id=42, text="once")
    first, second = far.relay.answers
    assert first.identity == second.identity and first.within_s == 5.0


async def test_a_wrong_token_and_a_refusal_are_shown_to_the_operator(far: Far):
    await far.switch(wrong_token=True)
    said = await far.act("answer", user_id=42, text="x")
    assert (said["state"], said["status"]) == ("refused", 401) and "token is wrong" in said["answer"]
    await far.switch(wrong_token=False)
    far.relay.status = 400
    said = await far.act("answer", user_id=42, text="x")
    assert said["answer"] == "The conversation is closed."
    far.relay.status = 200
    assert (await far.act("answer", user_id=42, text="x"))["state"] == "sent"


async def test_the_panel_asks_who_a_new_user_is(far: Far):
    await far.client().message_sent(user_id=42, contact_id=7, message="hello")
    await far.until(lambda s: s["users"][0]["info"])
    user = await far.user(42)
    assert user["name"] == "Анна 🌷" and isinstance(user["info"]["balance"], str)
    assert {"name": "Username", "value": "@anna"} in user["info"]["custom"]
    assert [m["source"] for m in user["media"]] == ["https://cdn.example.com/1.jpg", "https://cdn.example.com/2.mp4"]
    assert {r.tail for r in far.relay.seen} == {"user", "media"}


async def test_a_user_the_relay_does_not_know(far: Far):
    await far.switch(asks=False)
    await far.client().message_sent(user_id=999, contact_id=7, message="hello")
    card = await far.act("ask", user_id=999)
    assert card["trouble"] == "404: There is no user with user_id 999." and card["info"] is None


async def test_notices_without_a_conversation_have_a_thread_of_their_own(far: Far):
    bridge = OperatorBridge(settings(), context("panel", far.url))
    what = Delivery(id="d", destination="panel", kind=Kind.NOTICE, contact=None, content=Content(text="Unpaid."))
    await far.http(bridge.render(what, bridge.fit(what)[0]))
    assert (await far.user(0))["name"] == "Relay"
    assert far.relay.seen == []  # nobody is asked who the relay is


async def test_reset_and_bad_actions(far: Far):
    await far.client().message_sent(user_id=42, contact_id=7, message="hello")
    assert "error" in await far.act("answer", user_id="anna", text="x")
    assert "base64" in (await far.act("answer", user_id=42, file={"name": "x", "data": "!"}))["error"]
    assert "no user 5" in (await far.act("ask", user_id=5))["error"]
    async with far.session.post(f"{far.url}/_sandbox/reset", json={}) as answer:
        assert answer.status == 200
    assert await far.state() == {"users": [], "messages": {}}


async def test_files_that_could_run_are_downloads(far: Far):
    svg = {"name": 'x".svg', "mime": "image/svg+xml", "data": base64.b64encode(b"<svg onload=alert(1)>").decode()}
    await far.act("answer", user_id=42, file=svg)
    [message] = (await far.state())["messages"]["42"]
    async with far.session.get(f"{far.url}/{message['files'][0]['url']}") as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
    async with far.session.get(f"{far.url}/_sandbox/file/unknown") as answer:
        assert answer.status == 404


async def test_only_named_addresses_are_fetched_for_the_page(far: Far):
    """The page shows what lies at a photo's address; what cannot be fetched is a 502, not a riddle."""
    own = await far.client().message_sent(user_id=9, contact_id=7, message="", photos=[Photo(far.url + "/none.png")])
    assert own.verdict is Verdict.ACCEPTED
    held = FilePart(field="attach", filename="a.png", mime="image/png", file_id="f1")
    await far.client().message_sent(user_id=9, contact_id=7, message="", files=[held])
    first, second = (await far.state())["messages"]["9"]
    async with far.session.get(f"{far.url}/{first['files'][0]['url']}") as answer:
        assert answer.status == 502 and "answered 404" in await answer.text()
    there = Photo(f"{far.url}/{second['files'][0]['url']}")
    await far.client().message_sent(user_id=9, contact_id=7, message="", photos=[there])
    third = (await far.state())["messages"]["9"][-1]
    async with far.session.get(f"{far.url}/{third['files'][0]['url']}") as answer:
        assert answer.status == 200 and await answer.read() == PNG and answer.content_type == "image/png"


async def test_curls_own_multipart_is_taken(far: Far):
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in (("token", TOKEN), ("action", "message_sent"), ("user_id", "3"), ("contact_id", "4")):
        form.add_field(name, value)
    form.add_field("attaches", json.dumps([{"file_url": "https://cdn.example.com/x.ogg"}]))
    async with far.session.post(far.url + "/", data=form) as answer:
        assert answer.status == 200 and await answer.json() == {"status": "ok", "id": 1}
    [message] = (await far.state())["messages"]["3"]
    assert message["text"] == "" and message["files"][0]["kind"] == "audio"
