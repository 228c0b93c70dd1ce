"""Names that cannot be resolved hold up nobody but who asks for them; what was once known is used on."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.contract.errors import SendError
from relay.contract.model import OutboundRequest
from relay.transport import names as names_module
from relay.transport.names import Names
from relay.transport.sender import Sender


class SilentNameServer(asyncio.DatagramProtocol):
    """Answers nothing, or, while `speaks`, 127.0.0.1 to every question."""

    def __init__(self) -> None:
        self.asked = 0
        self.speaks = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if not self.speaks:
            return
        question = data[12:]
        end = question.index(b"\0") + 5
        kind = question[end - 4 : end - 2]
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if kind == b"\0\1" else b""
        head = data[:2] + b"\x81\x80\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0"
        self.transport.sendto(head + question[:end] + answer, addr)


@pytest.fixture
async def server() -> AsyncIterator[tuple[SilentNameServer, str]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        SilentNameServer, local_addr=("127.0.0.1", 0)
    )
    yield protocol, "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    transport.close()


async def test_ten_dead_names_hold_up_nobody_else(server: tuple[SilentNameServer, str]) -> None:
    names = Names([server[1]])
    app = web.Application()
    app.router.add_get("/", _ok)
    async with TestServer(app) as there, Sender(timeout_s=3, names=names) as sender:
        ask = OutboundRequest(method="GET", url=str(there.make_url("/")), safe_url="x")

        async def took(count: int) -> float:
            times = []
            for _ in range(count):
                began = time.monotonic()
                assert (await sender(ask)).status == 200
                times.append(time.monotonic() - began)
            return sorted(times)[int(len(times) * 0.9)]

        calm = await took(40)
        dead = [
            asyncio.create_task(
                sender(OutboundRequest(method="GET", url=f"http://dead{i}.invalid-zone.example/", safe_url="x"))
            )
            for i in range(10)
        ]
        await asyncio.sleep(0.1)
        assert server[0].asked >= 10, "all ten are being asked for"
        assert await took(40) < max(10 * calm, 0.1)
        for error in await asyncio.gather(*dead, return_exceptions=True):
            assert isinstance(error, SendError) and error.certain, "not one of them was sent"
    await names.close()


async def _ok(_: web.Request) -> web.Response:
    return web.Response()


async def test_what_was_known_is_used_while_the_name_servers_are_silent(
    server: tuple[SilentNameServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, address = server
    silent.speaks = True
    names = Names([address], patience_s=0.05)
    found = await names.resolve("shop.example", 80, socket.AF_INET)
    assert [(r["host"], r["port"]) for r in found] == [("127.0.0.1", 80)]
    asked = silent.asked
    assert (await names.resolve("shop.example", 443, socket.AF_INET))[0]["port"] == 443
    assert silent.asked == asked, "what is fresh is not asked for again"
    silent.speaks = False
    monkeypatch.setattr(names_module, "FRESH_S", 0.0)
    began = time.monotonic()
    assert (await names.resolve("shop.example", 80, socket.AF_INET))[0]["host"] == "127.0.0.1"
    assert time.monotonic() - began < 1
    await names.close()


async def test_who_asks_for_the_same_name_at_once_waits_for_one_answer(server: tuple[SilentNameServer, str]) -> None:
    silent, address = server
    silent.speaks = True
    names = Names([address])
    await asyncio.gather(*(names.resolve("shop.example", 80, socket.AF_INET) for _ in range(20)))
    assert silent.asked == 1
    await names.close()


async def test_this_very_machine_has_a_name() -> None:
    names = Names()
    assert "127.0.0.1" in {r["host"] for r in await names.resolve("localhost", 80, socket.AF_INET)}
    await names.close()
