"""The only HTTP client of deliveries: an `OutboundRequest` goes out; a `RawResponse` or a SendError comes back.

What it guards against, and where it was measured (RELIABILITY 3.4, experiments 23 to 25):

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
import logging
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import urlencode

import aiohttp
from aiohttp import ClientTimeout, hdrs
from aiohttp.connector import Connection
from yarl import URL

from relay.contract.errors import FetchRefused, SendError
from relay.contract.model import FilePart, OutboundRequest, RawResponse
from relay.media.public_sockets import is_not_public, public_socket
from relay.transport.connection import HttpConnection
from relay.transport.deadlines import Deadlines
from relay.transport.multipart import Body, FileOpener, form_body

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 64 * 1024  # bytes of an answer, decompressed; more is cut off
# Below the 5 s after which many servers close an idle connection, so that a request rarely meets one that is closing.
KEEPALIVE_S: Final = 4.0
DNS_CACHE_S: Final = 30
USER_AGENT: Final = "webhook-relay/1"
# Answers are a few hundred bytes; compressing them costs more than it saves.
SENT_ALWAYS: Final = {"host": "", "user-agent": "", "accept-encoding": "identity"}
PRIVATE_TARGET: Final = "The address leads into a private network, which this account's settings do not allow."
SocketFactory = Callable[[Any], socket.socket]
NO_LIMITS: Final = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)  # `Deadlines` has them
HEADS_KEPT: Final = 256
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BREAKS: Final = re.compile(r"[\r\n\0]")


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
    ) -> None:
        self._timeout_s = timeout_s
        self._limit = limit
        self._open_file = open_file
        self._user_agent = user_agent
        self._tls = tls
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
            ttl_dns_cache=DNS_CACHE_S,
            ssl=self._tls if self._tls is not None else True,
        )
        # What speaks HTTP on the connections that it opens. There is no public way to say so; if an upgrade of aiohttp
        # changes this one, no test of the sender passes.
        connector._factory = partial(HttpConnection, loop)  # type: ignore[assignment, arg-type]
        return connector

    async def __call__(self, request: OutboundRequest) -> RawResponse:
        """Send it. The whole exchange takes at most `request.timeout_s`, else the deployment's delivery timeout."""
        connector = self._public_connector() if request.public_only else self._connector or self._open()
        timeout_s = self._timeout_s if request.timeout_s is None else request.timeout_s
        form: Body | None = None
        connection: Connection | None = None
        try:
            with self._deadlines.limit(timeout_s):
                if request.files or (request.fields and not request.body):
                    form = await self._form(request)
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
        except Exception as e:
            if isinstance(e, FetchRefused) and not e.transient:
                raise  # the file cannot be had, now or later
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
            if _BREAKS.search(content_type):
                raise ValueError("a header with a line break")
            head = b"%bContent-Type: %b\r\n" % (head, content_type.encode())
        if size or request.method not in aiohttp.ClientRequest.GET_METHODS:
            head = b"%bContent-Length: %d\r\n" % (head, size)
        return way, head + b"\r\n"

    async def _form(self, request: OutboundRequest) -> Body:
        if request.files or request.content_type.startswith("multipart/"):
            return await form_body(request.fields, request.files, self._open_file or _no_files)
        encoded = urlencode(request.fields).encode()
        return Body(data=encoded, size=len(encoded), content_type="application/x-www-form-urlencoded")


async def _no_files(part: FilePart) -> Any:
    raise FetchRefused(f"The file {part.filename!r} cannot be attached: this client holds no files.")


def head_of(
    request: OutboundRequest, user_agent: str, loop: asyncio.AbstractEventLoop
) -> tuple[aiohttp.ClientRequest, bytes]:
    """What aiohttp needs to find a connection, and the request's first lines: all but what describes its body.

    The address stays as the bridge wrote it, unless that could not stand in a request line. Raises aiohttp.InvalidURL,
    ValueError (a header or a method that would not be one).
    """
    text = request.url
    url = URL(text, encoded=text.isascii() and text.isprintable() and " " not in text)
    if url.scheme not in ("http", "https"):
        raise aiohttp.NonHttpUrlClientError(url)
    way = aiohttp.ClientRequest(request.method, url, loop=loop)  # raises InvalidURL for one without a host
    lines = dict(SENT_ALWAYS, host=url.host_port_subcomponent or "")
    lines["user-agent"] = user_agent
    own = {name.lower() for name, _ in request.headers}
    headers = [(name.title(), value) for name, value in lines.items() if name not in own]
    headers += request.headers
    if url.user is not None and "authorization" not in own:
        headers.append(("Authorization", aiohttp.BasicAuth(url.user, url.password or "").encode()))
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or _BREAKS.search(value):
            raise ValueError("a header with a line break")
    first = f"{request.method} {url.raw_path_qs} HTTP/1.1"
    return way, "\r\n".join([first, *(f"{name}: {value}" for name, value in headers), ""]).encode()


