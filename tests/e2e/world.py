"""A whole deployment for a test module: `relay run` on its own sandboxes, and hands to play everybody around it.

Tests share it, so each makes customers of its own and looks only at their conversations.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness import Ran, RelayProcess, until
from tests.harness.secrets import PANEL_HOOK_TOKEN, PANEL_TOKEN, TEAM_KEY

QUICK: dict[str, Any] = {
    "retries": 2,
    "backoff": ["50ms", "100ms"],
    "timeout": "3s",
    "breaker": {"failures": 1000, "lanes": 1000, "probe": {"first": "200ms", "factor": 1, "max": "1s"}},
}
SANDBOXED: dict[str, Any] = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {
        "panel": {"kind": "operator", "url": "sandbox", "token": PANEL_TOKEN, "webhook_token": PANEL_HOOK_TOKEN},
        "sales": {"kind": "team", "url": "sandbox", "key": TEAM_KEY},
    },
    "routes": [{"channel": "shop", "desks": ["panel", "sales"]}],
    "delivery": QUICK,
    "log_level": "info",
}
QUICK_SWITCHES: dict[str, dict[str, Any]] = {
    "shop": {"report_delay_s": 0.01},
    "panel": {},
    "sales": {"first_pause_s": 0.05},
}
_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with a conversation."""

    id: str
    number: int
    username: str
    name: str


