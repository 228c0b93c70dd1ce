"""Waiting for things to come true, and texts that can be told again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import time
from collections.abc import Callable
from typing import Any

_dice = random.SystemRandom()  # not the one that tests seed: two suites at once would draw the same ports


def free_port() -> int:
    """A port that nobody listens on. Below those that the system gives to outgoing connections (ip_local_port_range),
    so that none of them takes it before the relay does, or while it is down."""
    while True:
        port = _dice.randint(20_000, 32_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


async def until(condition: Callable[[], Any], timeout_s: float = 10.0, *, what: str = "") -> Any:
    """Ask again and again, with growing pauses, until the answer is true; returns it. Fails with `what` when late.

    A condition that raises AssertionError or KeyError or IndexError is asked again; the last error is shown.
    """
    deadline = time.monotonic() + timeout_s
    pause, last = 0.005, "never true"
    while True:
        try:
            value: Any = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            last = f"last answer: {value!r}"[:500]
        except (AssertionError, KeyError, IndexError) as e:
            last = f"{type(e).__name__}: {e}"[:2000]
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or getattr(condition, '__name__', '')} ({last})")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


_MARK = re.compile(r"\[c(\d+) s(\d+)\]")


def mark(conversation: int, sequence: int, words: str = "hello") -> str:
    """A text that can be told again wherever it turns up, however it is worded around."""
    return f"[c{conversation} s{sequence}] {words}"


def marked(text: str) -> tuple[int, int] | None:
    """(conversation, sequence) of a text made by `mark`, or None."""
    found = _MARK.search(text)
    return (int(found[1]), int(found[2])) if found else None
