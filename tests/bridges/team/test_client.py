"""The client against the document: each method sends the documented request and reads the documented answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.team.client import Target, TeamClient, cookie_of, form_value
from bridges.team.shapes import Device, Features, Group, Invitation
from relay.contract.errors import RemoteError
from relay.contract.model import OutboundRequest, RawResponse

DOCUMENTED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "documented.json").read_text("utf-8"))


def row_key(row: dict[str, Any]) -> tuple[str, str]:
    return row["method"], row["path"]


TEAM = "3525d76d-cfe0-469f-b46e-cbb79ae5491e"
UID = "59917ec7-7c7d-4906-8f06-332ae9957eb3"
DEVICE = "ABA-f923727d4093"
INVITED = "_GPHfNsbkxiCR3jKq3CyESw8MMw"
PNG = b"\x89PNG\r\n\x1a\n"


class Scripted:
    """An `Http` that gives one answer and remembers what it was asked."""

    def __init__(self, answer: Any, *, headers: tuple[tuple[str, str], ...] = (), status: int = 200) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.response = RawResponse(status=status, headers=headers, body=body)
        self.asked: list[OutboundRequest] = []

    async def __call__(self, request: OutboundRequest) -> RawResponse:
        self.asked.append(request)
        return self.response


def documented(method: str, path: str) -> dict[str, Any]:
    return next(row for row in DOCUMENTED if (row["method"], row["path"]) == (method, path))


Call = Callable[[TeamClient], Awaitable[Any]]
IPAD = {"device_id": "a6a6d308730f27ce32d1", "name": "ойпад", "type": "ios"}

CALLS: list[tuple[str, str, Call]] = [
    ("POST", "/api/v3/ping", lambda c: c.post_ping()),
    ("GET", "/api/v3/ping", lambda c: c.ping()),
    ("GET", "/api/v3/time", lambda c: c.time()),
    ("GET", "/api/v3/countries", lambda c: c.countries()),
    ("POST", "/api/v3/sms-login", lambda c: c.sms_login("+7 (916) 6660002")),
    ("POST", "/api/v3/sms-auth", lambda c: c.sms_auth("+7 (916) 6660002", "5555", **IPAD)),
    ("POST", "/api/v3/sms-cookieauth", lambda c: c.sms_cookieauth("+7 (916) 6660002", "5555")),
    ("GET", "/api/v3/qr-login.png?debug=True", lambda c: c.qr_login()),
    (
        "POST",
        "/api/v3/qr-auth",
        lambda c: c.qr_auth("Sqt9O7toIgw-ud-G", device_id="a6a6d308730f27ce32d1-2", name="ондроед", type="android"),
    ),
    ("POST", "/api/v3/cookieauth-logout", lambda c: c.cookieauth_logout()),
    ("GET", "/api/v3/cookieauth-logout", lambda c: c.cookieauth_logout(method="GET")),
    ("GET", "/api/v3/me", lambda c: c.me()),
    ("GET", "/api/v3/ui-settings", lambda c: c.ui_settings()),
    (
        "PUT",
        "/api/v3/ui-settings",
        lambda c: c.put_ui_settings({"current_team": "21639e8e-5425-4ba3-b48b-b1c82af90d10", "zzzz": [1, 2, 3]}),
    ),
    (
        "POST",
        "/api/v3/devices",
        lambda c: c.save_device(
            Device(
                device_id=DEVICE,
                name="ХромЪ",
                type="web",
                allowed_notifications=True,
                notification_token="2ed7b2746ffe563f5ac8658a09e02c4dfe258a6ea683ddb9638fcef89b0d703e",
            )
        ),
    ),
    ("GET", "/api/v3/devices", lambda c: c.devices()),
    ("GET", "/api/v3/devices/{device_id}", lambda c: c.device(DEVICE)),
    (
        "PUT",
        "/api/v3/devices/{device_id}",
        lambda c: c.change_device(
            DEVICE,
            name="ойпадище",
            notification_token="47aba2b4b58a302ee4577ddb4183404d6367751cd427e47ecf04695227f2d92f",
            voip_notification_token="183ec558d682f1c72cea069c1e727c5039656f54a471c8605edf46088bcdc326",
        ),
    ),
    ("DELETE", "/api/v3/devices/{device_id}", lambda c: c.delete_device(DEVICE)),
    ("GET", "/api/v3/devices/{device_id}/address-book", lambda c: c.address_book(DEVICE)),
    (
        "PUT",
        "/api/v3/devices/{device_id}/address-book",
        lambda c: c.put_address_book(DEVICE, [{"phones": ["+79162255059"]}]),
    ),
    (
        "POST",
        "/api/v3/teams",
        lambda c: c.create_team(
            "третий отдельный особый конный полк Чапаевской дивизии",
            [
                {"phone": "+7 999 233-11-22"},
                {
                    "given_name": "Петя-админ",
                    "phone": "+7 999 233-11-44",
                    "role": "главный по катапультам",
                    "status": "admin",
                },
                {"given_name": "Вася", "phone": "+7 999 233-11-33"},
            ],
        ),
    ),
    ("GET", "/api/v3/teams", lambda c: c.teams()),
    (
        "POST",
        "/api/v3/teams/{team_uid}/integrations",
        lambda c: c.create_integration(
            TEAM, group="g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad", comment="Новая API-интеграция"
        ),
    ),
    ("GET", "/api/v3/teams/{team_uid}/integrations", lambda c: c.integrations(TEAM)),
    ("GET", "/api/v3/teams/{team_uid}/integrations/{integration_uid}", lambda c: c.integration(TEAM, UID)),
    (
        "PUT",
        "/api/v3/teams/{team_uid}/integrations/{integration_uid}",
        lambda c: c.change_integration(
            TEAM,
            UID,
            comment="Тест 123",
            group="g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc",
            webhook_url="https://web.tada.team/api/webhook-test",
        ),
    ),
    ("DELETE", "/api/v3/teams/{team_uid}/integrations/{integration_uid}", lambda c: c.delete_integration(TEAM, UID)),
    ("POST", "/api/v3/teams/{team_uid}/invitations", lambda c: c.create_invitation(TEAM)),
    ("GET", "/api/v3/teams/{team_uid}/invitations", lambda c: c.invitations(TEAM)),
    ("GET", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", lambda c: c.invitation(TEAM, UID)),
    ("DELETE", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", lambda c: c.delete_invitation(TEAM, UID)),
    ("POST", "/api/v3/teams/join", lambda c: c.join(INVITED)),
    ("POST", "/api/v3/teams/{team_uid}/icons", lambda c: c.set_icon(TEAM, PNG, filename="logo.png")),
    ("DELETE", "/api/v3/teams/{team_uid}/icons", lambda c: c.delete_icon(TEAM)),
    ("GET", "/api/v3/teams/{team_uid}", lambda c: c.team(TEAM)),
    ("PUT", "/api/v3/teams/{team_uid}", lambda c: c.change_team(TEAM, name="иное название")),
    ("DELETE", "/api/v3/teams/{team_uid}", lambda c: c.delete_team(TEAM)),
    ("GET", "/api/v3/teams/{team_uid}/usage", lambda c: c.usage(TEAM)),
    (
        "POST",
        "/api/v3/teams/{team_uid}/ws/{client_event_name}",
        lambda c: c.post(TEAM, to="d-a2d94e8e-74aa-4b0b-b55d-0b4fc1ce07f4", text="пыщ!"),
    ),
]
NAMED = {
    "{team_uid}": TEAM,
    "{integration_uid}": UID,
    "{invitaion_uid}": UID,
    "{device_id}": DEVICE,
    "{client_event_name}": "client.message.updated",
}
# What we send beyond the document's example, and why.
MORE = {
    ("POST", "/api/v3/devices"): {"voip_notification_token": "", "data_pushes": False},  # "send all fields"
}


def test_no_documented_method_is_missing():
    assert {(method, path) for method, path, _ in CALLS} == {(row["method"], row["path"]) for row in DOCUMENTED}


@pytest.mark.parametrize(("method", "path", "call"), CALLS, ids=[f"{m} {p}" for m, p, _ in CALLS])
async def test_documented_request_and_answer(method: str, path: str, call: Call):
    row = documented(method, path)
    http = Scripted(row["answer"])
    result = await call(TeamClient(http, Target(url="https://web.tada.team", token="t0ken")))
    (request,) = http.asked

    for name, value in NAMED.items():
        path = path.replace(name, value)
    split = urlsplit(request.url)
    assert request.method == method
    assert unquote(split.path) + (f"?{split.query}" if split.query else "") == path
    assert ("token", "t0ken") in request.headers
    assert "t0ken" not in request.safe_url

    if path.endswith("/icons") and method == "POST":
        assert request.content_type.startswith("multipart/form-data; boundary=")
        assert b'name="file"; filename="logo.png"\r\nContent-Type: image/png\r\n\r\n' + PNG in request.body
    elif "request" in row:
        assert request.content_type == "application/json"
        assert json.loads(request.body) == row["request"] | MORE.get((method, row["path"]), {})
    else:
        assert (request.body, request.content_type) == (b"", "")

    if row["answer"]["result"] in (None, []):
        assert result == row["answer"]["result"]
    else:
        assert result


async def test_answers_are_typed():
    async def read(method: str, path: str) -> Any:
        call = next(call for m, p, call in CALLS if (m, p) == (method, path))
        return await call(TeamClient(Scripted(documented(method, path)["answer"]), Target(url="https://x")))

    assert await read("GET", "/api/v3/ping") == "pong"
    assert await read("GET", "/api/v3/time") == datetime(2019, 9, 27, 0, 59, 50, 898951, UTC)
    countries = await read("GET", "/api/v3/countries")
    assert [(one.code, one.name) for one in countries if one.default] == [("+7", "Россия")]
    code = await read("POST", "/api/v3/sms-login")
    assert (code.code_length, code.phone) == (4, "+79166660002")
    login = await read("POST", "/api/v3/sms-auth")
    assert (login.token, login.me.devices[0].name) == ("WoqtDSoWibETHyZcFJvixHGbp9AdYeg0", "ойпад")
    assert "WoqtDSo" not in repr(login)
    qr = await read("GET", "/api/v3/qr-login.png?debug=True")
    assert (qr.server, qr.temp_token, qr.lifetime_sec) == ("127.0.0.1:8000", "Sqt9O7toIgw-ud-G", 60)
    (contact,) = await read("PUT", "/api/v3/devices/{device_id}/address-book")
    assert contact.account.phone == "+79162255059"
    assert await read("GET", "/api/v3/devices/{device_id}/address-book") == []
    team = await read("POST", "/api/v3/teams")
    assert [one.status for one in team.contacts] == ["member", "admin", "member", "owner"]
    assert (team.uid, team.uploads_size_limit, team.me.status) == (TEAM, 1073741824, "owner")
    integration = await read("PUT", "/api/v3/teams/{team_uid}/integrations/{integration_uid}")
    assert integration.api_key == "BWDydgHkSQ_2JSOiBDeEoR9KILo"
    assert integration.webhook_url == "https://web.tada.team/api/webhook-test"
    assert "BWDydgHk" not in repr(integration)
    listed = await read("GET", "/api/v3/teams/{team_uid}/integrations")
    assert [kind.kind for kind in listed.kinds] == ["sentry", "bitbucket", "raw"]
    joined = await read("POST", "/api/v3/teams/join")
    assert (joined.need_confirmation, joined.can_manage_integrations) == (True, False)
    icons = await read("POST", "/api/v3/teams/{team_uid}/icons")
    assert (icons.lg.width, icons.lg.height, icons.sm.width) == (1736, 1024, 256)
    assert (await read("DELETE", "/api/v3/teams/{team_uid}")).is_archive
    usage = await read("GET", "/api/v3/teams/{team_uid}/usage")
    assert (usage.by_months[0].year, usage.uploads_size) == (2017, 36025984)
    message = await read("POST", "/api/v3/teams/{team_uid}/ws/{client_event_name}")
    assert (message.sender, message.gentime) == ("d-0b1b2362-fb69-4dd6-8bfb-90c89517168d", 1569546004009720191)


async def test_cookie_login_and_what_follows():
    http = Scripted(
        documented("POST", "/api/v3/sms-cookieauth")["answer"],
        headers=(("set-cookie", "sid=abc; Path=/; HttpOnly"), ("set-cookie", "lang=ru"), ("set-cookie", "b@d cookie")),
    )
    client = TeamClient(http, Target(url="https://x"))
    login = await client.sms_cookieauth("+79166660002", "5555")
    assert login.cookie == "sid=abc; lang=ru"
    assert "abc" not in repr(login)
    inside = client.logged_in(login)
    with pytest.raises(RemoteError):  # the scripted answer is a login, not `me`'s shape
        await inside.ping()
    assert http.asked[-1].headers == (("Accept", "application/json"), ("Cookie", "sid=abc; lang=ru"))


def test_no_cookie():
    assert cookie_of(RawResponse(status=200, headers=(("date", "x"),))) == ""


async def test_message():
    http = Scripted({"ok": True})
    await TeamClient(http, Target(url="https://x")).message("k1,k2", "a&b", message_id="m")
    assert parse_qs(http.asked[0].body.decode()) == {"key": ["k1,k2"], "message": ["a&b"], "message_id": ["m"]}
    with pytest.raises(RemoteError, match="API key") as caught:
        await TeamClient(Scripted({"ok": False, "error": "Неверный ключ"}), Target(url="https://x")).message("k", "a")
    assert caught.value.code == "bad_key"


@given(st.text())
def test_form_values_are_what_the_library_makes(text: str):
    assert form_value(text).decode() == quote_plus(text, errors="replace")


async def test_ping_with_its_parameters():
    http = Scripted({"ok": True, "result": "pong"})
    await TeamClient(http, Target(url="https://x")).ping(delay_sec=2, error=True)
    assert urlsplit(http.asked[0].url).query == "delay_sec=2&error=1"
    assert http.asked[0].safe_url == "https://x/api/v3/ping"


async def test_pictures():
    client = TeamClient(Scripted(PNG), Target(url="https://x"))
    assert await client.qr_login_png(value="abc") == PNG
    assert await client.invitation_png(TEAM, Invitation(uid=UID, token=INVITED)) == PNG
    http = Scripted(b"<html>502</html>", status=502)
    with pytest.raises(RemoteError, match="a page instead of an answer"):
        await TeamClient(http, Target(url="https://x")).invitation_png(TEAM, Invitation(uid=UID, token=INVITED))
    assert INVITED not in http.asked[0].safe_url
    with pytest.raises(RemoteError, match="EMPTY_TOKEN"):
        await TeamClient(Scripted({"ok": False, "error": "EMPTY_TOKEN"}), Target(url="https://x")).qr_login_png()


async def test_any_event():
    http = Scripted({"ok": True, "result": None})
    await TeamClient(http, Target(url="https://x")).ws(TEAM, "client.chat.lastread", {"jid": "g-1"})
    assert http.asked[0].url.endswith("/ws/client.chat.lastread")
    assert json.loads(http.asked[0].body) == {"jid": "g-1"}


async def test_beside_the_document():
    groups = Scripted({"ok": True, "result": [{"jid": "g-1", "display_name": "Sales", "more": 1}]})
    assert await TeamClient(groups, Target(url="https://x", token="t")).groups(TEAM) == [
        Group(jid="g-1", display_name="Sales")
    ]
    assert groups.asked[0].url == f"https://x/api/v4/teams/{TEAM}/groups"
    features = Scripted({"max_message_length": 4096, "other": 1})
    assert await TeamClient(features, Target(url="https://x", token="t")).features() == Features(
        max_message_length=4096
    )
    assert features.asked[0].headers == ()


async def test_an_answer_of_another_shape_is_an_error_with_its_place():
    with pytest.raises(RemoteError, match="devices") as caught:
        await TeamClient(Scripted({"ok": True, "result": {"devices": 1}}), Target(url="https://x")).me()
    assert caught.value.code == "unreadable"


async def test_settings_too_large_are_not_sent():
    http = Scripted({"ok": True, "result": {}})
    with pytest.raises(RemoteError, match="16000"):
        await TeamClient(http, Target(url="https://x")).put_ui_settings({"a": "я" * 8000})
    assert http.asked == []


def test_paths_are_quoted_and_targets_keep_their_secrets():
    assert repr(Target(url="https://x", token="s3cret", cookie="s3cret")) == "Target(url='https://x')"


async def test_a_device_id_cannot_leave_its_place_in_the_path():
    http = Scripted({"ok": True, "result": None})
    await TeamClient(http, Target(url="https://x")).delete_device("../teams?x#y")
    await TeamClient(http, Target(url="https://x")).delete_device("..")
    assert [request.url for request in http.asked] == [
        "https://x/api/v3/devices/..%2Fteams%3Fx%23y",
        "https://x/api/v3/devices/%2E%2E",
    ]
