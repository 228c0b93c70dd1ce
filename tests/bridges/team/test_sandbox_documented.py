"""The sandbox answers in the documented shapes: the document's own session, played in its order."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM
from tests.bridges.team.conftest import Running
from tests.bridges.team.test_client import DOCUMENTED, row_key


def same(found: Any, wanted: Any, at: str = "answer") -> None:
    """Both have the same keys and types. A null, or an empty list, fits whatever stands there in the other; each
    element of a list must look like one of the documented elements."""
    if found is None or wanted is None or [] in (found, wanted):
        return
    if isinstance(wanted, dict):
        assert isinstance(found, dict), at
        assert sorted(found) == sorted(wanted), at
        for key, value in wanted.items():
            same(found[key], value, f"{at}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), at
        for i, element in enumerate(found):
            complaints = []
            for example in wanted:
                try:
                    same(element, example, f"{at}[{i}]")
                except AssertionError as e:
                    complaints.append(str(e))
                else:
                    break
            else:
                raise AssertionError("\n".join(complaints))
    else:
        assert type(found) is type(wanted), at


async def test_the_documented_session(sandbox: Running):
    done: set[tuple[str, str]] = set()

    async def play(method: str, path: str, *, body: Any = None, who: dict[str, str] | None = None, **names: str) -> Any:
        """One documented request with its documented body, and the answer compared with the documented one."""
        row = next(row for row in DOCUMENTED if (row["method"], row["path"]) == (method, path))
        done.add(row_key(row))
        for name, value in names.items():
            path = path.replace("{" + name + "}", value)
        data = json.dumps(row.get("request") if body is None else body) if "request" in row else None
        async with sandbox.session.request(method, sandbox.url + path, data=data, headers=who or {}) as answer:
            assert answer.status == 200, await answer.text()
            found = await answer.json()
        assert found["ok"] is True
        same(found, row["answer"], f"{method} {path}")
        return found["result"]

    async def code(phone: str) -> str:
        (found,) = [one["code"] for one in (await sandbox.state())["sms"] if one["phone"] == phone]
        return str(found)

    await play("POST", "/api/v3/ping")
    await play("GET", "/api/v3/ping")
    await play("GET", "/api/v3/time")
    countries = await play("GET", "/api/v3/countries")
    assert len(countries) == 233
    assert [one["name"] for one in countries if one.get("default")] == ["Россия"]

    # in, by SMS, cookie and QR code
    login = await play("POST", "/api/v3/sms-login")
    assert (login["phone"], login["code_length"]) == ("+79166660002", 4)
    auth = {"code": await code(login["phone"]), "device_id": "a6a6d308730f27ce32d1", "name": "ойпад", "type": "ios"}
    me = await play("POST", "/api/v3/sms-auth", body=auth | {"phone": "+7 (916) 6660002"})
    token = {"token": me["token"]}
    await play("POST", "/api/v3/sms-login")
    await play("POST", "/api/v3/sms-cookieauth", body={"code": await code(login["phone"]), "phone": login["phone"]})
    qr = await play("GET", "/api/v3/qr-login.png?debug=True", who=token)
    assert qr["url"].startswith(f"otv://qr-login/127.0.0.1%3A{sandbox.url.split(':')[2].split('/')[0]}/")
    second = await play(
        "POST",
        "/api/v3/qr-auth",
        body={"device_id": "2", "name": "ондроед", "temp_token": qr["url"].rpartition("/")[2], "type": "android"},
    )
    assert [one["name"] for one in second["me"]["devices"]] == ["ойпад", "ондроед"]
    await play("POST", "/api/v3/cookieauth-logout")
    await play("GET", "/api/v3/cookieauth-logout")

    # oneself
    await play("GET", "/api/v3/me", who=token)
    put = await play("PUT", "/api/v3/ui-settings", who=token)
    assert await play("GET", "/api/v3/ui-settings", who=token) == put
    device = await play("POST", "/api/v3/devices", who=token)
    named = {"device_id": device["device_id"]}
    assert len(await play("GET", "/api/v3/devices", who=token)) == 3
    assert await play("GET", "/api/v3/devices/{device_id}", who=token, **named) == device
    changed = await play("PUT", "/api/v3/devices/{device_id}", who=token, **named)
    assert (changed["name"], changed["type"]) == ("ойпадище", "web")
    assert await play("GET", "/api/v3/devices/{device_id}/address-book", who=token, **named) == []
    book = {"contacts": [{"phones": ["8 (999) 233-11-44"]}]}
    path = "/api/v3/devices/{device_id}/address-book"
    kept = await play("PUT", path, who=token, body=book, **named)
    assert kept["contacts"][0]["account"]["given_name"] == "Борис"
    assert await play("GET", path, who=token, **named) == kept["contacts"]
    unknown = await sandbox.client.put_address_book(str(device["device_id"]), [{"phones": ["+79162255059"]}])
    assert [one.account for one in unknown] == [None]
    await play("DELETE", "/api/v3/devices/{device_id}", who=token, **named)

    # a team
    team = await play("POST", "/api/v3/teams", who=token)
    assert [one["status"] for one in team["contacts"]] == ["member", "admin", "member", "owner"]
    assert len(await play("GET", "/api/v3/teams", who=token)) == 2
    here = {"team_uid": SANDBOX_TEAM}
    integration = await play("POST", "/api/v3/teams/{team_uid}/integrations", who=token, **here)
    assert integration["group"] == SANDBOX_GROUP
    await play("GET", "/api/v3/teams/{team_uid}/integrations", who=token, **here)
    one = here | {"integration_uid": integration["uid"]}
    path = "/api/v3/teams/{team_uid}/integrations/{integration_uid}"
    assert await play("GET", path, who=token, **one) == integration
    moved = await play("PUT", path, who=token, **one)
    assert (moved["comment"], moved["group"]) == ("Тест 123", "g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc")
    assert moved["form"]["webhook_url"]["value"] == "https://web.tada.team/api/webhook-test"
    assert moved["enabled"] is True
    await play("DELETE", path, who=token, **one)

    # invitations
    invitation = await play("POST", "/api/v3/teams/{team_uid}/invitations", who=token, **here)
    await play("GET", "/api/v3/teams/{team_uid}/invitations", who=token, **here)
    one = here | {"invitaion_uid": invitation["uid"]}
    await play("GET", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", who=token, **one)
    async with sandbox.session.get(invitation["qr"], headers=token) as answer:
        assert answer.content_type == "image/png"
        assert Image.open(io.BytesIO(await answer.read())).width > 100
    other = await sandbox.nobody.sms_login("+7 555 000 00 01")
    guest = await sandbox.nobody.sms_auth(other.phone, await code(other.phone), device_id="g", name="g")
    joined = await play("POST", "/api/v3/teams/join", body={"token": invitation["token"]}, who={"token": guest.token})
    assert joined["me"]["status"] == "member"
    await play("DELETE", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", who=token, **one)

    # the picture
    made = io.BytesIO()
    Image.new("RGB", (3472, 2048), "navy").save(made, "PNG")
    form = aiohttp.FormData()
    form.add_field("file", made.getvalue(), filename="big.png", content_type="image/png")
    row = next(row for row in DOCUMENTED if row["path"].endswith("/icons") and row["method"] == "POST")
    async with sandbox.session.post(
        f"{sandbox.url}/api/v3/teams/{SANDBOX_TEAM}/icons", data=form, headers=token
    ) as answer:
        icons = await answer.json()
    done.add(row_key(row))
    same(icons, row["answer"])
    for size, width, height in (("lg", 1736, 1024), ("sm", 256, 256)):
        assert (icons["result"][size]["width"], icons["result"][size]["height"]) == (width, height)
        async with sandbox.session.get(icons["result"][size]["url"]) as answer:
            assert Image.open(io.BytesIO(await answer.read())).size == (width, height)
    stub = await play("DELETE", "/api/v3/teams/{team_uid}/icons", who=token, **here)
    async with sandbox.session.get(stub["stub"]) as answer:
        assert Image.open(io.BytesIO(await answer.read())).size == (256, 256)

    usage = await play("GET", "/api/v3/teams/{team_uid}/usage", who=token, **here)
    assert usage["uploads_size"] == len(made.getvalue()) == usage["by_months"][-1]["uploads_size"]
    assert len(usage["by_months"]) == 24

    # a message over HTTP; the second has a `prev`
    to = next(one["jid"] for one in (await sandbox.state())["people"] if one["status"] == "admin")
    event = {"team_uid": SANDBOX_TEAM, "client_event_name": "client.message.updated"}
    first = await sandbox.client.post(SANDBOX_TEAM, to=to, text="first")
    said = await play(
        "POST",
        "/api/v3/teams/{team_uid}/ws/{client_event_name}",
        body={"content": {"text": "пыщ!", "type": "plain"}, "to": to},
        who=token,
        **event,
    )
    assert (said["prev"], said["content"]["text"], said["chat_type"]) == (first.message_id, "пыщ!", "direct")

    # the end of a team
    made_here = {"team_uid": team["uid"]}
    await play("GET", "/api/v3/teams/{team_uid}", who=token, **made_here)
    renamed = await play("PUT", "/api/v3/teams/{team_uid}", who=token, **made_here)
    assert renamed["name"] == "иное название"
    gone = await play("DELETE", "/api/v3/teams/{team_uid}", who=token, **made_here)
    assert gone["is_archive"] is True
    assert len(await play("GET", "/api/v3/teams", who=token)) == 1

    assert done == {row_key(row) for row in DOCUMENTED}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_documents_curl_command_unmodified(sandbox: Running, tmp_path: Path):
    """The command of the integration's `help`, as the document shows it; only the server's address is ours."""
    documented = (
        "curl http://127.0.0.1:8000/api/message \\\n"
        "    -F key='BWDydgHkSQ_2JSOiBDeEoR9KILo' \\\n"
        "    -F message='Ваше сообщение'"
    )
    command = documented.replace("http://127.0.0.1:8000", sandbox.url)
    ran = await asyncio.to_thread(
        subprocess.run, command, shell=True, capture_output=True, timeout=20, cwd=tmp_path, check=False
    )
    assert json.loads(ran.stdout) == {"ok": True}
    assert await sandbox.texts() == ["Ваше сообщение"]
