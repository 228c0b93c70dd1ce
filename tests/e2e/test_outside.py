"""The outside systems through the core: doctor, provision, whose account a token opens, files to panels, and everything
that may be wrong with an account. Each gets a sentence that says what to do, and nothing is lost.

The far sides are sandboxes of their own here, beside the relay, so that they can change while it is away.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

import bridges
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, SANDBOX_TOKEN
from relay.cli.main import cli
from tests.coverage.playing import Playing, playing
from tests.harness import Ran, RelayProcess, until

QUICK = {
    "retries": 2,
    "backoff": ["50ms", "100ms"],
    "timeout": "3s",
    "breaker": {"failures": 1000, "lanes": 1000, "probe": {"first": "200ms", "factor": 1, "max": "500ms"}},
}
OTHER_TEAM = "00000000-0000-4000-8000-000000000000"


async def command(config: Path, *args: str) -> Ran:
    """A command in this process: a start costs a second."""
    done = await asyncio.to_thread(CliRunner().invoke, cli, [args[0], "-c", str(config), *args[1:]], obj=bridges.ALL)
    return Ran(code=done.exit_code, out=done.stdout, err=done.stderr)


@dataclass
class Outside:
    """A relay whose accounts stand at three sandboxes outside it."""

    relay: RelayProcess
    shop: Playing
    panel: Playing
    sales: Playing

    async def findings(self, what: str = "doctor") -> dict[str, list[dict[str, Any]]]:
        """Name -> lines of `relay doctor|provision --json`; its exit status agrees with them."""
        ran = await command(self.relay.config_path, what, "--json")
        rows = json.loads(ran.out)
        assert ran.code == (1 if any(row["ok"] is False for row in rows) else 0)
        shown = await command(self.relay.config_path, what)
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row["name"], []).append(row)
            if row["ok"] is False:
                assert row["remedy"], row  # every trouble says what to do
                assert row["remedy"] in shown.out
        return found

    async def trouble(self, name: str, what: str = "doctor") -> list[tuple[str, str]]:
        """(found, remedy) of what is wrong with one account."""
        rows = (await self.findings(what)).get(name, [])
        return [(row["found"], row["remedy"]) for row in rows if row["ok"] is False]

    def account(self, name: str, **changes: Any) -> None:
        """Changes an account in config.yaml."""
        part = "channels" if name == "shop" else "desks"
        self.relay.config[part][name] |= changes
        self.relay.write_config()


@pytest.fixture
async def outside(relay_process: Any) -> AsyncIterator[Outside]:
    """Not started: `doctor` and `provision` need no running relay, and `run` is a test's own matter."""
    async with contextlib.AsyncExitStack() as stack:
        shop, panel, sales = [await stack.enter_async_context(playing(k)) for k in ("insta", "operator", "team")]
        await shop.switch(report_delay_s=0.01)
        panel_settings = panel.bridge.settings
        config = {
            "channels": {
                "shop": {
                    "kind": "insta",
                    "url": shop.url,
                    "token": shop.bridge.settings.token.get_secret_value(),
                }
            },
            "desks": {
                "panel": {
                    "kind": "operator",
                    "url": panel.url,
                    "token": panel_settings.token.get_secret_value(),
                    "webhook_token": panel_settings.webhook_token.get_secret_value(),
                },
                "sales": {
                    "kind": "team",
                    "url": sales.url,
                    "key": sales.bridge.settings.keys[0],
                    "token": SANDBOX_TOKEN,
                    "team": SANDBOX_TEAM,
                    "group": SANDBOX_GROUP,
                },
            },
            "routes": [{"channel": "shop", "desks": ["panel", "sales"]}],
            "delivery": QUICK,
        }
        yield Outside(relay_process(config), shop, panel, sales)


async def posts(sales: Playing) -> list[str]:
    return [m["text"] for m in (await sales.state())["messages"] if m["by"] == "integration"]


async def in_group(sales: Playing, words: str, timeout_s: float = 15) -> str:
    async def look() -> str:
        return next((text for text in await posts(sales) if words in text), "")

    found: str = await until(look, timeout_s, what=f"{words!r} in the group")
    return found


async def write(shop: Playing, text: str) -> None:
    await shop.act("write", customer_id=(await shop.state())["customers"][0]["id"], text=text)


async def answers(shop: Playing) -> list[str]:
    return [m["text"] for m in (await shop.state())["messages"] if not m["mine"]]


# --- doctor ---------------------------------------------------------------------------------------------------------


