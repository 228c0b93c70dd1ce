"""A proxy that cuts, delays, freezes and loses answers, in front of the store or of an outside system.

PITFALLS 4 notes that such a proxy of a few lines was enough to find A1. It listens on TCP or a unix socket,
forwards to either, and asks `Faults` for every piece that a client sends what to do with it. A piece is what one read
gave: the relay writes one command, or one turn's commands, at once, so a piece never splits the command under test as
long as that is alone in its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

CHUNK = 256 * 1024

Fault = Literal["", "before", "after", "lost"]
"""What to do with one piece from a client: "" forwards it; "before" cuts the connection without forwarding; "after"
forwards, waits for the answer, and cuts instead of passing it on; "lost" forwards and drops the answer, the connection
stays open."""

Choose = Callable[[bytes], Fault]


@dataclass(frozen=True, slots=True)
class Place:
    """A TCP address or, with `path`, a unix socket."""

    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Place:
        """`unix:///a/b.sock`, `redis://host:port`, `http://host:port`."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return cls(path=parts.path)
        return cls(host=parts.hostname or "127.0.0.1", port=parts.port or 0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(self.host, self.port)


@dataclass
class Faults:
    """What the proxy does, changeable at any time."""

    choose: Choose | None = None
    delay_s: float = 0.0  # before each piece of an answer
    ask_delay_s: float = 0.0  # before each piece from a client is passed on
    answer: bytes | None = None  # given instead of asking the far side at all
    refuse: bool = False  # new connections are closed at once
    frozen: bool = False  # nothing moves, in either direction; connections stay open
    struck: int = field(default=0)  # how many pieces met a fault of `choose`


class FaultyProxy:
    """`async with FaultyProxy(target_url, folder) as proxy:` then give `proxy.url` to the relay.

    Towards a unix socket it is a unix socket in `folder`; towards anything else a free port of 127.0.0.1.
    """

    def __init__(self, target: str, folder: Path | None = None) -> None:
        self.target = Place.of(target)
        self.scheme = urlsplit(target).scheme
        self.tail = urlsplit(target).path if not self.target.path else ""
        self.path = str((folder or Path()) / "proxy.sock") if self.target.path else ""
        self.port = 0
        self.faults = Faults()
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()

    @property
    def url(self) -> str:
        """The proxy's own address, in the scheme of the target's."""
        return f"unix://{self.path}" if self.path else f"{self.scheme}://127.0.0.1:{self.port}{self.tail}"

    async def __aenter__(self) -> Self:
        if self.path:
            Path(self.path).unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self.path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._open:
            await asyncio.wait(set(self._open), timeout=2)
        await self._server.wait_closed()

    # --- at once, to everything open ----------------------------------------------------------------------------------

    def cut(self) -> int:
        """Reset every open connection; returns how many there were."""
        self.thaw()
        cut = list(self._open)
        for task in cut:
            task.cancel()
        return len(cut)

    def freeze(self) -> None:
        """Nothing moves any more, as behind a network that swallows every packet."""
        self.faults.frozen = True
        self._thawed.clear()

    def thaw(self) -> None:
        self.faults.frozen = False
        self._thawed.set()

    # --- one connection -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if self.faults.refuse:
                return
            far_reader, far = await self.target.connect()
            doom = asyncio.Event()  # the next answer is not passed on: the connection is cut instead
            drop = asyncio.Event()  # ... or it is dropped
            way_in = asyncio.create_task(self._client_to_far(reader, far, writer, doom, drop))
            way_out = asyncio.create_task(self._far_to_client(far_reader, writer, doom, drop))
            try:
                await asyncio.wait({way_in, way_out}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in (way_in, way_out):
                    one.cancel()
                await asyncio.gather(way_in, way_out, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            for end in (writer, far):
                if end is not None:
                    _reset(end)

    async def _client_to_far(
        self,
        reader: asyncio.StreamReader,
        far: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        doom: asyncio.Event,
        drop: asyncio.Event,
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._thawed.wait()
            if self.faults.answer is not None:
                back.write(self.faults.answer)
                continue
            if self.faults.ask_delay_s:
                await asyncio.sleep(self.faults.ask_delay_s)
            fault = self.faults.choose(data) if self.faults.choose is not None else ""
            if fault:
                self.faults.struck += 1
            if fault == "before":
                return
            if fault == "after":
                doom.set()
            elif fault == "lost":
                drop.set()
            far.write(data)
            await far.drain()

    async def _far_to_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doom: asyncio.Event, drop: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._thawed.wait()
            if doom.is_set():
                return
            if drop.is_set():
                drop.clear()
                continue
            if self.faults.delay_s:
                await asyncio.sleep(self.faults.delay_s)
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset rather than politely, so that nobody takes it for the end of an answer."""
    with contextlib.suppress(OSError):
        sock = writer.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    if writer.transport is not None:
        writer.transport.abort()


# --- receivers that break HTTP ----------------------------------------------------------------------------------------

Manner = Literal["slow_head", "endless", "huge", "bomb", "yes"]


class FaultyReceiver:
    """A receiving side whose answers are hostile (PITFALLS experiment 23): a head at one byte a second, a body that
    never ends, one of a gigabyte, 50 KB that unpack to 50 MB. It reads each request whole before."""

    def __init__(self, manner: Manner = "yes", yes: bytes = b'{"ok":true}') -> None:
        self.manner: Manner = manner
        self.yes = yes
        self.port = 0
        self.open = 0
        self.peak = 0
        self.bodies: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                self.bodies.append(await reader.readexactly(length))
                await self._answer(writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        except RuntimeError:
            pass  # uvloop's word for writing to a connection that the other side has closed
        finally:
            self.open -= 1
            self._tasks.discard(task)
            _reset(writer)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        yes = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(self.yes)
        if self.manner == "yes":
            writer.write(yes + self.yes)
        elif self.manner == "slow_head":
            for byte in yes:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
        elif self.manner == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        elif self.manner == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
            for _ in range(1024):
                writer.write(bytes(1024 * 1024))
                await writer.drain()
        elif self.manner == "bomb":
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: %d\r\n\r\n" % len(bomb())
            )
            writer.write(bomb())
        await writer.drain()


@functools.cache
def bomb() -> bytes:
    """50 MB of white space, in 50 KB."""
    return gzip.compress(b" " * 50_000_000, 6)
