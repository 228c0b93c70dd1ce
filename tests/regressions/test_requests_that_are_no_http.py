"""A header of 20 kB, an encoding nobody knows or gzip that is none made aiohttp log an error with a traceback each:
anybody could fill the log, and Sentry, with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness import RelayProcess

CONFIG = {
    "channels": {"shop": {"kind": "insta", "url": "sandbox"}},
    "desks": {"sales": {"kind": "team", "url": "sandbox"}},
    "routes": [{"channel": "shop", "desks": ["sales"]}],
}
ODD = {
    "long address": b"POST /hooks/shop/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "unknown encoding": (
        b"POST /hooks/sales HTTP/1.1\r\nHost: x\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\nxx"
    ),
    "gzip that is none": (
        b"POST /hooks/sales HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nwrong"
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RelayProcess]:
    async with RelayProcess(Path(tmp_path_factory.mktemp("odd")), CONFIG) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("what", list(ODD))
async def test_it_is_refused_without_an_error_in_the_log(relay: RelayProcess, what: str) -> None:
    host, port = str(relay.config["listen"]).split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(ODD[what])
    answer = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    assert answer.split()[1] in (b"400", b"401")
    assert await relay.readyz() == 200
    assert "Traceback" not in relay.log()
    assert "ERROR" not in relay.log()