async def test_doctor_asks_everything(outside: Outside):
    await outside.relay.start()
    found = await outside.findings()
    assert list(found) == ["store", "public address", "shop", "panel", "sales"]
    assert all(row["ok"] is not False for rows in found.values() for row in rows), found
    assert {row["what"] for row in found["sales"]} >= {"server", "clock", "token", "team", "key"}
    assert [row["what"] for row in found["public address"]] == ["this relay", "hook addresses"]
    assert set(found["shop"][0]) >= {"name", "ok", "what", "found", "remedy"}


async def test_doctor_before_the_first_start_blames_nobody(outside: Outside):
    (row,) = (await outside.findings())["public address"]
    assert row["ok"] is None and "relay run" in row["remedy"]


async def test_doctor_and_the_public_address(outside: Outside):
    await outside.relay.start()
    real = outside.relay.address
    passes_hooks = False

    async def proxied(request: aiohttp.web.Request) -> aiohttp.web.Response:
        """A proxy that lets only some paths through, and small bodies only."""
        if (request.content_length or 0) > 1_000_000:
            return aiohttp.web.Response(status=413)
        if request.path.startswith("/hooks") and not passes_hooks:
            return aiohttp.web.Response(status=404)
        url = real + request.path_qs
        async with outside.shop.session.request(request.method, url, data=await request.read()) as answer:
            return aiohttp.web.Response(status=answer.status, body=await answer.read())

    proxy = aiohttp.web.Application()
    proxy.router.add_route("*", "/{tail:.*}", proxied)
    async with aiohttp.test_utils.TestServer(proxy) as server:
        outside.relay.config["public_url"] = str(server.make_url("")).rstrip("/")
        outside.relay.config["listen"] = real.removeprefix("http://")
        outside.relay.write_config()
        hooks, sizes = await outside.trouble("public address")
        assert "shop at …/hooks/shop answers 404" in hooks[0]
        assert hooks[1] == "let the proxy pass /hooks/ on to the relay unchanged"
        assert "refuses 72MB" in sizes[0] and "client_max_body_size 72m" in sizes[1]
        secret = outside.relay.hooks["shop"].rpartition("/")[2]
        assert secret not in json.dumps(await outside.findings())

        passes_hooks = True
        outside.relay.config["secret_key"] = "another key than the running relay has"
        outside.relay.write_config()
        ((found, remedy),) = await outside.trouble("public address")
        assert "another relay, or one with another secret_key" in found and "`secret_key`" in remedy


@pytest.mark.parametrize(
    ("name", "switches", "found", "remedy"),
    [
        ("shop", {"token_rejected": True}, "Недействительный токен", "token"),
        ("shop", {"unpaid": "402"}, "Нет активных каналов", "pa"),
        ("shop", {"unpaid": "status_false"}, "is not paid for or not logged in", "pa"),
        ("sales", {"clock_offset_s": 3600}, "ours is 3600 s behind the server's", "Set this machine's clock by NTP"),
        ("sales", {"clock_offset_s": -3600}, "ours is 3600 s ahead of the server's", "Set this machine's clock by NTP"),
        ("sales", {"max_message_length": 1000}, "the server takes 1000 characters", "Set `max_chars: 1000`."),
        ("sales", {"unpaid": True}, "ACCOUNT_SUSPENDED", "ask its owner to pay"),
    ],
)
async def test_doctor_says_what_is_wrong_and_what_to_do(
    outside: Outside, name: str, switches: dict[str, Any], found: str, remedy: str
):
    await getattr(outside, name).switch(**switches)
    trouble = await outside.trouble(name)
    assert any(found.rstrip("0 s") in f and remedy in r for f, r in trouble), trouble


async def test_doctor_and_a_team_integration_token_or_group_that_is_gone(outside: Outside):
    (one,) = (await outside.sales.client().integrations(SANDBOX_TEAM)).integrations
    await outside.sales.act("set_integration", uid=one.uid, enabled=False)
    ((found, remedy),) = await outside.trouble("sales")
    assert (found, remedy) == ("the integration Webhook relay is switched off", "Switch it on in the group's settings.")

    await outside.sales.act("delete_integration", uid=one.uid)
    ((found, remedy),) = await outside.trouble("sales")
    assert "put it into `key` in config.yaml" in remedy

    outside.account("sales", team=OTHER_TEAM)
    trouble = dict(await outside.trouble("sales"))
    assert trouble["is not one of this user's teams"].startswith(f"Set `team` to one of: {SANDBOX_TEAM}")

    outside.account("sales", token="not-a-token")
    trouble = dict(await outside.trouble("sales"))
    assert any("relay team login" in remedy for remedy in trouble.values())


