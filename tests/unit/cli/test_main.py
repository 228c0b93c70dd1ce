"""The command line: what each command says, its exit status, and that nothing is ever a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import click
import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner, Result

import bridges
from relay.cli.commands.check import delivery_words
from relay.cli.commands.sandbox import hook_addresses, stand_alone_settings
from relay.cli.main import cli
from relay.cli.options import config_option
from relay.config.settings import Delivery
from relay.contract.errors import RelayError

ROOT = Path(bridges.__file__).parent.parent
OWN = ROOT / "config.yaml"

CONFIG = """\
listen: 127.0.0.1:8099
channels:
  shop: {kind: insta, url: sandbox, token: CANARY-token}
desks:
  panel: {kind: operator, url: sandbox, token: CANARY-panel, webhook_token: CANARY-hook}
  sales: {kind: team, url: sandbox, key: CANARY-key}
routes:
  - {channel: shop, desks: [panel, sales]}
"""

INCOMING = {
    "event": {
        "name": "incomingMessage",
        "properties": {"queueId": "q1", "type": "text", "content": {"body": "Do you have it in blue? #1"}},
    },
    "createdAt": "2026-11-21T10:00:00",
    "device": {"user_id": "777", "username": "anna.p"},
}
GROUP = {
    "chat": "g-1",
    "chat_display_name": "Sales",
    "created": "2026-11-21T10:00:00.000000Z",
    "sender": "d-1",
    "sender_display_name": "Olga",
    "text": "#42 Yes, in all sizes\n> Yes | No",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a config.yaml, to be in; wide enough that no line is broken."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("RELAY_DEBUG", raising=False)
    return tmp_path


def relay(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, args, obj=bridges.ALL, input=stdin, catch_exceptions=False)


# --- check ---------------------------------------------------------------------------------------------------------


def test_check_shows_the_map_with_whole_hook_addresses(folder: Path):
    result = relay("check")
    assert result.exit_code == 0, result.output
    assert re.search(r"http://127\.0\.0\.1:8099/hooks/shop/[A-Za-z0-9_-]{32}\n", result.stdout)
    for address in ("panel/message", "panel/user", "panel/media", "sales"):
        assert f" http://127.0.0.1:8099/hooks/{address}\n" in result.stdout
    assert "shop ⇄ panel, sales" in result.stdout
    assert "9 attempts of at most 10s: at once, then after 5s, 15s" in result.stdout
    assert "CANARY" not in result.output


def test_check_json_is_for_scripts(folder: Path):
    result = relay("check", "--json")
    found = json.loads(result.stdout)
    assert [c["name"] for c in found["channels"]] == ["shop"]
    assert found["desks"][0]["hooks"]["message"] == "http://127.0.0.1:8099/hooks/panel/message"
    assert found["routes"] == [{"channel": "shop", "desks": ["panel", "sales"]}]
    assert found["settings"]["delivery"]["timeout"] == "10s"
    assert found["settings"]["channels"]["shop"]["token"] == "***"
    assert "CANARY" not in result.output
    again = json.loads(relay("check", "--json").stdout)
    assert again == found  # the address of a hook stays


def test_the_public_url_is_where_outside_systems_are_sent(folder: Path):
    text = CONFIG.replace("shop: {kind: insta, url: sandbox", "shop: {kind: insta, url: 'https://api.example.com'")
    (folder / "config.yaml").write_text(
        text + f"public_url: https://relay.example.com\nsandboxes: expose\nsecret_key: {'x' * 32}\n"
    )
    found = json.loads(relay("check", "--json").stdout)
    assert found["channels"][0]["hooks"]["<secret>"].startswith("https://relay.example.com/hooks/shop/")
    assert not (folder / "data").exists()


@pytest.mark.parametrize("args", [("-c", "other.yaml", "check"), ("check", "-c", "other.yaml"),
                                  ("--config", "nope.yaml", "check", "--config", "other.yaml")])  # fmt: skip
def test_the_file_may_be_named_before_and_after_the_command(folder: Path, args: tuple[str, ...]):
    (folder / "config.yaml").rename(folder / "other.yaml")
    assert relay("check").exit_code == 2
    result = relay(*args)
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "other.yaml is in order")


def test_all_problems_at_once_on_standard_error_and_status_2(folder: Path):
    (folder / "config.yaml").write_text(CONFIG.replace("[panel, sales]", "[panel, slaes]") + "locale: de\n")
    result = relay("check")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        'config.yaml:8: routes[0].desks[1]: no desk "slaes"; did you mean "sales"?',
        'config.yaml:9: locale: found "de"; allowed: "en" or "ru"',
    ]


def test_own_templates_are_checked(folder: Path):
    wrong = folder / "texts" / "notices" / "en" / "closed.txt.j2"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("{{ nubmer }}")
    (folder / "config.yaml").write_text(CONFIG + "templates_dir: texts\n")
    result = relay("check")
    assert result.exit_code == 2
    assert "closed.txt.j2: notices/en/closed.txt.j2: 'nubmer' is undefined" in result.stderr


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        ({"retries": 0}, "1 attempt, of at most 10s"),
        ({"retries": 2}, "3 attempts of at most 10s: at once, then after 5s, 15s (about 20 seconds in all)"),
        (
            {"retries": 3, "backoff": {"first": "1m", "factor": 2, "max": "1h"}},
            "4 attempts of at most 10s: at once, then after 1m, each pause 2 times the one before, at most 1h "
            "(about 7 minutes in all)",
        ),
    ],
)
def test_the_schedule_in_words(delivery: dict[str, Any], words: str):
    assert delivery_words(Delivery.model_validate(delivery)) == words


# --- schema and the file in the repository -------------------------------------------------------------------------


def test_the_configuration_in_the_repository_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("RELAY_SECRET_KEY", "RELAY_STORE", "RELAY_LISTEN", "RELAY_LOCALE"):
        monkeypatch.delenv(name, raising=False)
    copy = tmp_path / "config.yaml"
    copy.write_text(OWN.read_text("utf-8"), "utf-8")
    result = relay("check", "-c", str(copy))
    assert result.exit_code == 0, result.output
    assert "warning" not in result.output


def test_the_schema_is_valid_and_takes_the_configuration_in_the_repository():
    schema = json.loads(relay("schema").stdout)
    jsonschema_rs.meta.validate(schema)
    errors = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(yaml.safe_load(OWN.read_text("utf-8"))))
    assert [str(e) for e in errors] == []
    for bridge in bridges.ALL:
        fields = schema["$defs"][f"{bridge.spec.role.value}-{bridge.spec.kind}"]["properties"]
        assert set(fields) == set(bridge.spec.settings.model_fields)


def test_what_is_commented_out_in_the_repository_is_right_too(tmp_path: Path):
    """The comments of config.yaml are its manual: with every setting switched on it must still be in order."""
    text = re.sub(r"^(\s*)# ([a-z_]+:)", r"\1\2", OWN.read_text("utf-8"), flags=re.MULTILINE)
    text = text.replace("templates_dir: ./texts", "templates_dir: .")
    names = set(re.findall(r"\$\{([A-Z_]+)\}", text)) - {"NAME"}
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    runner = CliRunner(env=dict.fromkeys(names, "T0KEN-0123456789abcdef-0123456789"))
    result = runner.invoke(cli, ["check", "--json", "-c", str(path)], obj=bridges.ALL)
    assert result.exit_code == 0, result.output
    settings = json.loads(result.stdout)["settings"]
    assert settings["public_url"] == "https://relay.example.com"
    assert settings["retention"] == "14d"


# --- explain -------------------------------------------------------------------------------------------------------


def test_explain_a_customers_message(folder: Path):
    (folder / "in.json").write_text(json.dumps(INCOMING))
    result = relay("explain", "in.json", "--from", "shop", "--json")
    assert result.exit_code == 0, result.output
    (event,) = json.loads(result.stdout)
    assert event["event"] == "incoming"
    assert event["summary"] == "a message of @anna.p (id 777) for panel, sales"
    panel, sales = event["paths"]
    fields = dict(panel["requests"][0]["fields"])
    assert (panel["destination"], fields["user_id"], fields["token"]) == ("panel", "?", "***")
    assert fields["message"] == "Do you have it in blue? #1"
    assert dict(sales["requests"][0]["fields"]) == {"key": "***", "message": "#? @anna.p: Do you have it in blue? #1"}
    assert "CANARY" not in result.output


def test_explain_an_answer_goes_to_the_customer_and_is_mirrored(folder: Path):
    result = relay("explain", "-", "--from", "sales", stdin=json.dumps(GROUP))
    assert result.exit_code == 0, result.output
    assert "an answer to conversation #42 through shop" in result.stdout
    assert '"caption": "Yes, in all sizes"' in result.stdout
    assert "→ panel  (mirror)" in result.stdout
    assert "Nothing was sent." in result.stdout
    assert "CANARY" not in result.output


def test_explain_what_is_refused_in_words(folder: Path):
    options = " | ".join(f"option {n}" for n in range(14))
    result = relay("explain", "-", "--from", "sales", stdin=json.dumps(GROUP | {"text": f"#42 Which?\n> {options}"}))
    assert "refused: It has 14 quick replies; at most 13 are possible." in result.stdout
    assert "mirror" not in result.stdout


@pytest.mark.parametrize(
    ("text", "event"),
    [("just talking", "note"), ("/who #42", "command"), ("@anna.p: hello", "answer"), ("@anna.p hello", "hint")],
)
def test_explain_knows_talk_commands_and_names(folder: Path, text: str, event: str):
    (found,) = json.loads(
        relay("explain", "-", "--from", "sales", "--json", stdin=json.dumps(GROUP | {"text": text})).stdout
    )
    assert found["event"] == event


def test_explain_a_question(folder: Path):
    (found,) = json.loads(
        relay("explain", "-", "--from", "panel", "--hook", "user", "--json", stdin='{"user_id": 1}').stdout
    )
    assert found["event"] == "question"


@pytest.mark.parametrize(
    ("args", "stdin", "status", "words"),
    [
        (("--from", "slaes"), "{}", 1, 'no account "slaes"; did you mean "sales"?'),
        (("--from", "panel", "--hook", "usr"), "{}", 1, 'panel has no hook "usr"; did you mean "user"?'),
        (("--from", "shop"), "{", 1, "neither JSON nor a form"),
        (("--from", "shop"), "\x00\xff", 1, "relay: "),
        (("--from", "shop"), "[" * 10_000, 1, "neither JSON nor a form"),
        (("--from", "shop"), '{"event": 5}', 1, "relay: `event` must be an object"),
        ((), "{}", 2, "Missing option '--from'"),
    ],
)
def test_explain_says_what_is_wrong(folder: Path, args: tuple[str, ...], stdin: str, status: int, words: str):
    result = relay("explain", "-", *args, stdin=stdin)
    assert (result.exit_code, words in result.stderr) == (status, True), result.output


def test_explain_a_file_that_is_not_there(folder: Path):
    result = relay("explain", "nope.json", "--from", "shop")
    assert result.exit_code == 2
    assert "nope.json" in result.stderr


# --- sandbox -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bridge", bridges.ALL, ids=lambda b: b.spec.kind)
def test_every_sandbox_can_stand_alone(bridge: type[Any]):
    assert stand_alone_settings(bridge.spec).sandboxed


def test_where_a_sandbox_sends_its_hooks():
    by_kind = {b.spec.kind: b.spec for b in bridges.ALL}
    assert hook_addresses(by_kind["operator"], "http://r/hooks/panel/") == {
        "message": "http://r/hooks/panel/message",
        "user": "http://r/hooks/panel/user",
        "media": "http://r/hooks/panel/media",
    }
    assert hook_addresses(by_kind["insta"], "http://r/hooks/shop/s3cret") == {"<secret>": "http://r/hooks/shop/s3cret"}
    assert hook_addresses(by_kind["team"], "") == {}


def test_a_sandbox_that_is_misspelt():
    result = relay("sandbox", "insat")
    assert result.exit_code == 2
    assert 'no kind "insat"; did you mean "insta"?' in result.stderr


async def test_a_sandbox_serves_its_page_and_stops_at_ctrl_c(tmp_path: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "sandbox", "team", "--seed", "1",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.search(r"http://\S+", line)
        assert found, line
        async with aiohttp.ClientSession() as session, session.get(found[0]) as page:
            assert page.status == 200
            assert "<html" in await page.text()
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, err) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (RelayError("The store is away."), 1, "relay: The store is away.\n"),
        (OSError(28, "No space left on device", "/data/x"), 1, "relay: No space left on device: /data/x\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (ZeroDivisionError("CANARY"), 1, "relay: this should not have happened (ZeroDivisionError). "
         "Run it again with RELAY_DEBUG=1 to see where, and report it.\n"),
    ],
)  # fmt: skip
def test_no_traceback_ever(error: BaseException, status: int, words: str, monkeypatch: pytest.MonkeyPatch):
    @click.command()
    @config_option
    def failing() -> None:
        raise error

    monkeypatch.setitem(cli.commands, "failing", failing)
    monkeypatch.delenv("RELAY_DEBUG", raising=False)
    result = relay("failing")
    assert (result.exit_code, result.stderr) == (status, words)


def test_a_commands_number_is_its_status(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(cli.commands, "seven", click.command()(lambda: 7))
    assert relay("seven").exit_code == 7


def test_a_misspelt_command_is_told_the_nearest():
    result = relay("chek")
    assert result.exit_code == 2
    assert 'No command "chek"; did you mean "check"?' in result.stderr


def test_help_names_every_command():
    result = relay("--help")
    assert result.exit_code == 0
    for name in ("check", "schema", "explain", "sandbox"):
        assert re.search(rf"^  {name} ", result.stdout, re.MULTILINE)


def test_a_reader_that_goes_away_is_no_error_message(folder: Path):
    process = subprocess.run(
        f"{sys.executable} -m relay schema | head -1",
        shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (process.stdout, process.stderr) == ("{\n", "")
