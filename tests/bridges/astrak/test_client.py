"""Every documented method by the client against the sandbox, over real HTTP, with the wire's peculiarities."""

from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from bridges.astrak import client as api
from bridges.astrak.client import Dialog, DialogMessage, Login
from relay.contract.errors import RemoteError
from tests.bridges.astrak.far import ANNA, BORIS, PASSWORD, URL, Far


async def login(far: Far) -> Login:
    return await far.client().login("shop", PASSWORD)


def test_requests_golden():
    """One of each: form-encoded throughout, GETs in body and query, tokens in no safe address."""
    token = "canary.token"
    made = {
        "/users/register": api.register_request(URL, "u", "p" * 8, "+7900"),
        "/users/confirm": api.confirm_request(URL, "+7900", "123"),
        "/users/login": api.login_request(URL, "u", "p"),
        "/users/check": api.check_request(URL, token),
        "/events/callback/start": api.callback_request(URL, token, "https://r/h?me=1"),
        "/events/polling": api.polling_request(URL, token),
        "/messages/send": api.send_request(URL, token, "2", "a b&c"),
        "/messages/dialogs": api.dialogs_request(URL, token),
        "/messages/dialog": api.dialog_request(URL, token, "2"),
        "/messages/delete": api.delete_request(URL, token, "12"),
    }
    for path, request in made.items():
        assert request.safe_url == URL + path
        assert request.content_type == "application/x-www-form-urlencoded"
        assert request.method == ("GET" if path in ("/messages/dialogs", "/messages/dialog") else "POST")
        assert urlsplit(request.url).query == (request.body.decode() if request.method == "GET" else "")
    fields = {path: {k: v[0] for k, v in parse_qs(r.body.decode()).items()} for path, r in made.items()}
    assert fields["/users/register"] == {"username": "u", "password": "pppppppp", "phone": "+7900"}
    assert fields["/users/confirm"] == {"phone": "+7900", "code": "123"}
    assert fields["/events/callback/start"] == {"token": token, "callback": "https://r/h?me=1"}
    assert fields["/messages/send"] == {"token": token, "text": "a b&c", "to": "2"}
    assert fields["/messages/dialog"] == {"token": token, "id": "2"}
    assert fields["/messages/delete"] == {"token": token, "message_id": "12"}


async def test_register_confirm_login_check(far: Far):
    client = far.client()
    with pytest.raises(RemoteError, match="Wrong phone number"):
        await client.register("newcomer", "long enough", "letters")
    token = await client.register("newcomer", "long enough", "+79001234567")
    with pytest.raises(RemoteError, match="not confirmed"):
        await client.login("newcomer", "long enough")
    with pytest.raises(RemoteError, match="Wrong code"):
        await client.confirm("+79001234567", "0")
    # Again with another number, as the document says: a new code, the old one is worthless.
    old = next(u for u in (await far.state())["users"] if u["username"] == "newcomer")["sms"]
    token = await client.register("newcomer", "long enough", "+79007654321")
    sms = next(u for u in (await far.state())["users"] if u["username"] == "newcomer")["sms"]
    with pytest.raises(RemoteError, match="Wrong code"):
        await client.confirm("+79001234567", old)
    await client.confirm("+79007654321", sms)
    assert (await client.login("newcomer", "long enough")).id == 5
    await client.check(token)
    with pytest.raises(RemoteError, match="taken"):
        await client.register("newcomer", "long enough", "+79001112233")


@pytest.mark.parametrize(("username", "password"), [("x" * 16, "long enough"), ("", "long enough"), ("x", "short")])
async def test_what_the_document_forbids_is_not_even_asked(far: Far, username: str, password: str):
    with pytest.raises(ValueError, match="has"):
        await far.client().register(username, password, "+79001234567")
    assert far.http.sent == []


async def test_a_wrong_password_names_the_setting(far: Far):
    with pytest.raises(RemoteError) as caught:
        await far.client().login("shop", "wrong-canary")
    assert caught.value.remedy == "check `username` and `password`" and "canary" not in str(caught.value)


@pytest.mark.parametrize("check_by", ["both", "post", "get"])
async def test_check_by_post_with_get_to_fall_back_on(far: Far, check_by: str):
    token = (await login(far)).token
    await far.switch(check_by=check_by)
    await far.client().check(token)
    with pytest.raises(RemoteError, match="Invalid token"):
        await far.client().check(token + "x")
    assert [r.method for r in far.http.sent[1:]] == (["POST", "GET"] * 2 if check_by == "get" else ["POST"] * 2)


