"""The shared connection to the store when it is lost: everybody who waits is told, also who asks a moment too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.contract.errors import StoreUnavailable
from relay.store.server.pipeline import Endpoint, StorePipeline
from tests.faulty import FaultyProxy
from tests.harness import StoreServer


@asynccontextmanager
async def wired(server: StoreServer, folder: Path, **options: Any) -> AsyncIterator[tuple[StorePipeline, FaultyProxy]]:
    """A wire to a store behind a proxy that can be told to fail; stopped at the end."""
    async with FaultyProxy(server.url, folder) as proxy:

        async def locate() -> Endpoint:
            return Endpoint(path=proxy.path)

        wire = StorePipeline(locate, timeout_s=2.0, **options)
        await wire.start()
        try:
            yield wire, proxy
        finally:
            async with asyncio.timeout(5):
                await wire.stop()


async def test_asking_a_connection_that_is_just_lost(store_server: StoreServer, tmp_path: Path) -> None:
    """Between the loss and its being noticed, a command was never answered: a hook hung, and a lane for ever."""
    async with wired(store_server, tmp_path) as (wire, proxy):
        for _ in range(20):
            while not wire.connected:
                await asyncio.sleep(0.01)
            asked: list[asyncio.Future[object]] = []
            proxy.cut()
            # In every turn of the loop around the loss.
            for _ in range(200):
                await asyncio.sleep(0)
                try:
                    asked.append(wire.call("PING"))
                except StoreUnavailable:
                    break
            async with asyncio.timeout(5):
                for answer in await asyncio.gather(*asked, return_exceptions=True):
                    assert answer == b"PONG" or isinstance(answer, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        wire.call("PING")


async def test_stopping_while_the_connection_is_lost(store_server: StoreServer, tmp_path: Path) -> None:
    """Both at once: the loss swallowed the stop, which then waited for ever."""
    for turns in range(12):
        async with wired(store_server, tmp_path) as (_, proxy):
            proxy.cut()
            proxy.faults.refuse = True
            for _ in range(turns):
                await asyncio.sleep(0)


async def test_a_pause_ends_when_the_connection_stands_again(store_server: StoreServer, tmp_path: Path) -> None:
    """Whoever has a result to write down does not sleep on when the store is back; while it stands, a pause is one."""
    async with wired(store_server, tmp_path, scripts={"one": "return 1"}) as (wire, proxy):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await wire.pause(0.1)
        assert loop.time() - began >= 0.09
        proxy.faults.refuse = True
        proxy.cut()
        while wire.connected:
            await asyncio.sleep(0.01)
        began = loop.time()
        await wire.pause(0.1)
        assert loop.time() - began >= 0.09, "and while it is down it is no longer than asked for"
        loop.call_later(0.2, setattr, proxy.faults, "refuse", False)
        began = loop.time()
        await wire.pause(30)
        assert loop.time() - began < 3 and wire.connected and wire.connections == 2


async def test_answers_nobody_waits_for_are_not_taken_for_others(store_server: StoreServer, tmp_path: Path) -> None:
    async with wired(store_server, tmp_path) as (wire, _):
        for n in range(50):
            wire.post("SET", "posted", str(n))
            asked = wire.call("ECHO", str(n))
            wire.post("NO SUCH COMMAND")
            assert await asked == str(n).encode()
            assert await wire.call("GET", "posted") == str(n).encode()
    with pytest.raises(StoreUnavailable):
        wire.post("PING")
