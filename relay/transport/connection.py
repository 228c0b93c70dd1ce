"""One HTTP/1.1 connection as deliveries use it: a request goes out, its answer comes back, nothing overlaps.

aiohttp opens, encrypts, pools and closes the connections; this replaces what it does with one once it is open. Its
request and response objects cost five times as much as the exchange itself (280 against 65 us, measured), more than
everything else that happens to a message together, and serve what a delivery never needs: cookies, redirects, chunked
uploads, answers read bit by bit. The answer is parsed by httptools, that is, by the parser of Node.js.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

import aiohttp
import httptools
from aiohttp.http_exceptions import HttpProcessingError

from relay.transport.flow_control import FlowControl

HEADER_LIMIT: Final = 16 * 1024  # bytes of one header's value, and of everything before a header is complete
HEADERS: Final = 128  # of one answer
_CODINGS: Final = ("gzip", "x-gzip", "deflate")

Answer = tuple[int, list[tuple[str, str]], bytes]
"""(status, headers with lower-case names, body)"""


class HttpConnection(FlowControl):
    """A connection of aiohttp's pool. The pool asks `is_connected`, `should_close` and `closed`, and calls `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.transport: asyncio.Transport | None = None
        self.should_close = False  # True: not to be used again
        self._closed: asyncio.Future[None] | None = None
        self._lost = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None  # set while a request is under way

    # --- what the pool needs ----------------------------------------------------------------------------------------

    def is_connected(self) -> bool:
        """Whether it may be used for another request."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def closed(self) -> asyncio.Future[None] | None:
        """Done when the connection is; None if it is already."""
        if self._closed is None and not self._lost:
            self._closed = self._loop.create_future()
        return self._closed

    def close(self) -> None:
        """Close it; whoever waits for an answer is told."""
        transport, self.transport = self.transport, None
        if transport is not None:
            if transport.get_write_buffer_size():
                transport.abort()  # a peer that takes nothing would hold on to it for ever
            else:
                transport.close()
        self._fail(aiohttp.ClientConnectionError("Connection closed"))

    def abort(self) -> None:
        """Close it without sending what is still to be sent."""
        transport = self.transport
        self.close()
        if transport is not None:
            transport.abort()

    # --- one exchange -----------------------------------------------------------------------------------------------

    async def send(
        self, head: bytes, body: bytes | AsyncGenerator[bytes, None], *, limit: int, bodiless: bool = False
    ) -> Answer:
        """Write a request and read its answer; at most `limit` bytes of the answer's body, decompressed. If there is
        more, the rest is not read and the connection not used again. `bodiless`: the answer ends with its headers,
        as one to HEAD does.

        Raises aiohttp's exceptions, and what the body's iterator raises. Cancelled or failed, it must be closed.
        """
        transport = self.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        self.should_close = True  # until the answer has come whole
        self._limit = limit
        self._bodiless = bodiless
        self._start_message()
        answer = self._answer = self._loop.create_future()
        try:
            if isinstance(body, bytes):
                transport.write(head + body)
            else:
                transport.write(head)
                await self._stream(transport, body, answer)
            status, headers, content = await answer
            return status, headers, content
        finally:
            self._answer = None  # nobody asks any more; closing it now tells nobody
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen, also where the body's iterator failed first

    async def _stream(
        self, transport: asyncio.Transport, body: AsyncGenerator[bytes, None], answer: asyncio.Future[Answer]
    ) -> None:
        """As fast as the peer takes it. An early answer, such as 413, ends it."""
        async with aclosing(body) as pieces:
            async for piece in pieces:
                if answer.done():
                    self.should_close = True  # what is missing would be taken for the next request
                    return
                transport.write(piece)
                if self._writable is not None:
                    await asyncio.wait((self._writable, answer), return_when=asyncio.FIRST_COMPLETED)

    def _start_message(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._head_size = 0
        self._head_done = False
        self._sized = False  # its end is seen without the connection being closed
        self._inflate: zlib._Decompress | None = None
        self._coding = ""

    def _finish(self, *, keep: bool) -> None:
        answer = self._answer
        if answer is None or answer.done():
            return
        self.should_close = not keep
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        answer.set_result((self._parser.get_status_code(), self._headers, body))

    def _fail(self, error: Exception) -> None:
        self.should_close = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    # --- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            # Nobody asked: a goodbye such as 408, or what follows an answer that was cut off.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as e:
            self._fail(_Unreadable(e.__context__ or e))
            return
        if not self._head_done:
            self._head_size += len(data)
            if self._head_size > 2 * HEADER_LIMIT:
                self._fail(_Unreadable("its headers do not end"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self.transport = None
        if self._answer is not None and not self._answer.done():
            if exc is None and self._head_done and not self._sized:
                self._finish(keep=False)  # as HTTP/1.0 ends an answer
            elif self._head_done:
                self._fail(aiohttp.ClientPayloadError("The answer broke off"))
            elif isinstance(exc, OSError):
                self._fail(aiohttp.ClientOSError(*exc.args))
            else:
                self._fail(aiohttp.ServerDisconnectedError())
        self.should_close = True
        self.resume_writing()
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    # --- httptools --------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(value) > HEADER_LIMIT or len(name) > HEADER_LIMIT or len(self._headers) == HEADERS:
            raise ValueError("too many headers, or too long ones")
        key, text = name.decode("utf-8", "surrogateescape").lower(), value.decode("utf-8", "surrogateescape")
        self._headers.append((key, text))
        if key == "content-length":
            self._sized = True
        elif key == "transfer-encoding":
            self._sized = text.rpartition(",")[2].strip().lower() == "chunked"
        elif key == "content-encoding":
            self._coding = text.strip().lower()

    def on_headers_complete(self) -> None:
        self._head_done = True
        if self._bodiless:
            self._finish(keep=False)

    def on_body(self, data: bytes) -> None:
        left = self._limit - self._size
        if self._coding in _CODINGS:
            if self._inflate is None:
                self._inflate = zlib.decompressobj(_window(self._coding, data))
            data = self._inflate.decompress(data, left + 1)
        if len(data) > left:
            self._pieces.append(data[:left])
            self._size = self._limit
            self._finish(keep=False)
        elif data:
            self._pieces.append(data)
            self._size += len(data)

    def on_message_complete(self) -> None:
        if 100 <= self._parser.get_status_code() < 200:
            self._start_message()  # "100 Continue" and its like announce the answer
        else:
            self._finish(keep=self._parser.should_keep_alive())


class _Unreadable(HttpProcessingError):
    """The answer is not HTTP, or more of it than anybody needs."""

    def __init__(self, why: object) -> None:
        super().__init__(code=400, message=str(why))


def _window(coding: str, first: bytes) -> int:
    """zlib's `wbits`. "deflate" should have zlib's header, but some servers leave it out."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if first[0] & 0xF == 8 else -zlib.MAX_WBITS
