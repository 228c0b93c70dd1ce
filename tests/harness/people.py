"""The outside systems' sending side: customers, operators and colleagues."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.harness.payloads import insta_message
from tests.harness.secrets import PANEL_HOOK_TOKEN, TEAM_KEY
from tests.harness.waiting import mark


class Customer:
    """Writes as many customers through the Insta API's hooks, in order in each conversation.

    With `retry` it behaves as a real sender: what is not answered 200 is sent again, unchanged, until it is. Everything
    answered 200 is in `acknowledged`; what was given up unanswered in `unsure`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *hooks: str,
        retry: bool = False,
        retry_for_s: float = 60.0,
        first_user: int = 1000,
        run: str = "",
    ) -> None:
        self.session = session
        self._hooks = itertools.cycle(hooks)  # of several, each in its turn
        self.retry = retry
        self.retry_for_s = retry_for_s
        self.first_user = first_user
        self.run = run or os.urandom(4).hex()
        self.acknowledged: dict[int, list[int]] = defaultdict(list)
        self.unsure: list[tuple[int, int]] = []
        self.acks_s: list[float] = []  # how long each 200 took
        self.statuses: dict[int, int] = defaultdict(int)  # 0: no answer
        self._next: dict[int, int] = defaultdict(int)

    async def post(self, payload: Any, timeout_s: float = 10.0) -> tuple[int, str]:
        """One hook, once: (status, body); status 0 when there was no answer."""
        data = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        try:
            async with self.session.post(
                next(self._hooks),
                data=data,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, ""

    async def write(self, conversation: int, words: str = "hello") -> bool:
        """The next message of a conversation; whether it was acknowledged."""
        sequence = self._next[conversation]
        self._next[conversation] += 1
        queue_id = f"{self.run}-{conversation}-{sequence}"
        body = orjson.dumps(
            insta_message(self.first_user + conversation, queue_id, mark(conversation, sequence, words))
        )
        deadline = time.monotonic() + self.retry_for_s
        pause = 0.05
        while True:
            began = time.perf_counter()
            status, _ = await self.post(body)
            self.statuses[status] += 1
            if status == 200:
                self.acks_s.append(time.perf_counter() - began)
                self.acknowledged[conversation].append(sequence)
                return True
            if not self.retry or time.monotonic() > deadline:
                self.unsure.append((conversation, sequence))
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def write_all(self, conversations: int, each: int, *, at_once: int = 50, words: str = "hello") -> None:
        """`each` messages in every conversation, in order there, `at_once` conversations side by side."""
        waiting = deque(range(conversations))

        async def one() -> None:
            while waiting:
                conversation = waiting.popleft()
                for _ in range(each):
                    await self.write(conversation, words)

        await asyncio.gather(*(one() for _ in range(min(at_once, conversations))))


@dataclass
class Panel:
    """An operator at the panel of the Operator API: answers by its webhooks."""

    session: aiohttp.ClientSession
    hook: str  # .../hooks/<desk>/message
    token: str = PANEL_HOOK_TOKEN
    bot_id: int = 1

    async def answer(self, contact: int | str, text: str | None, *, file: tuple[str, bytes, str] | None = None) -> int:
        """As multipart, the documented encoding. `file`: (name, bytes, mime). Returns the status."""
        form = aiohttp.FormData()
        form.add_field("token", self.token)
        form.add_field("user_id", str(self.bot_id))
        form.add_field("contact_id", str(contact))
        if text is not None:
            form.add_field("message", text)
        if file is not None:
            form.add_field("attach", file[1], filename=file[0], content_type=file[2])
        async with self.session.post(self.hook, data=form) as response:
            await response.read()
            return response.status


@dataclass
class Colleague:
    """A member of the team group: what they write comes to us as the group's webhook."""

    session: aiohttp.ClientSession
    hook: str
    key: str = TEAM_KEY
    name: str = "Olga"
    _written: int = field(default=0, repr=False)

    def payload(self, text: str) -> dict[str, str]:
        """The hook's fields; each call is a message of its own, by its time."""
        self._written += 1
        return {
            "chat": "g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad",
            "chat_display_name": "Sales",
            "created": f"2026-11-21T10:00:00.{self._written:06d}Z",
            "sender": "d-7a1c3a36-0c5f-4f0e-8a1b-1f5a6a3d2b10",
            "sender_display_name": self.name,
            "text": text,
        }

    async def write(self, text: str, payload: dict[str, str] | None = None) -> int:
        """Post it urlencoded; returns the status."""
        data = payload or self.payload(text)
        async with self.session.post(self.hook, data=data, headers={"key": self.key}) as response:
            await response.read()
            return response.status