async def test_nobody_there(outside: Outside):
    for name in ("shop", "panel", "sales"):
        outside.account(name, url="http://127.0.0.1:9/nobody")
    for name in ("shop", "panel", "sales"):
        ((_, remedy),) = await outside.trouble(name)
        assert "`url`" in remedy


# --- provision ------------------------------------------------------------------------------------------------------


async def test_provision_registers_everything_once_and_warns_of_whom_it_replaces(outside: Outside, tmp_path: Path):
    await outside.shop.act("webhook", url="https://somebody.else.example/their-secret")
    (one,) = (await outside.sales.client().integrations(SANDBOX_TEAM)).integrations
    await outside.sales.act(
        "set_integration", uid=one.uid, webhook_url="https://somebody.else.example/team?s=their-secret"
    )
    ran = await command(outside.relay.config_path, "provision")
    assert ran.code == 0, ran.out
    shop, sales = ([line for line in ran.out.splitlines() if f" {name}: " in line] for name in ("shop", "sales"))
    assert "REPLACES somebody else's: https://somebody.else.example/… " in shop[0]
    assert "→ if that was not meant" in shop[0]
    assert "calls us now, and no longer https://somebody.else.example/team → If that was not meant" in sales[0]
    assert "their-secret" not in ran.out
    checked = await command(outside.relay.config_path, "check", "--json")
    ours = json.loads(checked.out)["channels"][0]["hooks"]["<secret>"]
    assert (await outside.shop.state())["webhook"] == ours
    assert (await outside.sales.client().integration(SANDBOX_TEAM, one.uid)).webhook_url.endswith("/hooks/sales")

    again = await outside.findings("provision")
    assert [row["found"] for row in (*again["shop"], *again["sales"])] == [
        "ours is registered already",
        "calls us",
        "is the one configured",
    ]

    # The integration was deleted: made anew, and its key goes to the file.
    await outside.sales.act("delete_integration", uid=one.uid)
    key_file = tmp_path / "sales.key"
    outside.account("sales", key_file=str(key_file))
    made = await outside.findings("provision")
    assert [row["found"] for row in made["sales"]] == [f"created in group {SANDBOX_GROUP}", f"written to {key_file}"]
    (new,) = (await outside.sales.client().integrations(SANDBOX_TEAM)).integrations
    assert key_file.read_text().strip() == new.api_key


async def test_provision_says_what_it_cannot_do(outside: Outside):
    (one,) = (await outside.sales.client().integrations(SANDBOX_TEAM)).integrations
    await outside.sales.act("set_integration", uid=one.uid, enabled=False)
    assert await outside.trouble("sales", "provision") == [("is switched off", "Switch it on in the group's settings.")]
    await outside.sales.act("delete_integration", uid=one.uid)
    del outside.relay.config["desks"]["sales"]["group"]
    outside.relay.write_config()
    ((found, remedy),) = await outside.trouble("sales", "provision")
    assert "it was deleted, or is another team's" in found
    assert remedy.startswith("Name the `group` it shall be made in: ")
    assert f"{SANDBOX_GROUP} (Desk)" in remedy
    outside.account("sales", team=OTHER_TEAM)
    ((_, remedy),) = await outside.trouble("sales", "provision")
    assert remedy.startswith(f"Check `team`: {OTHER_TEAM} is not a team whose integrations")
    await outside.shop.switch(token_rejected=True)
    assert await outside.trouble("shop", "provision")


# --- run ------------------------------------------------------------------------------------------------------------


async def test_run_warns_and_does_not_stop(outside: Outside):
    await outside.shop.act("webhook", url="https://somebody.else.example/their-secret")
    await outside.sales.switch(clock_offset_s=3600)
    outside.account("panel", url="http://127.0.0.1:9/nobody")
    await outside.relay.start()
    log = outside.relay.log

    def said() -> bool:
        warnings = [line for line in log().splitlines() if "WARNING" in line]
        return all(
            any(words in line for line in warnings)
            for words in ("Set this machine's clock by NTP", "REPLACES somebody else's", "whether the panel runs")
        )

    await until(said, 20, what="all three warnings")
    assert "their-secret" not in log()
    assert await outside.relay.readyz() == 200
    await write(outside.shop, "still works")
    await in_group(outside.sales, "still works")


