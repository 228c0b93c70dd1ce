"""The sandbox keeps to the document, and every switch does what it says; read through the bridge's own eyes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridges.insta.sandbox.models import Switches
from bridges.insta.sandbox.sample_files import film, photo, sample, sniff, voice
from relay.contract.errors import MalformedPayload
from relay.contract.model import Incoming, MediaKind, Report, Verdict
from tests.bridges.insta.conftest import FarSide, answer, start_far_side

ANNA, MIKE = "47367670001", "47367670002"


async def until(true: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.01)


async def post(far: FarSide, method: str = "sendMsg", token: str = "", **body: Any) -> tuple[int, Any]:
    token = token or far.bridge.settings.token.get_secret_value()
    async with far.session.post(f"{far.url}/{token}/{method}", json=body) as response:
        return response.status, await response.json()


async def send(far: FarSide, caption: str = "Привет", user_id: str = ANNA, **more: Any) -> tuple[int, Any]:
    return await post(far, username="anna.travels", user_id=user_id, caption=caption, **more)


def reports(far: FarSide) -> list[str]:
    return [e.status.value for e in far.events() if isinstance(e, Report)]


# --- the documented answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "http_method", "body", "documented"),
    [
        (
            "getInfo",
            "GET",
            None,
            {
                "result": {"success": True},
                "channel": {"id": "235", "user_id": "47367670531", "username": "getcourseru", "status": True},
                "error": None,
            },
        ),
        (
            "getUrl",
            "GET",
            None,
            {
                "result": {"success": True},
                "channel": {
                    "id": "235",
                    "user_id": "47367670531",
                    "username": "getcourseru",
                    "url": "https://ig.me/m/getcourseru",
                },
                "error": None,
            },
        ),
        (
            "setWebHook",
            "POST",
            {"url": "https://api.getloo.ru/hook_test.php"},
            {
                "result": {"success": True},
                "channel": {"id": "235", "webhook": "https://api.getloo.ru/hook_test.php"},
                "error": None,
            },
        ),
    ],
)
async def test_the_documents_answers(far: FarSide, method, http_method, body, documented):
    token = far.bridge.settings.token.get_secret_value()
    async with far.session.request(http_method, f"{far.url}/{token}/{method}", json=body) as response:
        assert response.status == 200 and response.content_type == "application/json"
        assert await response.json() == documented
    async with far.session.post(f"{far.url}/{token}/getInfo") as response:  # getInfo (GET, POST)
        assert response.status == 200


async def test_get_webhook_and_send_in_the_documents_shape(far: FarSide):
    token = far.bridge.settings.token.get_secret_value()
    async with far.session.get(f"{far.url}/{token}/getWebHook") as response:
        assert await response.json() == {
            "result": {"success": True},
            "channel": {"id": "235", "webhook": far.relay.url},
            "error": None,
        }
    status, said = await send(far)
    assert status == 200 and set(said) == {"result", "error"} and said["error"] is None
    assert said["result"]["success"] is True and len(said["result"]["queue_id"]) == 40


async def test_statuses_of_bad_requests(far: FarSide):
    assert (await post(far, token="WRONG", username="a", user_id="1", caption="x"))[0] == 401
    bad: list[tuple[dict[str, Any], str]] = [
        ({"user_id": ANNA, "caption": "x"}, "username"),
        ({"username": "@anna", "user_id": ANNA, "caption": "x"}, "без «@»"),
        ({"username": "anna", "caption": "x"}, "user_id"),
        ({"username": "anna", "user_id": ANNA}, "Нечего отправить"),
        ({"username": "anna", "user_id": ANNA, "caption": "x" * 1001}, "1000"),
        ({"username": "anna", "user_id": ANNA, "caption": "x", "options": ["a"] * 14}, "13"),
        ({"username": "anna", "user_id": ANNA, "caption": "x", "options": ["a" * 21]}, "20"),
        ({"username": "anna", "user_id": ANNA, "caption": "x", "options": "a"}, "массив"),
        ({"username": "anna", "user_id": ANNA, "file": "ftp://x"}, "ссылка"),
    ]
    for body, word in bad:
        status, said = await post(far, **body)
        assert status == 400 and said["result"] == {"success": False} and word in said["error"], body
    for method, http_method in (("getNothing", "GET"), ("sendMsg", "GET"), ("setWebHook", "GET"), ("getUrl", "POST")):
        token = far.bridge.settings.token.get_secret_value()
        async with far.session.request(http_method, f"{far.url}/{token}/{method}") as response:
            assert response.status == 400
    state = await far.state()
    assert state["messages"] == []
    assert [a["status"] for a in state["arrivals"]] == [400] * len(bad)


async def test_multipart_and_php_forms(far: FarSide):
    token = far.bridge.settings.token.get_secret_value()
    for form in (
        [("username", "a"), ("user_id", ANNA), ("caption", "x"), ("options[0]", "Да"), ("options[1]", "Нет")],
        [("username", "a"), ("user_id", ANNA), ("caption", "x"), ("options", '["Да", "Нет"]')],
    ):
        async with far.session.post(f"{far.url}/{token}/sendMsg", data=form) as response:
            assert response.status == 200, await response.text()
    arrivals = (await far.state())["arrivals"]
    assert [a["options"] for a in arrivals] == [["Да", "Нет"]] * 2


# --- what customers do ----------------------------------------------------------------------------------------------


async def test_a_customer_writes_sends_and_comments(far: FarSide):
    await far.act("write", customer_id=ANNA, text="Здравствуйте! 👋")
    for what in ("photo", "film", "voice"):
        await far.act("send", customer_id=ANNA, what=what, text="" if what == "film" else "смотрите")
    await far.act("unknown", customer_id=ANNA, type="story_mention")
    commented = await far.act("comment", customer_id=ANNA, text="Сколько стоит?")
    await until(lambda: len(far.relay.requests) == 6)
    events = far.events()
    assert all(isinstance(e, Incoming) and e.remote_user == ANNA and e.sent_at for e in events)
    assert [e.content.text for e in events] == ["Здравствуйте! 👋", "смотрите", "", "смотрите", "", "Сколько стоит?"]
    kinds = [e.content.attachments[0].kind if e.content.attachments else None for e in events]
    assert kinds == [None, MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO, None, None]
    assert json.loads(far.relay.requests[2].body)["event"]["properties"]["type"] == "image"  # a video, as documented
    assert events[4].placeholder == "story_mention"
    assert events[5].comment_id == commented["comment_id"]
    assert len({e.remote_id for e in events}) == 6
    for event in events[1:4]:  # the files are really there
        (file,) = event.content.attachments
        async with far.session.get(file.url) as response:
            assert response.status == 200 and response.content_type == file.mime
            assert sniff(await response.read(), file.mime) == file.mime


async def test_new_customers_and_new_names_keep_their_ids(far: FarSide):
    created = await far.act("customer", username="@new.one", name="Новый")
    await far.act("write", customer_id=created["id"], text="1")
    await far.act("rename", customer_id=created["id"], username="renamed")
    await far.act("write", customer_id=created["id"], text="2")
    await until(lambda: len(far.relay.requests) == 2)
    first, second = far.events()
    assert first.remote_user == second.remote_user == created["id"]
    assert (first.username, second.username) == ("new.one", "renamed")


async def test_tapping_a_button_writes_its_words(far: FarSide):
    await send(far, options=["Да", "Нет"])
    (message,) = (await far.state())["messages"]
    await far.act("tap", message_id=message["id"], option="Да")
    await until(lambda: any(isinstance(e, Incoming) for e in far.events()))
    (written,) = [e for e in far.events() if isinstance(e, Incoming)]
    assert written.content.text == "Да"
    async with far.session.post(f"{far.url}/_sandbox/act/tap", json={"message_id": message["id"], "option": "x"}) as no:
        assert no.status == 400


async def test_a_comment_is_answered_once_and_with_text_only(far: FarSide):
    comment = (await far.act("comment", customer_id=MIKE, text="How much?"))["comment_id"]
    url = f"{far.url}/_sandbox/files/photo-0/a.jpg"
    assert (await send(far, user_id=comment, options=["a"]))[0] == 400
    assert (await send(far, user_id=comment, file=url))[0] == 400
    assert (await send(far, "From 40", user_id=comment))[0] == 200
    status, said = await send(far, "Again", user_id=comment)
    assert (status, said["result"]["success"]) == (200, False)
    (message,) = (await far.state())["messages"]
    assert (message["customer_id"], message["comment_id"]) == (MIKE, comment)


async def test_an_unknown_recipient_appears_or_is_refused(far: FarSide):
    assert (await send(far, user_id="999"))[1]["result"]["success"] is True
    assert "999" in [c["id"] for c in (await far.state())["customers"]]
    await far.switch(strangers="refuse")
    status, said = await send(far, user_id="998")
    assert (status, said["result"]["success"]) == (200, False)


async def test_hooks_are_repeated_until_the_relay_takes_them(far: FarSide):
    far.relay.statuses = [503]
    await far.act("write", customer_id=ANNA, text="1")
    await far.act("write", customer_id=ANNA, text="2")
    await until(lambda: len(far.relay.requests) == 3)
    assert [e.content.text for e in far.events()] == ["1", "1", "2"]


# --- files ----------------------------------------------------------------------------------------------------------


async def test_files_are_fetched_checked_and_kept(far: FarSide):
    bodies = {
        "ok.png": (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "image/png"),
        "big.jpg": (b"\xff\xd8\xff" + b"x" * (8 * 1024 * 1024), "image/jpeg"),
        "page.jpg": (b"<html>", "image/jpeg"),
        "doc.pdf": (b"%PDF-1.4", "application/pdf"),
        "none.jpg": (b"", "image/jpeg"),
        "song.m4a": (b"\x00\x00\x00\x20ftypM4A " + b"x" * 50, "audio/mp4"),
    }

    async def serve(request: web.Request) -> web.Response:
        body, mime = bodies[request.match_info["name"]]
        return web.Response(body=body, content_type=mime)

    app = web.Application()
    app.router.add_get("/{name}", serve)
    async with TestServer(app) as files:
        said = {name: await send(far, "", file=str(files.make_url(f"/{name}"))) for name in bodies}
        gone = await send(far, "", file="http://127.0.0.1:1/a.jpg")
        missing = await send(far, "", file=f"{far.url}/_sandbox/files/nothing/a.jpg")
    assert {name: status for name, (status, _) in said.items()} == {
        "ok.png": 200, "big.jpg": 400, "page.jpg": 400, "doc.pdf": 400, "none.jpg": 400, "song.m4a": 200,
    }  # fmt: skip
    assert "8 МБ" in said["big.jpg"][1]["error"] and "не поддерживается" in said["doc.pdf"][1]["error"]
    assert gone[0] == missing[0] == 400
    kept = (await far.state())["messages"][0]["media"]
    async with far.session.get(f"{far.url}/{kept['url']}") as response:
        assert await response.read() == bodies["ok.png"][0]
        assert "sandbox" in response.headers["Content-Security-Policy"]
    await far.switch(fetch_files=False)
    assert (await send(far, "", file="http://127.0.0.1:1/a.jpg"))[0] == 200


async def test_a_player_may_ask_for_a_part_of_a_film(far: FarSide):
    url = f"{far.url}/_sandbox/files/film-0/a.mp4"
    async with far.session.get(url, headers={"Range": "bytes=4-11"}) as response:
        assert response.status == 206 and await response.read() == film()[4:12]
        assert response.headers["Content-Range"] == f"bytes 4-11/{len(film())}"
    async with far.session.get(url, headers={"Range": "bytes=99999999-"}) as response:
        assert response.status == 416


def test_sample_files_are_what_they_seem():
    assert sniff(photo(1)) == "image/jpeg" and sniff(film()) == "video/mp4" and sniff(voice()) == "audio/wav"
    assert photo(0) != photo(1) == sample("photo", 4)
    assert sniff(film(), "audio/mp4") == "audio/mp4" and sniff(b"") == "" and sniff(b"<svg") == ""


# --- delivery reports -----------------------------------------------------------------------------------------------


async def test_pending_delivered_and_read_when_the_conversation_is_open(far: FarSide):
    await far.switch(report_delay_s=0.01)
    _, said = await send(far)
    await until(lambda: reports(far) == ["pending", "delivered"])
    assert {e.remote_id for e in far.events()} == {said["result"]["queue_id"]}
    await far.act("open", customer_id=ANNA)
    await until(lambda: reports(far) == ["pending", "delivered", "read"])
    await send(far)
    await until(lambda: reports(far)[3:] == ["pending", "delivered", "read"])
    await far.act("open", customer_id=None)
    await send(far)
    await until(lambda: reports(far)[6:] == ["pending", "delivered"])
    states = [m["state"] for m in (await far.state())["messages"]]
    assert states == ["read", "read", "delivered"]


async def test_by_hand(far: FarSide):
    await far.switch(auto_deliver=False, report_delay_s=0)
    await send(far)
    (message,) = (await far.state())["messages"]
    assert message["state"] == "queued"
    for status in ("delivered", "pending", "read"):
        await far.act("report", message_id=message["id"], status=status)
    await until(lambda: reports(far) == ["delivered", "pending", "read"])
    (message,) = (await far.state())["messages"]
    assert message["state"] == "read"  # the phone's own state does not go back


async def test_before_the_answer(far: FarSide):
    await far.switch(report_order="before_the_answer")
    _, said = await send(far)
    assert reports(far) == ["pending", "delivered"]
    assert {e.remote_id for e in far.events()} == {said["result"]["queue_id"]}


async def test_in_any_order():
    orders = set()
    async with start_far_side(seed=3) as far:
        await far.switch(report_order="shuffled", report_delay_s=0)
        await far.act("open", customer_id=ANNA)
        for n in range(1, 9):
            await send(far)
            while len(reports(far)) < 3 * n:
                await asyncio.sleep(0.01)
            orders.add(tuple(reports(far)[-3:]))
    assert len(orders) > 1 and all(sorted(o) == ["delivered", "pending", "read"] for o in orders)


@pytest.mark.parametrize(
    ("missing", "sent"), [("pending", ["delivered"]), ("delivered", ["pending"]), ("none", ["pending", "delivered"])]
)
async def test_missing(far: FarSide, missing, sent):
    await far.switch(report_delay_s=0, reports_missing=missing)
    await send(far)
    await until(lambda: reports(far) == sent)


async def test_never(far: FarSide):
    await far.switch(report_delay_s=0, reports_missing="all")
    await send(far)
    async with asyncio.timeout(5):
        while (await far.state())["messages"][0]["state"] != "delivered":
            await asyncio.sleep(0.01)
    assert far.relay.requests == []


async def test_twice_by_phone_number_or_id_and_with_dates(far: FarSide):
    await far.switch(report_delay_s=0, reports_twice=True)
    await send(far)
    await until(lambda: reports(far) == ["pending", "pending", "delivered", "delivered"])
    hook = json.loads(far.relay.requests[0].body)
    assert hook["device"] == {"mdn": "79955069706", "profileName": "Анна Кузнецова"}
    assert hook["event"]["createdAt"] == "2020-00-00T00:00:00+00:00"
    await far.switch(reports_twice=False, report_device="user_id", report_dates="real", ids_as_numbers=True)
    await send(far)
    await until(lambda: len(far.relay.requests) == 6)
    hook = json.loads(far.relay.requests[-1].body)
    assert hook["device"]["user_id"] == int(ANNA)
    (*_, report) = far.events()
    assert report.at is not None


async def test_accepted_and_then_failed_after_24_hours(far: FarSide):
    await far.switch(window_closed=True, report_delay_s=0)
    status, said = await send(far)
    assert (status, said["result"]["success"]) == (200, True)
    await until(lambda: reports(far) == ["failed"])
    assert (await far.state())["messages"][0]["state"] == "failed"


# --- what goes wrong with the API -----------------------------------------------------------------------------------


async def outcome(far: FarSide) -> Any:
    delivery = answer("Привет")
    (part,) = far.bridge.fit(delivery)
    return far.bridge.classify(await far.http(far.bridge.render(delivery, part)))


@pytest.mark.parametrize(
    ("switch", "verdict", "reason"),
    [
        ({"fail_next": 1}, Verdict.RETRY, "server_error"),
        ({"fail_next": 1, "fail_status": 429, "retry_after": "7"}, Verdict.RETRY, "rate_limited"),
        ({"fail_next": 1, "fail_status": 410}, Verdict.REJECTED, "gone"),
        ({"html_next": 1}, Verdict.RETRY, "not_json"),
        ({"refuse_next": 1, "refuse_error": "нельзя"}, Verdict.REJECTED, "refused"),
        ({"token_rejected": True}, Verdict.CREDENTIALS, "bad_token"),
        ({"unpaid": "402"}, Verdict.CREDENTIALS, "unpaid"),
    ],
)
async def test_trouble_and_recovery(far: FarSide, switch, verdict, reason):
    await far.switch(**switch)
    found = await outcome(far)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.retry_after_s == (7 if "retry_after" in switch else None)
    assert (await far.state())["messages"] == []
    await far.switch(token_rejected=False, unpaid="no")
    assert (await outcome(far)).verdict is Verdict.ACCEPTED


async def test_slow_before_and_after_accepting(far: FarSide):
    for after in (False, True):
        await far.switch(slow_s=0.3, slow_after=after)
        sending = asyncio.create_task(send(far))
        await asyncio.sleep(0.15)
        assert len((await far.state())["messages"]) == (1 + after if after else 0)
        assert (await sending)[0] == 200


async def test_a_thousand_bytes(far: FarSide):
    assert (await send(far, "я" * 600))[0] == 200
    await far.switch(caption_limit="bytes")
    assert (await send(far, "я" * 600))[0] == 400
    assert (await send(far, "я" * 500))[0] == 200


async def test_how_hooks_may_come(far: FarSide):
    await far.switch(trailing_commas=True)
    await far.act("write", customer_id=ANNA, text="commas,}")
    await far.switch(trailing_commas=False, hook_encoding="form", ids_as_numbers=True)
    await far.act("write", customer_id=ANNA, text="form")
    await far.switch(hook_encoding="json", hooks_twice=True)
    await far.act("write", customer_id=ANNA, text="twice")
    await until(lambda: len(far.relay.requests) == 4)
    with pytest.raises(ValueError):
        json.loads(far.relay.requests[0].body)
    first, second, third, again = far.events()
    assert [first.content.text, second.content.text, third.content.text] == ["commas,}", "form", "twice"]
    assert third == again and {e.remote_user for e in far.events()} == {ANNA}
    said = await far.act("raw", body="{broken")
    assert said["status"] == 200  # whatever the relay answers is shown
    with pytest.raises(MalformedPayload):
        far.events()


async def test_reset_and_seed():
    async def play(far: FarSide) -> list[str]:
        ids = [(await far.act("customer", username="x"))["id"]]
        ids.append((await far.act("write", customer_id=ANNA, text="x"))["queue_id"])
        ids.append((await far.act("comment", customer_id=ANNA, text="x"))["comment_id"])
        return ids

    async with start_far_side(seed=5) as one, start_far_side(seed=5) as two, start_far_side(seed=None) as three:
        first = await play(one)
        assert first == await play(two) != await play(three)
        await one.switch(unpaid="402")
        async with one.session.post(f"{one.url}/_sandbox/reset", json={}) as response:
            assert response.status == 200
        state = await one.state()
        assert state["messages"] == [] and [c["id"] for c in state["customers"]] == [ANNA, MIKE]
        assert first == await play(one)
        assert (await send(one))[0] == 200


def test_every_switch_says_what_it_is():
    for name, field in Switches.model_fields.items():
        assert field.title, name
        extra = field.json_schema_extra
        assert isinstance(extra, dict) and extra["group"], name