async def test_send_dialogs_dialog_delete(far: Far):
    client, token = far.client(), (await login(far)).token
    await far.act("write", from_id=ANNA, text="Здравствуйте")
    sent = await client.send(token, str(ANNA), "Добрый день!")
    assert sent.message_id == "2"
    [dialog] = await client.dialogs(token)
    assert dialog == Dialog(
        id=ANNA, username="anna", last_message="Добрый день!", time=dialog.time, last_user=1, unread_count=1
    )
    first, second = await client.dialog(token, str(ANNA))
    assert first == DialogMessage(
        message_id=1, from_id=ANNA, to_id=1, created_at=first.created_at, text="Здравствуйте", read=False
    )
    await client.delete(token, str(second.message_id))
    assert [m.message_id for m in await client.dialog(token, str(ANNA))] == [1]
    with pytest.raises(RemoteError, match="No such message"):
        await client.delete(token, "1")  # hers
    with pytest.raises(RemoteError, match="No such user"):
        await client.send(token, "999", "x")


@pytest.mark.parametrize("get_body_only", [True, False])
async def test_gets_work_whichever_way_the_server_reads_them(far: Far, get_body_only: bool):
    await far.switch(get_body_only=get_body_only)
    assert await far.client().dialogs((await login(far)).token) == []


async def test_a_query_alone_is_not_enough_for_the_strict_server(far: Far):
    token = (await login(far)).token
    async with far.session.get(f"{far.url}/messages/dialogs", params={"token": token}) as answer:
        assert (await answer.json())["code"] < 0
    await far.switch(get_body_only=False)
    async with far.session.get(f"{far.url}/messages/dialogs", params={"token": token}) as answer:
        assert (await answer.json())["code"] >= 0


async def test_the_one_clients_calls_are_understood(far: Far):
    """As aioastrak puts them on the wire: everything a form, GETs with a form body, check by POST."""

    async def call(method: str, path: str, **data: str) -> dict[str, object]:
        async with far.session.request(method, f"{far.url}/{path}", data=data) as answer:
            assert answer.content_type == "application/json"
            value: dict[str, object] = await answer.json()
            assert isinstance(value["code"], int) and value["code"] >= 0, value
            return value

    me = await call("post", "users/login", username="shop", password=PASSWORD)
    assert set(me) >= {"code", "token", "id"}
    token = str(me["token"])
    await call("post", "users/check", token=token)
    await far.act("write", from_id=BORIS, text="hi")
    event = await call("post", "events/polling", token=token)
    assert event["type"] == "new_message"
    assert set(event["event"]) == {"message_id", "to_id", "from_id", "created_at", "text"}  # type: ignore[call-overload]
    await call("post", "messages/send", token=token, text="hello", to=str(BORIS))
    dialogs = (await call("get", "messages/dialogs", token=token))["response"]
    assert set(dialogs[0]) == {"id", "username", "last_message", "time", "last_user", "unread_count"}  # type: ignore[index]
    messages = (await call("get", "messages/dialog", token=token, id=str(BORIS)))["response"]
    assert set(messages[0]) == {"read", "message_id", "to_id", "from_id", "created_at", "text"}  # type: ignore[index]


async def test_json_bodies_are_not_what_the_server_reads(far: Far):
    async with far.session.post(f"{far.url}/users/login", json={"username": "shop", "password": PASSWORD}) as answer:
        assert (await answer.json())["code"] < 0


async def test_a_token_and_its_owner_hide_it(far: Far):
    found = await login(far)
    assert found.token.startswith("eyJ") and found.token not in repr(found)
    for request in far.http.sent:
        assert PASSWORD not in request.safe_url and found.token not in request.safe_url


@pytest.mark.parametrize("failing_as", ["html_503", "html_500", "html_200", "json_500", "negative_code"])
async def test_every_failure_is_a_remote_error_with_words(far: Far, failing_as: str):
    token = (await login(far)).token
    await far.switch(failing=1, failing_as=failing_as)
    with pytest.raises(RemoteError) as caught:
        await far.client().send(token, str(ANNA), "x")
    assert caught.value.words and token not in str(caught.value)
    assert (await far.client().send(token, str(ANNA), "x")).message_id == "1"


async def test_a_sent_messages_id_may_be_missing(far: Far):
    token = (await login(far)).token
    await far.switch(names_message_id=False)
    assert (await far.client().send(token, str(ANNA), "x")).message_id == ""


async def test_long_lists_are_asked_for_in_full():
    assert (api.dialog_request(URL, "t", "1").max_answer or 0) >= 1024 * 1024
    assert (api.dialogs_request(URL, "t").max_answer or 0) >= 1024 * 1024
    assert aiohttp.__version__
