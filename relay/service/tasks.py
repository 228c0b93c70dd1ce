"""Background loops that go on whatever happens in them, and say so while they do not.

A loop that ends with an error nobody expected would leave its work undone for good while everything looks well. Here
every loop is begun again with growing pauses, and while one is down readiness is red.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from hiredis import ReplyError

from relay.contract.errors import StoreUnavailable

log = logging.getLogger("relay.service.tasks")

FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0
_EXPECTED: Final = (StoreUnavailable, ReplyError, OSError)  # of the outside: readiness tells them by itself


class Supervisor:
    """The background tasks of one process."""

    def __init__(self, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self.first_pause_s = first_pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._short: set[asyncio.Task[None]] = set()
        self._down: dict[str, str] = {}

    def problems(self) -> list[str]:
        """The loops that are down, as sentences; empty while all run."""
        return [
            f"The background task {name} has failed and is tried again: {said}" for name, said in self._down.items()
        ]

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` now and again every so many seconds, for ever."""

        async def loop() -> None:
            pause = self.first_pause_s
            while True:
                wait = seconds
                try:
                    await work()
                except _EXPECTED as e:
                    log.info("%s: postponed: %s", name, e)
                except Exception as e:
                    self._fail(name, e)
                    wait, pause = min(pause, seconds), min(pause * 2, MAX_PAUSE_S)
                else:
                    pause = self.first_pause_s
                    self._down.pop(name, None)
                await asyncio.sleep(wait)

        self._start(name, loop())

    def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Something that runs for ever by itself; begun again whenever it ends."""

        async def loop() -> None:
            pause = self.first_pause_s
            while True:
                began = asyncio.get_running_loop().time()
                try:
                    await run()
                    self._fail(name, RuntimeError("it ended by itself"))
                except Exception as e:
                    self._fail(name, e)
                if asyncio.get_running_loop().time() - began > MAX_PAUSE_S:
                    pause = self.first_pause_s  # it had run well for a while
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE_S)
                self._down.pop(name, None)

        self._start(name, loop())

    def once(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something short; an error in it is logged."""
        task = asyncio.create_task(work, name=name)
        self._short.add(task)
        task.add_done_callback(self._ended)

    async def end(self, name: str) -> None:
        """Stop one loop, where it runs."""
        task = self._tasks.pop(name, None)
        self._down.pop(name, None)
        if task is not None:
            await _cancel([task])

    async def stop(self) -> None:
        """Stop everything."""
        tasks = [*self._tasks.values(), *self._short]
        self._tasks.clear()
        await _cancel(tasks)

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if name in self._tasks:
            work.close()
            raise ValueError(f"there is a task {name} already")
        self._tasks[name] = asyncio.create_task(work, name=name)

    def _fail(self, name: str, error: Exception) -> None:
        self._down[name] = f"{type(error).__name__}: {error}"
        log.error("the background task %s failed and is tried again: %s", name, error, exc_info=error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._short.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: %s", task.get_name(), error, exc_info=error)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=5.0)