async def test_a_token_that_opens_another_account_stops_the_channel(outside: Outside):
    relay, shop, sales = outside.relay, outside.shop, outside.sales
    await relay.start()
    await write(shop, "first")
    await in_group(sales, "first")
    await sales.act("say", text="#1 to the right one")
    await until(lambda: answers(shop), what="the first answer")
    await relay.stop()

    await shop.switch(other_account=True)
    await relay.start()
    told = await in_group(sales, "now belongs to another account")
    assert "Please tell whoever looks after the relay" in told
    assert "`relay resume shop` if the new account is meant" in relay.log()
    await sales.act("say", text="#1 to the wrong one?")
    await asyncio.sleep(0.5)
    assert await answers(shop) == ["to the right one"]
    status = json.loads((await command(relay.config_path, "status", "--json")).out)
    (row,) = [r for r in status["connections"] if r["name"] == "shop"]
    assert (row["state"], row["backlog"]) == ("other account", 1)
    await relay.stop()

    # Its own key is back: what waited goes out, by itself.
    await shop.switch(other_account=False)
    await relay.start()

    async def both() -> bool:
        return await answers(shop) == ["to the right one", "to the wrong one?"]

    await until(both, what="what waited has gone out")
    await in_group(sales, "shop works again")


async def test_a_new_account_that_is_meant_is_let_go_by_hand(outside: Outside):
    relay, shop, sales = outside.relay, outside.shop, outside.sales
    await relay.start()
    await write(shop, "first")
    await in_group(sales, "first")
    await relay.stop()
    await shop.switch(other_account=True)
    await relay.start()
    await in_group(sales, "now belongs to another account")
    await sales.act("say", text="#1 hello from the new account")
    assert (await command(relay.config_path, "resume", "shop")).out == "shop goes on.\n"
    await until(lambda: answers(shop), what="it goes out")
    await relay.restart()
    await sales.act("say", text="#1 and after a restart")

    async def two() -> bool:
        return len(await answers(shop)) == 2

    await until(two, what="the new account is the account now")


async def test_an_integration_that_is_switched_off_or_deleted_loses_nothing(outside: Outside):
    relay, shop, sales = outside.relay, outside.shop, outside.sales
    await relay.start()
    (one,) = (await sales.client().integrations(SANDBOX_TEAM)).integrations
    await sales.act("set_integration", uid=one.uid, enabled=False)
    await write(shop, "while it is off")

    async def paused() -> dict[str, Any] | None:
        status = json.loads((await command(relay.config_path, "status", "--json")).out)
        (row,) = [r for r in status["connections"] if r["name"] == "sales"]
        return row if row["state"] == "credentials" else None

    row = await until(paused, what="the desk is paused")
    assert row["said"]

    # The other desk is told, in words.
    async def panel_knows() -> bool:
        said = [m["text"] for ms in (await outside.panel.state())["messages"].values() for m in ms]
        return any("sales" in text and row["said"] in text for text in said)

    await until(panel_knows, what="the panel is told")
    await sales.act("set_integration", uid=one.uid, enabled=True)
    await in_group(sales, "while it is off")
    assert json.loads((await command(relay.config_path, "dead", "list", "--json")).out) == []
    assert len([text for text in await posts(sales) if "while it is off" in text]) == 1


# --- files to operator panels, all three ways -----------------------------------------------------------------------

WAYS = {"brackets": "attaches[]", "json": "attaches", "file": "attach"}  # setting -> how the panel saw it


class Panels:
    """A relay with a sandboxed channel and three panels, one for each way of attaching."""

    def __init__(self, relay: RelayProcess, session: aiohttp.ClientSession) -> None:
        self.relay = relay
        self.session = session

    async def state(self, name: str) -> Any:
        async with self.session.get(f"{self.relay.address}/sandbox/{name}/_sandbox/state") as answer:
            return await answer.json()

    async def act(self, name: str, action: str, /, **arguments: Any) -> Any:
        url = f"{self.relay.address}/sandbox/{name}/_sandbox/act/{action}"
        async with self.session.post(url, json=arguments) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def get(self, url: str) -> tuple[int, bytes]:
        async with self.session.get(url) as answer:
            return answer.status, await answer.read()

    async def message(self, name: str, words: str) -> dict[str, Any]:
        """Wait for a message at a panel that contains these words."""

        async def look() -> dict[str, Any] | None:
            said = [m for ms in (await self.state(name))["messages"].values() for m in ms]
            return next((m for m in said if words in m["text"]), None)

        found: dict[str, Any] = await until(look, 20, what=f"{words!r} at {name}")
        return found

    async def file(self, name: str, message: dict[str, Any]) -> bytes:
        """The content of a message's one file, as the panel's page has it."""
        (file,) = message["files"]
        status, content = await self.get(f"{self.relay.address}/sandbox/{name}/{file['url']}")
        assert status == 200
        return content

    async def send(self, text: str, **file: Any) -> dict[str, Any]:
        """The first customer sends a file; what the channel's sandbox remembers of it."""
        customer = (await self.state("shop"))["customers"][0]["id"]
        said: dict[str, Any] = await self.act("shop", "send", customer_id=customer, text=text, **file)
        return said


