"""The handbook's examples, as they stand in it, at a real relay."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import RelayProcess, deployment, sinks
from tests.harness.payloads import insta_message

API = Path(__file__).resolve().parents[2] / "docs" / "api.md"
QUICK = {"retries": 2, "backoff": ["100ms", "200ms"], "timeout": "3s"}


async def _shell(script: str, **env: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec("sh", "-c", script, stdout=pipe, env={**os.environ, **env})


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_two_curl_examples_answer_a_customer_once_and_follow_what_happens(
    relay_process: Any, session: aiohttp.ClientSession
):
    answer, follow = (b for b in re.findall(r"```sh\n(.*?)```", API.read_text("utf-8"), re.DOTALL) if "curl" in b)
    async with sinks("insta", "operator") as (shop, panel):
        config = deployment(shop.account(), panel.account(), None, delivery=QUICK)
        config["desks"]["inbox"] = {"kind": "panel"}
        config["routes"] = [{"channel": "shop", "desks": ["inbox", "panel"]}]
        relay: RelayProcess = relay_process(config)
        await relay.start()
        async with session.post(relay.hooks["shop"], json=insta_message(7, "q-1", "Where is it?")) as said:
            assert said.status == 200
        await panel.got("Where is it?")
        token = (await relay.cli("token", "add", "my-script", "--scope", "write", "--json")).json["token"]
        env = {"TOKEN": token, "RELAY": relay.address}

        following = await _shell("exec " + follow.strip(), **env)
        assert following.stdout is not None
        await following.stdout.readline()  # the stream is open
        for _ in range(2):
            ran = await _shell(answer.replace("/42/", "/1/"), **env)
            out, _ = await ran.communicate()
            assert json.loads(out)["id"], out
        await shop.got("It is on its way.")
        async with asyncio.timeout(10):
            while b"message" not in await following.stdout.readline():
                pass
        following.terminate()
        await following.wait()
        assert sum("It is on its way." in a.text for a in shop.ledger.all) == 1


async def test_a_copy_of_data_dir_goes_on_where_the_relay_stopped(relay_process: Any, session: aiohttp.ClientSession):
    async with sinks("insta", "operator") as (shop, panel):
        config = deployment(shop.account(), panel.account(), None, delivery=QUICK)
        first: RelayProcess = relay_process(config)
        await first.start()
        assert (await first.cli("pause", "panel")).code == 0
        async with session.post(first.hooks["shop"], json=insta_message(7, "q-1", "moved with the house")) as said:
            assert said.status == 200
        assert (await first.stop()).code == 0

        second: RelayProcess = relay_process(config)
        shutil.copytree(first.data_dir, second.data_dir, dirs_exist_ok=True)
        await second.start()
        assert (await second.cli("resume", "panel")).code == 0
        await panel.got("moved with the house")