# --- foreign exceptions, mapped at the edge -------------------------------------------------------------------------

# Exception, our short reason, a sentence ({host}, {port}, {why} are filled in; never the whole address, it may carry a
# token), and whether the request had been sent: True, False, or None for "if it had a connection". The first match
# counts, so narrow ones come before their parents.
MAPPING: Final[Sequence[tuple[type[BaseException], str, str, bool | None]]] = (
    (FetchRefused, "media_unavailable", "{error}", None),
    (aiohttp.ClientConnectorDNSError, "dns", "The host name {host} cannot be resolved.", False),
    (aiohttp.ClientConnectorCertificateError, "tls", "The certificate of {host} is not valid: {why}.", False),
    (aiohttp.ClientSSLError, "tls", "No secure connection to {host}: {why}.", False),
    (aiohttp.ServerFingerprintMismatch, "tls", "The certificate of {host} is not the expected one.", False),
    (aiohttp.ClientConnectorError, "refused", "No connection to {host}:{port}: {why}.", False),
    (aiohttp.ConnectionTimeoutError, "connect_timeout", "No connection came about in time.", False),
    (aiohttp.ServerTimeoutError, "timeout", "The other side did not answer in time.", None),
    (aiohttp.ServerDisconnectedError, "disconnected", "The other side hung up without an answer.", None),
    (aiohttp.ClientConnectionResetError, "reset", "The connection was reset.", None),
    (aiohttp.ClientOSError, "reset", "The connection broke: {why}.", None),
    (aiohttp.ClientConnectionError, "disconnected", "The connection was closed.", None),
    (aiohttp.UploadAbortedError, "disconnected", "The request could not be sent to its end.", None),
    (aiohttp.ClientPayloadError, "bad_response", "The answer broke off or cannot be decoded.", True),
    (aiohttp.NonHttpUrlClientError, "bad_request", "The address is not a valid http or https URL.", False),
    (aiohttp.InvalidURL, "bad_request", "The address is not a valid http or https URL.", False),
    (aiohttp.ClientResponseError, "bad_response", "The answer is not proper HTTP.", True),
    (aiohttp.http.HttpProcessingError, "bad_response", "The answer is not proper HTTP.", True),
    (aiohttp.ClientError, "failed", "The request failed ({why}).", None),
    (TimeoutError, "timeout", "The other side did not answer in time.", None),
    (ssl.SSLError, "tls", "The secure connection broke: {why}.", None),
    (ConnectionError, "reset", "The connection broke: {why}.", None),
    (OSError, "failed", "The request failed: {why}.", None),
    (EOFError, "disconnected", "The connection was lost.", None),
    (
        ValueError,
        "bad_request",
        "The request cannot be written as HTTP: a wrong address, or a header with a line break.",
        None,
    ),
)


def to_send_error(error: Exception, *, sent: bool, timeout_s: float = 0) -> SendError:
    """Pure: any exception of a request as a SendError. `sent`: a connection had been handed out to the request."""
    kind, reason, words, fixed = next(
        (row for row in MAPPING if isinstance(error, row[0])),
        (Exception, "failed", "The request failed ({why}).", None),
    )
    if kind is Exception:
        log.error("unforeseen exception of the HTTP client", exc_info=error)
    may_have_arrived = sent if fixed is None else fixed
    if reason == "timeout":
        if not may_have_arrived:
            reason, words = "connect_timeout", "No connection came about in time."
        if timeout_s:
            words += f" The limit was {timeout_s:g} s."
    said = words.format(
        error=error,
        host=getattr(error, "host", "?"),
        port=getattr(error, "port", "?"),
        why=_why(error),
    )
    return SendError(reason, said, certain=not may_have_arrived)


def _why(error: Exception) -> str:
    """The bare reason out of an OSError: no address, no file name, no line of somebody's C source."""
    inner: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return str(getattr(inner, "verify_message", "certificate verification failed")).rstrip(".")
    if isinstance(inner, ssl.SSLError):
        return (getattr(inner, "reason", None) or "TLS error").replace("_", " ").lower()
    strerror = getattr(inner, "strerror", None)
    # asyncio words a refused connection as "Connect call failed ('127.0.0.1', 9)".
    code = getattr(inner, "errno", None)
    if isinstance(code, int) and code > 0 and (strerror is None or "call failed" in str(strerror)):
        strerror = os.strerror(code)
    return str(strerror) if strerror else type(inner).__name__
