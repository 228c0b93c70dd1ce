"""The README's examples, run as they stand against a whole relay: what can be copied works."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

import bridges.webhook
from bridges.webhook.client import signed
from tests.bridges.webhook.test_inbound import SECRET, channel
from tests.bridges.webhook.test_outbound import DELIVERY
from tests.coverage.playing import playing
from tests.harness import RelayProcess, until

README = (Path(bridges.webhook.__file__).parent / "README.md").read_text("utf-8")
TOKEN = "a token for scripts"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


async def run(*command: str, stdin: bytes = b"", **env: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_its_examples_work(relay_process: Any) -> None:
    async with playing("webhook") as crm, playing("webhook_desk") as bot:
        secret = crm.bridge.settings.secret.get_secret_value()
        relay: RelayProcess = relay_process(
            {
                "store": "embedded",
                "channels": {
                    "crm": {"kind": "webhook", "url": crm.url, "private": True, "secret": secret, "token": TOKEN}
                },
                "desks": {
                    "bot": {
                        "kind": "webhook_desk",
                        "url": bot.url,
                        "private": True,
                        "secret": bot.bridge.settings.secret.get_secret_value(),
                        "token": TOKEN,
                    }
                },
                "routes": [{"channel": "crm", "desks": ["bot"]}],
            }
        )
        await relay.start()
        hook = f"{relay.address}/hooks/crm"
        given = {"HOOK": hook, "SECRET": secret, "TOKEN": TOKEN, "SECRET_HOOK": relay.hooks["crm"]}
        sender, _ = examples("python")
        assert json.loads(await run(sys.executable, "-c", sender, **given)) == {"ok": True}
        for command in examples("sh"):
            assert json.loads(await run("sh", "-c", command, **given)) == {"ok": True}

        async def all_there() -> list[str]:
            texts = [e["data"]["text"] for e in (await bot.state())["events"]]
            return texts if len(texts) == 3 else []

        assert await until(all_there, 20, what="three messages at the desk") == [
            "Do you have this in blue?",
            "Is it still there?",
            "And in red?",
        ]
        event = (await bot.state())["events"][0]
        number = event["data"]["conversation"]["id"]
        async with aiohttp.ClientSession() as session:
            answer = {"user": f"#{number}", "text": "Yes, we have.", "author": "Olga"}
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with session.post(f"{relay.address}/hooks/bot", json=answer, headers=headers) as response:
                assert response.status == 200, await response.text()
            async with session.post(f"{relay.address}/hooks/bot", json=answer) as response:
                assert response.status == 401
            async with session.post(f"{relay.address}/hooks/crm/not-the-secret", json=answer) as response:
                assert response.status == 404

        async def answered() -> bool:
            return [e["data"]["text"] for e in (await crm.state())["events"]] == ["Yes, we have."]

        await until(answered, 20, what="the answer at the channel")


async def test_its_receiver_verifies_what_we_send() -> None:
    bridge = channel()
    (part,) = bridge.fit(DELIVERY)
    request = signed(bridge.render(DELIVERY, part), bridge.settings.keys, int(time.time()))
    _, receiver = examples("python")
    headers = json.dumps(dict(request.headers))
    assert await run(sys.executable, "-c", receiver, stdin=request.body, SECRET=SECRET, HEADERS=headers) == (
        "message.created 42 Yes\n"
    )