@pytest.fixture
async def panels(relay_process: Any, session: aiohttp.ClientSession) -> AsyncIterator[Panels]:
    desks = {way: {"kind": "operator", "url": "sandbox", "attaches": way} for way in WAYS}
    relay = relay_process(
        {
            "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
            "desks": desks,
            "routes": [{"channel": "shop", "desks": list(desks)}],
            "delivery": QUICK,
        }
    )
    await relay.start()
    yield Panels(relay, session)


async def test_a_customers_file_reaches_panels_all_three_ways(panels: Panels):
    await panels.send("look at this", what="photo")
    (sent,) = [m["media"]["url"] for m in (await panels.state("shop"))["messages"] if m["text"] == "look at this"]
    _, original = await panels.get(f"{panels.relay.address}/sandbox/shop/{sent}")
    assert original[:2] in (b"\xff\xd8", b"\x89P")
    for name, how in WAYS.items():
        message = await panels.message(name, "look at this")
        (file,) = message["files"]
        assert (file["how"], file["kind"]) == (how, "image")
        assert await panels.file(name, message) == original
        if name != "file":  # by reference: the channel's own address, the picture and its thumbnail
            assert (file["source"], file["big"]) == (f"{panels.relay.address}/sandbox/shop/{sent}",) * 2


async def test_an_operators_file_reaches_the_customer_and_the_other_panels(panels: Panels):
    await panels.send("hello", what="photo")
    _, content = await panels.get(f"{panels.relay.address}/sandbox/shop/_sandbox/files/photo-1/photo.jpg")
    first = await panels.message("brackets", "hello")
    given = {"name": "кот 1.jpg", "mime": "image/jpeg", "data": base64.b64encode(content).decode()}
    said = await panels.act("brackets", "answer", user_id=int(first["user_id"]), text="here you are", file=given)
    assert said["status"] == 200, said

    async def arrived() -> dict[str, Any] | None:
        ours = [m for m in (await panels.state("shop"))["messages"] if not m["mine"]]
        return next((m for m in ours if m["text"] == "here you are"), None)

    await until(arrived, what="the customer has it")
    for name in ("json", "file"):
        message = await panels.message(name, "here you are")
        assert [file["how"] for file in message["files"]] == [WAYS[name]]
        assert await panels.file(name, message) == content


@pytest.mark.parametrize(
    ("href", "says"),
    [
        ("http://127.0.0.1:9/secret.jpg", "must begin with https://"),
        ("https://127.0.0.1/secret.jpg", "does not lead to the public internet"),
        ("https://[::ffff:169.254.169.254]/latest/meta-data", "does not lead to the public internet"),
        ("https://user:word@files.example.com/a.jpg", "carries a user name or password"),
    ],
)
async def test_a_file_we_must_not_fetch_comes_as_words_and_holds_up_nothing(panels: Panels, href: str, says: str):
    await panels.send("my picture", href=href, mime="image/jpeg", filename="secret.jpg")
    message = await panels.message("file", "my picture")
    assert message["files"] == []
    assert message["text"].splitlines()[0] == "my picture"
    assert message["text"].splitlines()[1].startswith("[secret.jpg (")
    assert says in message["text"]
    await panels.send("the next one", what="voice")
    assert [f["kind"] for f in (await panels.message("file", "the next one"))["files"]] == ["audio"]
    dead = await command(panels.relay.config_path, "dead", "list", "--json")
    assert json.loads(dead.out) == []


async def test_a_file_that_is_gone_comes_as_words(panels: Panels):
    url = f"{panels.relay.address}/sandbox/shop/_sandbox/files/gone-9/gone.jpg"  # 404: gone for good
    await panels.send("gone", href=url, mime="image/jpeg", filename="gone.jpg")
    message = await panels.message("file", "gone")
    assert "The file's server answered 404." in message["text"]
