"""`relay team login` against a team chat: by prompts, by options, by QR code, and every slip."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import bridges
from bridges.team.client import Target, TeamClient
from bridges.team.settings import SANDBOX_KEY, SANDBOX_TEAM, SANDBOX_TOKEN
from relay.cli.main import cli
from tests.coverage.playing import Playing, playing
from tests.harness import ROOT, Ran, free_port, until

PHONE = "8 (916) 666-00-02"  # the document's, as people write it
NORMAL = "+79166660002"


class Chat:
    """A team chat, a config.yaml with a desk in it, and the command."""

    def __init__(self, far: Playing, folder: Path) -> None:
        self.far = far
        self.token_file = folder / "secrets" / "sales.token"
        self.config_path = folder / "config.yaml"
        self.config: dict[str, Any] = {
            "secret_key": "a secret key that signs the addresses of tests",
            "data_dir": str(folder / "data"),
            "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
            "desks": {
                "sales": {"kind": "team", "url": far.url, "key": SANDBOX_KEY, "token_file": str(self.token_file)},
                "panel": {"kind": "operator", "url": "sandbox"},
            },
            "routes": [{"channel": "shop", "desks": ["sales", "panel"]}],
            "sandboxes": "expose",
        }
        self.write()

    def write(self) -> None:
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False), "utf-8")

    async def login(self, *args: str, desk: str = "sales") -> Ran:
        full = ["team", "login", "-c", str(self.config_path), desk, *args]
        done = await asyncio.to_thread(CliRunner().invoke, cli, full, obj=bridges.ALL)
        return Ran(code=done.exit_code, out=done.stdout, err=done.stderr)

    async def codes(self) -> dict[str, str]:
        """Phone -> the code that was sent last."""
        return {one["phone"]: one["code"] for one in (await self.far.state())["sms"]}

    def client(self, token: str = "") -> TeamClient:
        return TeamClient(self.far.http, Target(url=self.far.url, token=token))


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with playing("team") as far:
        yield Chat(far, tmp_path)


async def test_by_options(chat: Chat):
    sent = await chat.login("--phone", PHONE, "--send-only")
    assert (sent.code, sent.out) == (0, "")
    assert sent.err == f"A code of 4 digits is on its way to {NORMAL}.\n"
    code = (await chat.codes())[NORMAL]
    done = await chat.login("--phone", PHONE, "--code", f" {code[:2]} {code[2:]} ")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == (
        f"Logged in as {NORMAL}. The token is in {chat.token_file}, readable by you alone."
    )
    assert f"`team: {SANDBOX_TEAM}` is Demo team." in done.out
    assert "The relay reads the file when it starts." in done.out
    assert stat.S_IMODE(chat.token_file.stat().st_mode) == 0o600
    token = chat.token_file.read_text().strip()
    assert (await chat.client(token).me()).phone == NORMAL
    assert token not in done.out + done.err

    # The file is what the desk reads: `doctor` asks about the team with it.
    chat.config["desks"]["sales"]["team"] = SANDBOX_TEAM
    chat.write()
    arguments = ["doctor", "-c", str(chat.config_path), "--json"]
    found = await asyncio.to_thread(CliRunner().invoke, cli, arguments, obj=bridges.ALL)
    rows = {row["what"]: row["found"] for row in json.loads(found.stdout) if row["name"] == "sales"}
    assert (rows["token"], rows["team"]) == ("is taken", "Demo team")


async def test_by_prompts(chat: Chat):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", "team", "login", "-c", str(chat.config_path), "sales"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(f"{PHONE}\n".encode())
    await process.stdin.drain()
    code = (await until(chat.codes, what="a code sent"))[NORMAL]
    out, err = await asyncio.wait_for(process.communicate(f"{code}\n".encode()), 20)
    assert process.returncode == 0, err
    assert out.decode().startswith(f"Logged in as {NORMAL}.")
    assert b"Phone: " in err
    assert b"Code: " in err


async def test_by_qr_code(chat: Chat):
    shown = await chat.client(SANDBOX_TOKEN).qr_login()
    done = await chat.login("--qr", shown.url)
    assert done.code == 0, done.err
    assert chat.token_file.exists()
    chat.token_file.unlink()
    again = await chat.login("--qr", shown.url)
    assert again.code == 1
    assert "temp_token: expired or used" in again.err
    assert "Show a new QR code and scan it within a minute" in again.err
    expired = await chat.client(SANDBOX_TOKEN).qr_login()
    await chat.far.switch(clock_offset_s=3600)
    late = await chat.login("--qr", expired.temp_token)
    assert late.code == 1
    assert "Show a new QR code" in late.err
    elsewhere = await chat.login("--qr", "otv://qr-login/chat.example.com/abc")
    assert elsewhere.code == 1
    assert "of the server chat.example.com" in elsewhere.err
    joining = await chat.login("--qr", "otv://qr-join/chat.example.com/abc")
    assert joining.code == 1
    assert "no QR code for logging in" in joining.err
    assert not chat.token_file.exists()


async def test_slips_get_a_sentence_and_status_1(chat: Chat):
    letters = await chat.login("--phone", "8-800-FLOWERS", "--send-only")
    assert letters.code == 1
    assert "A phone number has digits only; found 'F'" in letters.err
    assert await chat.codes() == {}

    await chat.login("--phone", PHONE, "--send-only")
    code = (await chat.codes())[NORMAL]
    wrong = await chat.login("--phone", PHONE, "--code", f"{(int(code) + 1) % 10_000:04}")
    assert wrong.code == 1
    assert "code: wrong code" in wrong.err
    assert "Ask for a new code" in wrong.err

    await chat.far.switch(clock_offset_s=3600)
    late = await chat.login("--phone", PHONE, "--code", code)
    assert late.code == 1
    assert "expired" in late.err
    assert "Traceback" not in letters.err + wrong.err + late.err
    assert not chat.token_file.exists()


async def test_what_cannot_be_logged_in(chat: Chat):
    for name, says in (
        ("panel", "panel needs no login: its kind is operator."),
        ("slaes", 'There is no desk "slaes"; did you mean "sales"?'),
    ):
        ran = await chat.login("--phone", PHONE, "--send-only", desk=name)
        assert (ran.code, ran.err) == (1, f"relay: {says}\n")
    both = await chat.login("--qr", "x", "--phone", PHONE)
    assert both.code == 2
    for url, says in (("http://127.0.0.1:9", "Check `url`."), ("sandbox", "Start `relay run` first")):
        chat.config["desks"]["sales"]["url"] = url
        chat.config["listen"] = f"127.0.0.1:{free_port()}"
        chat.write()
        away = await chat.login("--phone", PHONE, "--send-only")
        assert away.code == 1
        assert says in away.err


async def test_without_a_token_file_it_goes_to_data_dir(chat: Chat):
    del chat.config["desks"]["sales"]["token_file"]
    chat.write()
    shown = await chat.client(SANDBOX_TOKEN).qr_login()
    done = await chat.login("--qr", shown.url)
    assert done.code == 0, done.err
    path = chat.config_path.parent / "data" / "sales.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"Set `token_file: {path}` at sales in config.yaml" in done.out


async def test_a_file_that_cannot_be_written(chat: Chat):
    chat.token_file.parent.write_text("a file where a directory should be")
    shown = await chat.client(SANDBOX_TOKEN).qr_login()
    done = await chat.login("--qr", shown.url)
    assert done.code != 0
    assert "cannot be" in done.err
    assert "Traceback" not in done.err
