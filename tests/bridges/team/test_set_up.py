"""Settings, logging in, probing and provisioning."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridges.team.login import finish_login, finish_qr_login, request_code
from bridges.team.phone import BadPhone, default_code, normalise_phone
from bridges.team.probing import probe_desk
from bridges.team.provisioning import find_integration
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_KEY, SANDBOX_TEAM, SANDBOX_TOKEN, TeamSettings
from bridges.team.shapes import Country, FormField, Integration
from relay.cli.secret_files import store_secret
from relay.contract import Check, Probing, Provisioning
from relay.contract.errors import RemoteError, SendError, VerificationFailed
from relay.contract.model import OutboundRequest, RawResponse
from tests.bridges.team.conftest import Running
from tests.bridges.team.samples import KEY, bridge, hook

HOOK = "https://relay.example.com/hooks/sales"
URL = "https://web.tada.team"


def settings(**values: Any) -> TeamSettings:
    return TeamSettings.model_validate({"kind": "team", "url": URL} | values)


# --- settings -------------------------------------------------------------------------------------------------------


def test_defaults():
    found = settings(key="k")
    assert (found.keys, found.mode, found.mirror, found.max_chars) == (("k",), "key", True, 4000)
    assert found.send_message_id is False
    assert "k" not in repr(found.key)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "`key` is missing"),
        ({"key": " , "}, "`key` is missing"),
        ({"mode": "user"}, r"`mode: user` needs token \(or token_file\), team, to"),
        ({"mode": "user", "token": "t", "team": SANDBOX_TEAM}, "needs to"),
        ({"key": "k", "team": "my team"}, "team"),
        ({"key": "k", "to": "sales"}, "to"),
        ({"key": "k", "group": SANDBOX_GROUP.replace("g-", "d-")}, "group"),
        ({"key": "k", "max_chars": 10}, "max_chars"),
        ({"key": "k", "mode": "bot"}, "mode"),
        ({"key": "k", "keys": "k"}, "keys"),
    ],
)
def test_bad_settings_are_named(values: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        settings(**values)


def test_the_sandbox_needs_no_secrets_and_nothing_else_gets_its_own():
    demo = TeamSettings.model_validate({"kind": "team", "url": "sandbox"})
    assert demo.keys == (SANDBOX_KEY,)
    user = TeamSettings.model_validate({"kind": "team", "url": "sandbox", "mode": "user"})
    assert (user.team, user.to) == (SANDBOX_TEAM, SANDBOX_GROUP)
    assert user.token is not None
    with pytest.raises(ValidationError):
        settings(mode="user", key="k")


def test_secrets_from_files(tmp_path: Path):
    (tmp_path / "key").write_text("from-file\n")
    assert settings(key_file=str(tmp_path / "key")).keys == ("from-file",)
    assert settings(key="direct", key_file=str(tmp_path / "key")).keys == ("direct",)
    assert settings(key_file=str(tmp_path / "later")).keys == ()
    with pytest.raises(ValidationError, match=r"key_file.*cannot be read"):
        settings(key_file=str(tmp_path))


# --- phones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("+7 (916) 6660002", "+79166660002"),  # the document's
        ("8 (916) 666-00-02", "+79166660002"),
        ("9166660002", "+79166660002"),
        ("79166660002", "+79166660002"),
        ("+7\u00a0916 666\u201300\u201302", "+79166660002"),
        ("0044 7911 123456", "+447911123456"),
        ("+1684 633 1234", "+16846331234"),
    ],
)
def test_phones(written: str, normal: str):
    assert normalise_phone(written) == normal


def test_phone_with_the_countrys_code():
    assert normalise_phone("633 1234", "+1684") == "+16846331234"
    assert normalise_phone("90 123 45 67", "+998") == "+998901234567"
    assert default_code([Country(code="+998", name="x"), Country(code="+998", name="y", default=True)]) == "+998"
    assert default_code([]) == "+7"


@pytest.mark.parametrize(
    "written", ["", " ", "call me", "8-800-FLOWERS", "916", "+", "+7 916 666 00 02 доб. 5", "1" * 30]
)
def test_what_is_no_phone(written: str):
    with pytest.raises(BadPhone) as caught:
        normalise_phone(written)
    assert str(caught.value).endswith(".")


@given(st.text() | st.text("0123456789+-() ", max_size=20), st.sampled_from(["+7", "+1", "+998", "+1684", "+44"]))
def test_any_text_is_a_phone_or_refused(written: str, code: str):
    try:
        normal = normalise_phone(written, code)
    except BadPhone:
        return
    assert normal.startswith("+")
    assert normal[1:].isdigit()
    assert normalise_phone(normal, code) == normal


# --- logging in -----------------------------------------------------------------------------------------------------


async def test_login_by_sms(sandbox: Running, tmp_path: Path):
    asked = await request_code(sandbox.nobody, "8 (916) 666-00-02")
    assert asked.phone == "+79166660002"
    (code,) = (await sandbox.state())["sms"]
    spaced = " ".join(code["code"])
    login = await finish_login(sandbox.nobody, asked.phone, f" {spaced} ")
    assert (await sandbox.nobody.logged_in(login).me()).devices[0].name == "Webhook relay"
    assert [team.uid for team in login.me.teams] == [SANDBOX_TEAM]

    path = tmp_path / "secrets" / "team.token"
    store_secret(path, login.token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["team.token"]
    read = settings(key="k", token_file=str(path))
    assert read.token is not None
    assert read.token.get_secret_value() == login.token
    store_secret(path, "other")
    assert path.read_text() == "other\n"


async def test_login_without_the_list_of_countries(sandbox: Running):
    await sandbox.switch(failing=1)
    assert (await request_code(sandbox.nobody, "9166660002")).phone == "+79166660002"


async def test_wrong_codes(sandbox: Running):
    asked = await request_code(sandbox.nobody, "+79166660002")
    (code,) = (await sandbox.state())["sms"]
    wrong = "0000" if code["code"] != "0000" else "1111"
    for _ in range(5):
        with pytest.raises(RemoteError, match="wrong code") as caught:
            await finish_login(sandbox.nobody, asked.phone, wrong)
        assert "new code" in caught.value.remedy
    with pytest.raises(RemoteError, match="expired"):  # five tries used up: the right one is too late
        await finish_login(sandbox.nobody, asked.phone, code["code"])


async def test_expired_code(sandbox: Running):
    asked = await request_code(sandbox.nobody, "+79166660002")
    (code,) = (await sandbox.state())["sms"]
    await sandbox.switch(clock_offset_s=301)
    with pytest.raises(RemoteError, match="expired"):
        await finish_login(sandbox.nobody, asked.phone, code["code"])


async def test_letters_in_a_phone_are_told_before_anything_is_sent(sandbox: Running):
    with pytest.raises(BadPhone, match="digits only; found 'F'"):
        await request_code(sandbox.nobody, "8-800-FLOWERS")
    assert (await sandbox.state())["sms"] == []


async def test_login_by_qr_code(sandbox: Running):
    code = await sandbox.client.qr_login()
    login = await finish_qr_login(sandbox.nobody, code.temp_token)
    assert (await sandbox.nobody.logged_in(login).me()).phone == "+79166660002"
    with pytest.raises(RemoteError, match="new QR code"):  # good once
        await finish_qr_login(sandbox.nobody, code.temp_token)
    late = await sandbox.client.qr_login(value="for-tests")
    assert late.temp_token == "for-tests"
    await sandbox.switch(clock_offset_s=61)
    with pytest.raises(RemoteError, match="expired or used"):
        await finish_qr_login(sandbox.nobody, late.temp_token)
    assert (await sandbox.client.qr_login_png()).startswith(b"\x89PNG")


# --- probing --------------------------------------------------------------------------------------------------------


def found(checks: Any) -> dict[str, Check]:
    return {check.what: check for check in checks}


ADMIN = {"token": SANDBOX_TOKEN, "team": SANDBOX_TEAM, "group": SANDBOX_GROUP}


async def test_all_is_well(sandbox: Running):
    for more in ({}, ADMIN):
        desk = sandbox.bridge(**more)
        assert isinstance(desk, Probing)
        checks = await desk.probe(sandbox.http)
        assert {check.ok for check in checks} == {True}, checks
    assert (await sandbox.state())["messages"] == []  # nothing was posted
    assert list(found(checks)) == ["server", "clock", "token", "team", "key"]


@pytest.mark.parametrize("more", [{}, ADMIN])
@pytest.mark.parametrize("errors", ["as_documented", "codes"])
async def test_key_that_is_not_taken(sandbox: Running, more: dict[str, str], errors: str):
    await sandbox.switch(errors=errors)
    key = found(await sandbox.bridge(key="nonsense", **more).probe(sandbox.http))["key"]
    assert (key.ok, key.credentials) == (False, True)
    assert "API key" in key.remedy


@pytest.mark.parametrize("more", [{}, ADMIN])
async def test_integration_switched_off(sandbox: Running, more: dict[str, str]):
    (integration,) = (await sandbox.state())["integrations"]
    await sandbox.act("set_integration", uid=integration["uid"], enabled=False)
    key = found(await sandbox.bridge(**more).probe(sandbox.http))["key"]
    assert (key.ok, key.credentials) == (False, True)
    assert "switched off" in key.found


async def test_clock_an_hour_off(sandbox: Running):
    for offset, way in ((3600, "behind"), (-3600, "ahead of")):
        await sandbox.switch(clock_offset_s=offset)
        clock = found(await sandbox.bridge().probe(sandbox.http))["clock"]
        assert clock.ok is False
        assert way in clock.found
        assert "NTP" in clock.remedy


async def test_slow_answers_are_no_skew(sandbox: Running):
    now = datetime.now(UTC)
    times = iter([now - timedelta(seconds=40), now + timedelta(seconds=40)])
    desk = sandbox.bridge()
    checks = await probe_desk(sandbox.http, desk.client(sandbox.http), desk.settings, (KEY,), now=lambda: next(times))
    assert found(checks)["clock"].ok is True


async def test_server_away_or_another_one(sandbox: Running):
    async def away(request: OutboundRequest) -> RawResponse:
        raise SendError("connect", "could not connect", certain=True)

    (server,) = await bridge().probe(away)
    assert (server.ok, server.credentials) == (False, False)
    assert "`url`" in server.remedy

    async def page(request: OutboundRequest) -> RawResponse:
        return RawResponse(status=200, body=b"<html>Welcome</html>")

    (server,) = await bridge().probe(page)
    assert server.ok is False
    assert "`url`" in server.remedy


async def test_a_server_without_v3(sandbox: Running):
    await sandbox.switch(v3=False)
    checks = found(await sandbox.bridge().probe(sandbox.http))
    assert (checks["server"].ok, checks["key"].ok) == (None, True)


async def test_unpaid(sandbox: Running):
    await sandbox.switch(unpaid=True)
    (server,) = await sandbox.bridge().probe(sandbox.http)
    assert server.ok is False
    assert "pay" in server.remedy


async def test_posts_longer_than_the_server_takes(sandbox: Running):
    await sandbox.switch(max_message_length=1000)
    limit = found(await sandbox.bridge().probe(sandbox.http))["longest message"]
    assert (limit.ok, limit.remedy) == (False, "Set `max_chars: 1000`.")
    assert "longest message" not in found(await sandbox.bridge(max_chars=1000).probe(sandbox.http))


async def test_token_and_team(sandbox: Running, tmp_path: Path):
    token = found(await sandbox.bridge(**ADMIN | {"token": "nonsense"}).probe(sandbox.http))["token"]
    assert (token.ok, token.credentials) == (False, True)
    assert "relay team login" in token.remedy
    team = found(await sandbox.bridge(**ADMIN | {"team": str(uuid4())}).probe(sandbox.http))["team"]
    assert team.ok is False
    assert SANDBOX_TEAM in team.remedy
    user = {"mode": "user", "token_file": str(tmp_path / "none"), "team": SANDBOX_TEAM, "to": SANDBOX_GROUP}
    token = found(await sandbox.bridge(**user).probe(sandbox.http))["token"]
    assert (token.ok, token.credentials) == (False, True)


# --- provisioning ---------------------------------------------------------------------------------------------------


def integration(**values: Any) -> Integration:
    form = {
        "api_key": FormField(value=values.pop("key", "k")),
        "webhook_url": FormField(value=values.pop("hook", "")),
    }
    return Integration(**({"uid": "u", "kind": "raw", "group": SANDBOX_GROUP, "enabled": True, "form": form} | values))


def test_which_integration_is_ours():
    other = integration(uid="1", key="x", hook="https://somebody.example/hook")
    by_hook = integration(uid="2", key="y", hook=HOOK)
    by_key = integration(uid="3", key="k", hook="https://old.example/hook")
    free = integration(uid="4", key="z")

    def ours(*those: Integration, group: str | None = SANDBOX_GROUP) -> str | None:
        one = find_integration(those, keys=("k",), hook=HOOK, group=group)
        return one.uid if one else None

    assert ours(other, free, by_hook, by_key) == "3"
    assert ours(other, free, by_hook) == "2"
    assert ours(other, free) == "4"
    assert ours(other) is None
    assert ours(other, free, group=None) is None
    assert ours(integration(key="k", kind="sentry")) is None
    assert ours(integration(key="y", hook=HOOK, group="g-other")) is None


async def test_provision_without_a_token_says_what_to_enter(sandbox: Running):
    desk = sandbox.bridge()
    assert isinstance(desk, Provisioning)
    (check,) = await desk.provision(sandbox.http, {"": HOOK})
    assert check.ok is None
    assert HOOK in check.remedy


async def test_provision_compares_before_it_sets(sandbox: Running):
    desk = sandbox.bridge(**ADMIN)
    checks = await desk.provision(sandbox.http, {"": HOOK})
    assert [(check.ok, check.changed) for check in checks] == [(True, True), (True, False)]
    assert sandbox.hooks.url in checks[0].found  # whom it called before
    assert (await sandbox.state())["integrations"][0]["webhook_url"] == HOOK
    sandbox.http.sent.clear()
    checks = await desk.provision(sandbox.http, {"": HOOK})
    assert [(check.ok, check.changed) for check in checks] == [(True, False), (True, False)]
    assert [request.method for request in sandbox.http.sent] == ["GET"]


async def test_provision_creates_and_reads_the_key(sandbox: Running, tmp_path: Path):
    (old,) = (await sandbox.state())["integrations"]
    await sandbox.act("delete_integration", uid=old["uid"])
    path = tmp_path / "team.key"
    desk = sandbox.bridge(key=None, key_file=str(path), **ADMIN)
    checks = await desk.provision(sandbox.http, {"": HOOK})
    assert [(check.ok, check.changed) for check in checks] == [(True, True), (True, True)]
    (made,) = (await sandbox.state())["integrations"]
    assert (made["webhook_url"], made["group"], made["comment"]) == (HOOK, SANDBOX_GROUP, "Webhook relay: sales")
    assert path.read_text().strip() == made["key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["key"] not in repr(checks)
    desk.verify(hook({"text": "x"}, key=made["key"]))  # it counts at once
    with pytest.raises(VerificationFailed):
        desk.verify(hook({"text": "x"}, key=KEY))
    await desk.provision(sandbox.http, {"": HOOK})
    assert len((await sandbox.state())["integrations"]) == 1


async def test_provision_finds_another_key_than_configured(sandbox: Running):
    (old,) = (await sandbox.state())["integrations"]
    await sandbox.act("delete_integration", uid=old["uid"])
    desk = sandbox.bridge(**ADMIN)
    for _ in range(2):  # the second time finds what the first has made
        checks = await desk.provision(sandbox.http, {"": HOOK})
        assert (checks[-1].ok, checks[-1].credentials) == (False, True)
        assert "`key_file`" in checks[-1].remedy
    assert len((await sandbox.state())["integrations"]) == 1


async def test_provision_leaves_a_switch_alone(sandbox: Running):
    (one,) = (await sandbox.state())["integrations"]
    await sandbox.act("set_integration", uid=one["uid"], enabled=False)
    checks = await sandbox.bridge(**ADMIN).provision(sandbox.http, {"": sandbox.hooks.url})
    assert [check.ok for check in checks] == [True, False, True]
    assert "switched off" in checks[1].found
    assert (await sandbox.state())["integrations"][0]["enabled"] is False


async def test_provision_names_the_groups_to_choose_from(sandbox: Running):
    (old,) = (await sandbox.state())["integrations"]
    await sandbox.act("delete_integration", uid=old["uid"])
    (check,) = await sandbox.bridge(token=SANDBOX_TOKEN, team=SANDBOX_TEAM).provision(sandbox.http, {"": HOOK})
    assert check.ok is False
    assert "deleted" in check.found
    assert f"{SANDBOX_GROUP} (Sales)" in check.remedy


async def test_provision_in_a_team_that_is_not_ours(sandbox: Running):
    (check,) = await sandbox.bridge(**ADMIN | {"team": str(uuid4())}).provision(sandbox.http, {"": HOOK})
    assert check.ok is False
    assert "`team`" in check.remedy


async def test_provision_meets_trouble(sandbox: Running):
    await sandbox.switch(failing=1, failing_with="proxy_page")
    (check,) = await sandbox.bridge(**ADMIN).provision(sandbox.http, {"": HOOK})
    assert check.ok is False
    await sandbox.switch(failing=2, failing_with="drop")  # aiohttp repeats a GET once by itself
    (check,) = await sandbox.bridge(**ADMIN).provision(sandbox.http, {"": HOOK})
    assert check.ok is False
    assert "network" in check.remedy
    (check,) = await sandbox.bridge(**ADMIN | {"token": "nonsense"}).provision(sandbox.http, {"": HOOK})
    assert "relay team login" in check.remedy
