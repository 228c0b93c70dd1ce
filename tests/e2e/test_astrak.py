"""The Astrak messenger through the core, by callback and by polling: there and back, taken back, taken over, late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.coverage.playing import ANNA_ASTRAK, Playing, playing
from tests.harness import RelayProcess, until

BORIS = 3  # the sandbox's second customer


class Talk:
    """A relay between a messenger that stands outside it and its own team chat."""

    def __init__(self, relay: RelayProcess, far: Playing, session: aiohttp.ClientSession) -> None:
        self.relay = relay
        self.far = far
        self.session = session

    async def write(self, text: str | None, from_id: int = ANNA_ASTRAK) -> None:
        await self.far.act("write", from_id=from_id, text=text)

    async def posts(self) -> list[str]:
        async with self.session.get(f"{self.relay.address}/sandbox/sales/_sandbox/state") as answer:
            return [m["text"] for m in (await answer.json())["messages"] if m["by"] == "integration"]

    async def in_group(self, words: str) -> str:
        async def look() -> str:
            return next((text for text in await self.posts() if words in text), "")

        found: str = await until(look, 20, what=f"{words!r} in the group")
        return found

    async def say(self, text: str) -> None:
        url = f"{self.relay.address}/sandbox/sales/_sandbox/act/say"
        async with self.session.post(url, json={"text": text}) as answer:
            assert answer.status == 200, await answer.text()

    async def seen_by(self, user: int) -> list[str]:
        """What the business account has said to a customer."""
        messages = (await self.far.state())["messages"]
        return [m["text"] for m in messages if (m["from_id"], m["to_id"]) == (1, user)]

    async def answered(self, user: int, *texts: str) -> None:
        async def same() -> bool:
            return await self.seen_by(user) == list(texts)

        await until(same, 20, what=f"user {user} sees {texts}")


@pytest.fixture(params=["callback", "polling"])
async def talk(
    request: pytest.FixtureRequest, relay_process: Any, session: aiohttp.ClientSession
) -> AsyncIterator[Talk]:
    async with playing("astrak") as far:
        await far.switch(hold_s=1)
        settings = far.bridge.settings
        config = {
            "channels": {
                "messenger": {
                    "kind": "astrak",
                    "url": far.url,
                    "username": settings.username,
                    "password": settings.password.get_secret_value(),
                    "receive": request.param,
                }
            },
            "desks": {"sales": {"kind": "team", "url": "sandbox"}},
            "routes": [{"channel": "messenger", "desks": ["sales"]}],
            "delivery": {"retries": 2, "backoff": ["100ms", "200ms"], "timeout": "3s"},
        }
        relay = relay_process(config)
        await relay.start()
        if request.param == "callback":

            async def registered() -> bool:
                (business,) = [u for u in (await far.state())["users"] if u["id"] == 1]
                return bool(business["callback"])

            await until(registered, what="the callback is registered")
        yield Talk(relay, far, session)
        for secret in (settings.password.get_secret_value(), "eyJ"):
            assert secret not in relay.log()


async def test_there_and_back_and_taken_back(talk: Talk):
    await talk.write("Do you have it in blue?")
    assert (await talk.in_group("in blue")).startswith("#1 ")
    await talk.write("And in red?")
    await talk.write("Hello from another", BORIS)
    assert (await talk.in_group("Hello from another")).startswith("#2 ")
    await talk.say("#1 Yes, both")
    await talk.answered(ANNA_ASTRAK, "Yes, both")
    await talk.say("#2 Good day\n> Yes | No")
    await until(lambda: talk.seen_by(BORIS), what="options as lines of text")
    await talk.say("/delete #1")
    await talk.answered(ANNA_ASTRAK)
    assert [text.split(": ", 1)[1] for text in await talk.posts() if text.startswith("#1 ") and "?" in text] == [
        "Do you have it in blue?",
        "And in red?",
    ]


async def test_an_event_without_text_and_trouble_lose_nothing(talk: Talk):
    await talk.write(None)
    await talk.in_group("message without text")
    await talk.far.act("revoke")  # the token dies; the relay logs in anew
    await talk.say("#1 still here")
    await talk.answered(ANNA_ASTRAK, "still here")
    await talk.far.switch(idle="json_error")  # what idle polls are answered with from now on
    await talk.write("after a JSON error")
    await talk.in_group("after a JSON error")


async def test_what_was_written_while_we_were_away_comes_late(talk: Talk):
    await talk.write("first")
    await talk.in_group("first")
    await talk.relay.stop()
    await talk.write("while you were away")
    await talk.relay.start()
    await talk.write("now you are back")
    await talk.in_group("now you are back")
    late = await talk.in_group("while you were away")
    assert "late" in late
    assert len([text for text in await talk.posts() if "you were away" in text]) == 1


@pytest.mark.parametrize("talk", ["callback"], indirect=True)  # polling has no callback to lose
async def test_a_callback_that_somebody_takes_is_told_to_people(talk: Talk):
    await talk.far.act("take_callback")
    told = await talk.in_group("has taken over the messages of messenger")
    assert "somebody.else.example" in told
    assert "their-secret" not in told
    assert "their-secret" not in talk.relay.log()
