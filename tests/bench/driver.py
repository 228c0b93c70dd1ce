"""Sends hooks over keep-alive connections, as fast as they are acknowledged or at a fixed pace, until all came out.

A conversation belongs to one connection, which sends its next hook only after the last one's 200: so whatever comes
out in another order was turned around by the measured system.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from tests.bench.endpoints import Caller, Sink, connect, mark
from tests.bench.ledger import Ledger, Tally

CONNECTIONS = 50
HOOK_BYTES = 500
# Nothing sent, acknowledged or arrived for so long means that nothing more comes. Longer than any pause between tries.
QUIET_S = 6.0
COARSE_S = 0.0015
REPEAT_AFTER_S = 0.2
REPEATS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where hooks go."""

    host: str
    port: int
    path: str


def hook(index: int, conversation: int) -> bytes:
    """An Insta `incomingMessage` of exactly HOOK_BYTES bytes."""
    said = {"body": f"{mark(index)} "}
    value = {
        "event": {
            "name": "incomingMessage",
            "properties": {"queueId": f"bench-{index}", "type": "text", "content": said},
            "createdAt": "2026-01-07T12:29:21+03:00",
        },
        "device": {
            "user_id": f"{47_000_000_000 + conversation}",
            "username": f"customer{conversation}",
            "profileName": "Anna Customer",
        },
    }
    said["body"] += ("the quick brown fox jumps over the lazy dog " * 12)[: HOOK_BYTES - len(orjson.dumps(value))]
    return orjson.dumps(value)


def request(target: Target, body: bytes) -> bytes:
    """A whole HTTP request."""
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How messages fall to conversations: `conversations` in turn, or 0: a new one for each message."""

    name: str
    conversations: int

    def assign(self, base: int, n: int) -> list[int]:
        """Whose message each of the n from `base` on is. New conversations never meet the others' numbers.

        `conversations` must be a multiple of CONNECTIONS, so that each stays on one connection.
        """
        if self.conversations:
            return [(base + i) % self.conversations for i in range(n)]
        return [10_000_000 + base + i for i in range(n)]


MANY = Shape(name="200 conversations", conversations=200)
ONE_EACH = Shape(name="one message per conversation", conversations=0)


class Driver:
    """Numbers messages over a whole subject's life, so that no run takes another's arrivals for its own."""

    def __init__(self, sink: Sink, target: Target, *, quiet_s: float = QUIET_S) -> None:
        self.sink = sink
        self.target = target
        self.quiet_s = quiet_s
        self.next_index = 1

    async def run(
        self,
        n: int,
        shape: Shape,
        *,
        per_s: float | None = None,
        wait_for_arrivals: bool = True,
        on_start: Callable[[], None] | None = None,
    ) -> Tally:
        """Send n messages, as fast as acknowledged or `per_s`, and wait until all have come out or nothing moves."""
        ledger = await self.run_ledger(n, shape, per_s=per_s, wait_for_arrivals=wait_for_arrivals, on_start=on_start)
        return ledger.tally()

    async def run_ledger(
        self,
        n: int,
        shape: Shape,
        *,
        per_s: float | None = None,
        wait_for_arrivals: bool = True,
        on_start: Callable[[], None] | None = None,
    ) -> Ledger:
        """The same, with what happened to each message."""
        base, self.next_index = self.next_index, self.next_index + n
        conversations = shape.assign(base, n)
        ledger = Ledger(base, conversations)
        requests = [request(self.target, hook(base + i, c)) for i, c in enumerate(conversations)]
        clock = time.perf_counter
        self.sink.on_arrival = lambda index: ledger.arrive(index, clock())
        callers = await connect(self.target.host, self.target.port, min(CONNECTIONS, n))
        lines = [_Line(c, ledger, requests, i, len(callers)) for i, c in enumerate(callers)]
        if on_start is not None:
            on_start()
        try:
            if per_s is None:
                for line in lines:
                    line.release(line.total)
            else:
                await _pace(lines, n, per_s)
            await self._until_quiet(ledger, wait_for_arrivals)
        finally:
            for caller in callers:
                caller.on_answer = lambda status: None
                caller.close()
        return ledger

    async def _until_quiet(self, ledger: Ledger, wait_for_arrivals: bool) -> None:
        before, since = (-1, -1), time.monotonic()
        while ledger.unacknowledged or (wait_for_arrivals and ledger.missing):
            await asyncio.sleep(0.02)
            state = (ledger.unacknowledged, ledger.missing)
            if state != before:
                before, since = state, time.monotonic()
            elif time.monotonic() - since > self.quiet_s:
                return
        await asyncio.sleep(0.05)  # a double would come right behind


class _Line:
    """One connection and the messages that go over it: every `step`-th, beginning with the `first`."""

    def __init__(self, caller: Caller, ledger: Ledger, requests: Sequence[bytes], first: int, step: int) -> None:
        self.caller = caller
        self.ledger = ledger
        self.requests = requests
        self.at = first
        self.step = step
        self.total = len(range(first, len(requests), step))
        self.allowed = 0
        self.done = 0
        self.busy = False
        self.repeats = 0
        self.due: list[float] = []  # when each was meant to go, if paced: waiting behind a slow answer counts
        caller.on_answer = self._answered

    def release(self, count: int = 1, due: float = 0.0) -> None:
        """Allow `count` more to go."""
        self.allowed += count
        if due:
            self.due.append(due)
        if not self.busy:
            self._next()

    def _next(self) -> None:
        if self.done >= self.allowed or self.done >= self.total:
            self.busy = False
            return
        self.busy = True
        self.ledger.send(self.ledger.base + self.at, self.due[self.done] if self.due else time.perf_counter())
        self.caller.send(self.requests[self.at])

    def _answered(self, status: int) -> None:
        if status == 200:
            self.ledger.acknowledge(self.ledger.base + self.at, time.perf_counter())
            self.at += self.step
            self.done += 1
            self.repeats = 0
            self._next()
        elif status and self.repeats < REPEATS:
            # What every sender of hooks does: what was not acknowledged is sent again, and what follows waits.
            self.repeats += 1
            asyncio.get_running_loop().call_later(REPEAT_AFTER_S, self.caller.send, self.requests[self.at])
        # Otherwise the line is dead, and its messages show as not acknowledged.


async def _pace(lines: Sequence[_Line], n: int, per_s: float) -> None:
    """On the dot: the loop's timers are a millisecond coarse, and late by as much, which is as long as what is measured
    here; so the last of each pause is spent turning the loop."""
    start = time.perf_counter()
    for i in range(n):
        due = start + i / per_s
        pause = due - time.perf_counter() - COARSE_S
        if pause > 0:
            await asyncio.sleep(pause)
        while time.perf_counter() < due:
            await asyncio.sleep(0)
        lines[i % len(lines)].release(due=due)
