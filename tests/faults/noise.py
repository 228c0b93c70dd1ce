"""A noisy neighbour as a process of its own, because who measures must not be the one who makes the noise.

`python -m tests.faults.noise` is a second channel and a second desk: their receiving sides, which are slow, and the
customers, who write a great deal. It is told what to do in lines of JSON on standard input and answers each with one on
standard output:

* at its start it says where it is: `{"channel": …, "desk": …}`, two accounts for config.yaml
* `{"flood": {"hook": …, "conversations": …, "per_s": …}}`: it writes without an end, evenly, and says
  `{"flooding": true}` once the first of it has arrived
* `{"hush": true}`: it stops writing and says how many were acknowledged in how many seconds
* `{"tally": seconds}`: it waits for so long at most until all has arrived; what was lost, out of order, doubled

It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
import orjson
import uvloop

from tests.harness import ROOT, Customer, Reply, Sink, Tally

DELAY_S = 0.05
"""How long the desk takes for an answer."""


# --- as the experiment sees it ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """One flood, as it turned out to be."""

    acknowledged: int
    took_s: float

    @property
    def per_s(self) -> float:
        return self.acknowledged / self.took_s


class Noise:
    """The other process, from outside: `async with Noise() as noise`."""

    def __init__(self) -> None:
        self.channel: dict[str, Any] = {}
        self.desk: dict[str, Any] = {}

    async def __aenter__(self) -> Noise:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.noise", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            said = await self._hear(30)
        except BaseException:
            await self.__aexit__()
            raise
        self.channel, self.desk = said["channel"], said["desk"]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @contextlib.asynccontextmanager
    async def flood(self, hook: str, *, conversations: int, per_s: float) -> AsyncIterator[list[Loudness]]:
        """Noise for as long as the block lasts; the list holds how loud it was, afterwards."""
        await self._ask({"flood": {"hook": hook, "conversations": conversations, "per_s": per_s}}, 30)
        found: list[Loudness] = []
        yield found
        found.append(Loudness(**await self._ask({"hush": True}, 90)))

    async def tally(self, timeout_s: float) -> Tally:
        """What became of all floods so far."""
        said = await self._ask({"tally": timeout_s}, timeout_s + 30)
        pairs = {name: tuple((c, s) for c, s in said[name]) for name in ("lost", "out_of_order", "doubled")}
        return Tally(sent=said["sent"], **pairs)

    async def _ask(self, order: dict[str, Any], timeout_s: float) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(order) + b"\n")
        await self._process.stdin.drain()
        return await self._hear(timeout_s)

    async def _hear(self, timeout_s: float) -> Any:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), timeout_s)
        if not line:
            raise RuntimeError("the process that makes the noise ended")
        return orjson.loads(line)


# --- in that process --------------------------------------------------------------------------------------------------


class _Crowd:
    """The customers. Each conversation goes on where the last flood left it."""

    def __init__(self, session: aiohttp.ClientSession, hook: str) -> None:
        self.customer = Customer(session, hook, retry=True)
        self.hushed = asyncio.Event()
        self.writing: asyncio.Task[None] | None = None

    @property
    def acknowledged(self) -> int:
        return sum(map(len, self.customer.acknowledged.values()))

    def flood(self, conversations: int, per_s: float) -> None:
        self.hushed.clear()
        self.before, self.began = self.acknowledged, time.monotonic()
        self.writing = asyncio.create_task(self._write(conversations, per_s))

    async def _write(self, conversations: int, per_s: float) -> None:
        async def one(index: int) -> None:
            due = self.began + index / per_s
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self.hushed.is_set():
                    return
                await self.customer.write(index)
                due += conversations / per_s

        await asyncio.gather(*(one(i) for i in range(conversations)))

    async def hush(self) -> Loudness:
        assert self.writing is not None
        self.hushed.set()
        took_s = time.monotonic() - self.began
        loudness = Loudness(acknowledged=self.acknowledged - self.before, took_s=took_s)
        await self.writing
        return loudness


def _say(what: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(what) + b"\n")
    sys.stdout.buffer.flush()


async def _serve() -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        Sink("insta") as shop,
        Sink("operator", lambda _: Reply(delay_s=DELAY_S)) as desk,
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        _say({"channel": shop.account(), "desk": desk.account()})
        crowd: _Crowd | None = None
        while line := await orders.readline():
            match orjson.loads(line):
                case {"flood": {"hook": hook, "conversations": conversations, "per_s": per_s}}:
                    crowd = crowd or _Crowd(session, hook)
                    before = len(desk.ledger.all)
                    crowd.flood(conversations, per_s)
                    await desk.arrived(before + 1, 25)
                    _say({"flooding": True})
                case {"hush": True} if crowd is not None:
                    _say(asdict(await crowd.hush()))
                case {"tally": timeout_s} if crowd is not None:
                    _say(asdict(await desk.complete(crowd.customer.acknowledged, timeout_s)))
                case other:
                    raise ValueError(f"no such order: {other}")
        if crowd is not None and crowd.writing is not None:
            crowd.writing.cancel()


def main() -> None:
    # Its customers and its desk stand for other people's machines: where the relay, its store or who measures wants a
    # processor of this one, they have it first. Whether the noise is loud enough then, `Loudness` says.
    os.nice(19)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())


if __name__ == "__main__":
    main()