class World:
    """`act`, `state` and `switch` reach the sandboxes; the rest says in a word what tests do most."""

    def __init__(self, relay: RelayProcess, session: aiohttp.ClientSession) -> None:
        self.relay = relay
        self.session = session
        self._defaults: dict[str, dict[str, Any]] = {}
        self._switched: dict[str, set[str]] = {}

    # --- sandboxes ----------------------------------------------------------------------------------------------------

    def at(self, name: str, path: str) -> str:
        return f"{self.relay.address}/sandbox/{name}/_sandbox/{path}"

    async def act(self, name: str, action: str, /, **arguments: Any) -> dict[str, Any]:
        """One action of a sandbox's page."""
        # A stream, because aiohttp warns of large bodies that are not.
        data, kind = io.BytesIO(json.dumps(arguments).encode()), {"Content-Type": "application/json"}
        async with self.session.post(self.at(name, f"act/{action}"), data=data, headers=kind) as response:
            said: dict[str, Any] = await response.json()
            assert response.status == 200, said
            return said

    async def state(self, name: str) -> dict[str, Any]:
        async with self.session.get(self.at(name, "state")) as response:
            state: dict[str, Any] = await response.json()
            return state

    async def set_up(self) -> None:
        """Make the sandboxes quick, and remember that as how they are."""
        for name, changes in QUICK_SWITCHES.items():
            await self._post_switches(name, changes)
            async with self.session.get(self.at(name, "switches")) as response:
                found = await response.json()
            self._defaults[name] = found.get("values", found)
            self._switched[name] = set()

    async def switch(self, name: str, /, **changes: Any) -> None:
        """Change switches of a sandbox until the end of the test."""
        self._switched[name] |= set(changes)
        await self._post_switches(name, changes)

    async def _post_switches(self, name: str, changes: dict[str, Any]) -> None:
        async with self.session.post(self.at(name, "switches"), json=changes) as response:
            assert response.status == 200, await response.text()

    async def switch_back(self) -> None:
        """As it was before the test."""
        for name, changed in self._switched.items():
            if changed:
                await self._post_switches(name, {key: self._defaults[name][key] for key in changed})
                changed.clear()

    # --- customers ----------------------------------------------------------------------------------------------------

    async def customer(self, name: str = "", username: str = "") -> str:
        """A new customer who has not written yet; their id."""
        number = next(_names)
        name, username = name or f"Customer {number}", username or f"customer.{number}"
        return str((await self.act("shop", "customer", username=username, name=name))["id"])

    async def person(self, name: str = "", username: str = "", *, hello: str = "hello") -> Person:
        """A new customer whose first message has reached both desks."""
        number = next(_names)
        name, username = name or f"Person {number}", username or f"person.{number}"
        user = await self.customer(name, username)
        words = f"{hello} {number}"
        await self.act("shop", "write", customer_id=user, text=words)
        post = await self.in_group(words)
        found = re.match(r"#(\d+) ", post)
        assert found is not None, post
        await self.at_panel(int(found[1]), words)
        return Person(user, int(found[1]), username, name)

    async def write(self, person: Person | str, text: str) -> dict[str, Any]:
        user = person if isinstance(person, str) else person.id
        return await self.act("shop", "write", customer_id=user, text=text)

    async def conversation(self, person: Person | str) -> list[dict[str, Any]]:
        """What the phone of a customer shows."""
        user = person if isinstance(person, str) else person.id
        return [m for m in (await self.state("shop"))["messages"] if m["customer_id"] == user]

    async def answers(self, person: Person | str) -> list[dict[str, Any]]:
        """What the business sent them."""
        return [m for m in await self.conversation(person) if not m["mine"]]

    async def answered(self, person: Person | str, text: str, *, state: str = "") -> dict[str, Any]:
        """Wait for an answer whose text is this."""

        async def look() -> dict[str, Any] | None:
            for m in await self.answers(person):
                if m["text"] == text and (not state or m["state"] == state):
                    return m
            return None

        found: dict[str, Any] = await until(look, what=f"the customer sees {text!r} {state}")
        return found

    # --- the group ----------------------------------------------------------------------------------------------------

    async def say(self, text: str) -> dict[str, Any]:
        """A colleague writes in the group."""
        return await self.act("sales", "say", text=text)

    async def posts(self, words: str = "", *, by: str = "integration") -> list[str]:
        """What stands in the group, by the relay unless told otherwise, and contains these words."""
        messages = (await self.state("sales"))["messages"]
        return [m["text"] for m in messages if m["by"] == by and words in m["text"]]

    async def in_group(self, words: str) -> str:
        """Wait for a post of the relay that contains these words."""

        async def look() -> str | None:
            return next(iter(await self.posts(words)), None)

        found: str = await until(look, what=f"{words!r} in the group")
        return found

    # --- the panel ----------------------------------------------------------------------------------------------------

    async def thread(self, number: int, *, by: str = "user") -> list[dict[str, Any]]:
        """What the panel shows of one user, as the relay sent it unless told otherwise."""
        messages = (await self.state("panel"))["messages"].get(str(number), [])
        return [m for m in messages if m["from"] == by]

    async def at_panel(self, number: int, words: str) -> dict[str, Any]:
        """Wait for a message in a user's thread that contains these words."""

        async def look() -> dict[str, Any] | None:
            return next((m for m in await self.thread(number) if words in m["text"]), None)

        found: dict[str, Any] = await until(look, what=f"{words!r} in thread {number} of the panel")
        return found

    async def operator(
        self, number: int, text: str = "", *, file: tuple[str, str, bytes] | None = None, **more: Any
    ) -> dict[str, Any]:
        """The operator answers; `file` is (name, mime, bytes). Fails when the relay does not take it."""
        if file is not None:
            more["file"] = {"name": file[0], "mime": file[1], "data": base64.b64encode(file[2]).decode()}
        said = await self.act("panel", "answer", user_id=number, text=text, **more)
        assert said["status"] == 200, said
        return said

    # --- commands -----------------------------------------------------------------------------------------------------

    async def cli(self, *args: str) -> Ran:
        """A command on this deployment."""
        return await self.relay.cli_here(*args)

    async def trace(self, some_id: str) -> dict[str, Any]:
        ran = await self.cli("trace", "--json", some_id)
        assert ran.code == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found

    async def dead(self) -> list[dict[str, Any]]:
        ran = await self.cli("dead", "list", "--json")
        assert ran.code == 0, ran.err
        found: list[dict[str, Any]] = json.loads(ran.out)
        return found

    async def settled(self) -> None:
        """Wait until nothing waits to be delivered anywhere."""

        async def look() -> bool:
            async with self.session.get(f"{self.relay.address}/metrics") as response:
                text = await response.text()
            gauges = re.findall(r"^relay_backlog\{.*\} ([\d.]+)$", text, re.MULTILINE)
            assert gauges, text
            return all(float(g) == 0 for g in gauges)

        await until(look, what="nothing waits")


@contextlib.asynccontextmanager
async def world(folder: Path, config: dict[str, Any] | None = None) -> AsyncIterator[World]:
    """Start a deployment on sandboxes, and end it."""
    jar = aiohttp.DummyCookieJar()
    async with (
        RelayProcess(folder, config or SANDBOXED) as relay,
        aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=20)) as session,
    ):
        made = World(relay, session)
        await made.set_up()
        yield made
