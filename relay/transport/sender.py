"""The only HTTP client of deliveries: an `OutboundRequest` goes out; a `RawResponse` or a SendError comes back.

What it guards against, and where it was measured (PITFALLS 3.4, PITFALLS experiments 23 to 25):

* Everything ends within the time limit: slow headers, endless bodies, a peer that never reads.
* At most `BODY_LIMIT` bytes of an answer are kept (or what the request asks for), counted after decompression; the
  rest is not read.
* Redirects are never followed; the bridge sees the 3xx.
* A request is never sent twice behind the caller's back (aiohttp repeats GET on a connection that was closed under it).
* Every error says whether the request may have arrived (`SendError.certain`): it has surely not, as long as no
  connection was handed out to it. After that we do not know.

No cookie jar, no proxy or password from the environment: what an account needs stands in the request.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import urlencode

import aiohttp
from aiohttp import ClientTimeout, hdrs
from aiohttp.connector import Connection

from relay.contract.errors import FetchRefused, SendError
from relay.contract.model import FilePart, OutboundRequest, RawResponse
from relay.media.public_sockets import is_not_public, public_socket
from relay.transport.connection import HttpConnection
from relay.transport.deadlines import Deadlines
from relay.transport.multipart import Body, FileOpener, form_body
from relay.transport.names import Names
from relay.transport.request_head import BREAKS, head_of
from relay.transport.send_errors import to_send_error

BODY_LIMIT: Final = 64 * 1024  # bytes of an answer, decompressed; more is cut off
# Below the 5 s after which many servers close an idle connection, so that a request rarely meets one that is closing.
KEEPALIVE_S: Final = 4.0
USER_AGENT: Final = "webhook-relay/1"
NO_LIMITS: Final = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)  # `Deadlines` has them
HEADS_KEPT: Final = 256
PRIVATE_TARGET: Final = "The address leads into a private network, which this account's settings do not allow."
SocketFactory = Callable[[Any], socket.socket]


class Sender:
    """One account's HTTP client: its own connections, at most `limit` at once. Made and closed on the same loop.

    `timeout_s`: the deployment's delivery timeout, for requests that name none. `open_file` gives the content of a
    multipart file part (from the media store, or fetched); without it such parts are a FetchRefused.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 10.0,
        limit: int = 100,
        open_file: FileOpener | None = None,
        user_agent: str = USER_AGENT,
        tls: ssl.SSLContext | None = None,
        names: Names | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._limit = limit
        self._open_file = open_file
        self._user_agent = user_agent
        self._tls = tls
        self._own_names = None if names is not None else Names()
        self._names = names or self._own_names
        self._connector: aiohttp.TCPConnector | None = None
        self._public: aiohttp.TCPConnector | None = None
        self._heads: dict[tuple[Any, ...], tuple[aiohttp.ClientRequest, bytes]] = {}
        self._deadlines = Deadlines()

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Requests in flight fail with SendError."""
        connectors, self._connector, self._public = (self._connector, self._public), None, None
        for connector in connectors:
            if connector is not None:
                await connector.close()
        if self._own_names is not None:
            await self._own_names.close()

    def _public_connector(self) -> aiohttp.TCPConnector:
        """Connections that lead to public addresses only; checked where the socket is made, after the look-up."""
        if self._public is None:
            self._public = self._open_connector(public_socket)
        return self._public

    def _open(self) -> aiohttp.TCPConnector:
        self._connector = self._open_connector(None)
        return self._connector

    def _open_connector(self, socket_factory: SocketFactory | None) -> aiohttp.TCPConnector:
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(
            socket_factory=socket_factory,
            limit=self._limit,
            keepalive_timeout=KEEPALIVE_S,
            use_dns_cache=False,  # `Names` remembers
            resolver=self._names,
            ssl=self._tls if self._tls is not None else True,
        )
        # What speaks HTTP on the connections that it opens. There is no public way to say so; if an upgrade of aiohttp
        # changes this one, no test of the sender passes.
        connector._factory = partial(HttpConnection, loop)  # type: ignore[assignment, arg-type]
        return connector

    async def open_files(self, request: OutboundRequest) -> Body | None:
        """The body of a request with files, its files opened, or fetched where they are elsewhere; None for a request
        without. It takes as long as fetching may, none of it the delivery's own time, so it is done before one of the
        destination's places is taken. The caller hands it to the call, or closes it.

        Raises SendError("media_unavailable") for a file that may be had later, FetchRefused for one that may not.
        """
        if not request.files:
            return None
        try:
            return await form_body(request.fields, request.files, self._open_file or _no_files)
        except FetchRefused as e:
            if not e.transient:
                raise  # the file cannot be had, now or later
            raise SendError("media_unavailable", str(e), certain=True) from e
        except Exception as e:
            raise to_send_error(e, sent=False) from e

    async def __call__(self, request: OutboundRequest, files: Body | None = None) -> RawResponse:
        """Send it. The whole exchange takes at most `request.timeout_s`, else the deployment's delivery timeout.
        `files`: what `open_files` gave; without it they are opened first, outside of that time."""
        form = files or await self.open_files(request)
        connector = self._public_connector() if request.public_only else self._connector or self._open()
        timeout_s = self._timeout_s if request.timeout_s is None else request.timeout_s
        connection: Connection | None = None
        try:
            with self._deadlines.limit(timeout_s):
                if form is None and request.fields and not request.body:
                    form = await self._form(request)
                if form is not None:
                    way, head = self._head(request, form.content_type, form.size)
                    data = form.data
                else:
                    way, head = self._head(request, request.content_type, len(request.body))
                    data = request.body
                connection = await connector.connect(way, [], NO_LIMITS)
                exchange = cast("HttpConnection", connection.protocol)
                status, headers, body = await exchange.send(
                    head, data, limit=request.max_answer or BODY_LIMIT, bodiless=request.method == hdrs.METH_HEAD
                )
            connection.release()  # to the pool, or closed if the answer was not read to its end
            return RawResponse(status=status, headers=headers, body=body)
        except FetchRefused:
            raise  # a file of ours that changed while it was sent
        except Exception as e:
            if is_not_public(e):
                raise SendError("private_address", PRIVATE_TARGET, certain=True) from e
            raise to_send_error(e, sent=connection is not None, timeout_s=timeout_s) from e
        finally:
            if connection is not None:
                connection.close()  # nothing, once released
            if form is not None:
                form.close()

    def _head(self, request: OutboundRequest, content_type: str, size: int) -> tuple[aiohttp.ClientRequest, bytes]:
        """Where it goes, and the request up to its body. Most of it is the same for all requests of an account, and
        costs more to make than the rest of the exchange. Raises aiohttp.InvalidURL, ValueError."""
        key = (request.method, request.url, request.headers)
        known = self._heads.get(key)
        if known is None:
            if len(self._heads) >= HEADS_KEPT:
                self._heads.clear()
            known = self._heads[key] = head_of(request, self._user_agent, asyncio.get_running_loop())
        way, head = known
        if content_type:
            if BREAKS.search(content_type):
                raise ValueError("a header with a line break")
            head = b"%bContent-Type: %b\r\n" % (head, content_type.encode())
        if size or request.method not in aiohttp.ClientRequest.GET_METHODS:
            head = b"%bContent-Length: %d\r\n" % (head, size)
        return way, head + b"\r\n"

    async def _form(self, request: OutboundRequest) -> Body:
        if request.content_type.startswith("multipart/"):
            return await form_body(request.fields, (), _no_files)
        encoded = urlencode(request.fields).encode()
        return Body(data=encoded, size=len(encoded), content_type="application/x-www-form-urlencoded")


async def _no_files(part: FilePart) -> Any:
    raise FetchRefused(f"The file {part.filename!r} cannot be attached: this client holds no files.")
