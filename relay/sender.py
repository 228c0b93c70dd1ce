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

import logging
import os
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import ClientTimeout, hdrs
from multidict import CIMultiDict
from yarl import URL

from relay.deadlines import Deadlines
from relay.errors import FetchRefused, SendError
from relay.model import FilePart, OutboundRequest, RawResponse
from relay.multipart import Body, FileOpener, form_body

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 64 * 1024  # bytes of an answer, decompressed; more is cut off
HEADER_LIMIT: Final = 16 * 1024  # bytes of one header line
# Below the 5 s after which many servers close an idle connection, so that a request rarely meets one that is closing.
KEEPALIVE_S: Final = 4.0
DNS_CACHE_S: Final = 30
USER_AGENT: Final = "webhook-relay/1"
# aiohttp would add them to every request. Answers are a few hundred bytes; compressing them costs more than it saves.
SKIPPED_HEADERS: Final = (hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.CONTENT_TYPE)


class _Progress:
    """How far the request of the current task has come."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False


_progress: ContextVar[_Progress] = ContextVar("progress")


class _Connector(aiohttp.TCPConnector):
    """Notes when a connection is handed out: until then nothing can have been sent."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        connection = await super().connect(*args, **kwargs)
        _progress.get(_UNSEEN).connected = True
        return connection


_UNSEEN: Final = _Progress()


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
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
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
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = _Connector(
            limit=self._limit,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            ssl=self._tls if self._tls is not None else True,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={hdrs.USER_AGENT: self._user_agent, hdrs.ACCEPT_ENCODING: "identity"},
            skip_auto_headers=SKIPPED_HEADERS,
            timeout=ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            read_bufsize=BODY_LIMIT,  # also bounds what one piece of a compressed answer may grow to
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )
        # aiohttp sends GET, PUT and DELETE a second time when a kept connection turns out to be closed. The peer may
        # have acted on the first (measured: it saw both), and a channel may take messages by GET.
        session._retry_connection = False
        self._session = session
        return session

    async def __call__(self, request: OutboundRequest) -> RawResponse:
        """Send it. The whole exchange takes at most `request.timeout_s`, else the deployment's delivery timeout."""
        session = self._session or self._open()
        timeout_s = self._timeout_s if request.timeout_s is None else request.timeout_s
        progress = _Progress()
        token = _progress.set(progress)
        body: Body | None = None
        response: aiohttp.ClientResponse | None = None
        try:
            with self._deadlines.limit(timeout_s):
                headers = CIMultiDict(request.headers)
                data: Any = request.body or None
                if request.files or (request.fields and not request.body):
                    body = await self._form(request)
                    data = body.data
                    headers[hdrs.CONTENT_TYPE] = body.content_type
                    headers[hdrs.CONTENT_LENGTH] = str(body.size)
                elif request.content_type:
                    headers[hdrs.CONTENT_TYPE] = request.content_type
                response = await session.request(
                    request.method, self._url(request.url), data=data, headers=headers, allow_redirects=False
                )
                content = await _read(response, request.max_answer or BODY_LIMIT)
            return RawResponse(
                status=response.status,
                headers=[(k.lower(), v) for k, v in response.headers.items()],
                body=content,
            )
        except Exception as e:
            if isinstance(e, FetchRefused) and not e.passing:
                raise  # the file cannot be had, now or later
            raise to_send_error(e, sent=progress.connected, timeout_s=timeout_s) from e
        finally:
            _progress.reset(token)
            if response is not None:
                response.release()  # to the pool if it was read to its end, else closed
            if body is not None:
                body.close()

    def _url(self, url: str) -> URL:
        """The same few addresses come again and again; parsing one costs as much as the rest of a request's head."""
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) > 256:
                self._urls.clear()
            # As the bridge wrote it, unless that could not stand in a request line.
            known = self._urls[url] = URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)
        return known

    async def _form(self, request: OutboundRequest) -> Body:
        if request.files or request.content_type.startswith("multipart/"):
            return await form_body(request.fields, request.files, self._open_file or _no_files)
        encoded = urlencode(request.fields).encode()
        return Body(data=encoded, size=len(encoded), content_type="application/x-www-form-urlencoded")


async def _no_files(part: FilePart) -> Any:
    raise FetchRefused(f"The file {part.filename!r} cannot be attached: this client holds no files.")


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most `limit` bytes. A connection with more to come is closed, not drained."""
    content = response.content
    first = await content.read(limit)
    if content.at_eof():
        return first
    pieces = [first]
    size = len(first)
    while size < limit and (piece := await content.read(limit - size)):
        pieces.append(piece)
        size += len(piece)
    if not content.at_eof():
        response.close()
    return b"".join(pieces)


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
