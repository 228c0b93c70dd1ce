"""Fetching a file from an address that somebody else chose, without being led into our own network (SSRF).

The guard sits where sockets are made and sees the address that is really connected to, for literals, for names, for
every redirect and whatever a name resolved to a moment before. A guard in the resolver does not: it is never asked
about `http://127.0.0.1/` or `http://[::ffff:127.0.0.1]/` (PITFALLS 3.2, measured).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import unquote

import aiohttp
from aiohttp import ClientTimeout, hdrs
from aiohttp.abc import AbstractResolver
from yarl import URL

from relay.contract.errors import FetchRefused
from relay.media.local_files import LocalFile, safe_filename
from relay.media.public_addresses import is_loopback
from relay.media.public_sockets import PRIVATE, NotPublic, is_not_public, public_socket
from relay.media.sniffing import HEAD, UNKNOWN, sniff

log = logging.getLogger(__name__)

MAX_REDIRECTS: Final = 3
TOTAL_S: Final = 30.0
READ_S: Final = 10.0  # without a byte
CONNECT_S: Final = 5.0
CHUNK: Final = 64 * 1024
PORTS: Final = frozenset({80, 443})
TRANSIENT: Final = frozenset({408, 425, 429})  # statuses that ask for another try
ANY_HOST: Final = "*"
HEADER_LIMIT: Final = 16 * 1024
USER_AGENT: Final = "webhook-relay/1"

AWAY: Final = "The file's server cannot be reached."
SLOW: Final = "The file did not arrive in time."


class Fetcher:
    """Fetches files into `directory`. Its connections are its own: no cookies, no passwords, no proxy, none kept.

    * Addresses are https. Plain http is taken from `http_hosts` only; with `only_hosts`, nothing else is fetched from.
    * `allow_private`: base URLs, such as those of the sandboxes that run in this process, from which files may be
      fetched although they are on the loopback interface. Just what lies below them (not hooks, metrics or whatever
      else this port serves), and nothing they redirect to.
    """

    def __init__(
        self,
        directory: Path,
        *,
        http_hosts: Collection[str] = (),
        only_hosts: Collection[str] = (),
        allow_private: Collection[str] = (),
        ports: Collection[int] = PORTS,
        at_once: int = 8,
        timeout_s: float = TOTAL_S,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._directory = directory
        self._http_hosts = frozenset(h.lower() for h in http_hosts)
        self._only_hosts = frozenset(h.lower() for h in only_hosts)
        self._own = tuple(URL(base) for base in allow_private)
        self._ports = frozenset(ports)
        self._slots = asyncio.Semaphore(at_once)
        self._timeout_s = timeout_s
        self._resolver = resolver
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def fetch(self, url: str, limit: int) -> LocalFile:
        """The file behind `url`, at most `limit` bytes, as a temporary file that the caller closes.

        Its type is what its first bytes say. Raises FetchRefused with a sentence that is fit for strangers: it tells
        nothing about what stands behind an address.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._follow(url, limit)
        except FetchRefused:
            raise
        except TimeoutError as e:
            raise FetchRefused(SLOW, transient=True) from e
        except (aiohttp.ClientError, OSError, ValueError, EOFError) as e:
            log.info("file not fetched", extra={"host": _host(url), "error": f"{type(e).__name__}: {e}"[:300]})
            if isinstance(e, aiohttp.InvalidURL | ValueError):
                raise FetchRefused("The file's address is not valid.") from e
            if isinstance(e, aiohttp.ClientPayloadError):
                raise FetchRefused("The file broke off before its end.", transient=True) from e
            if is_not_public(e):
                raise FetchRefused(PRIVATE) from e
            raise FetchRefused(AWAY, transient=True) from e

    async def _follow(self, address: str, limit: int) -> LocalFile:
        url = URL(address)
        for _ in range(MAX_REDIRECTS + 1):
            own = self._check(url)
            async with self._session(own=own).get(url, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308):
                    url = url.join(URL(response.headers.get(hdrs.LOCATION, "")))
                    continue
                if response.status != 200:
                    transient = response.status in TRANSIENT or response.status >= 500
                    raise FetchRefused(f"The file's server answered {response.status}.", transient=transient)
                if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in ("", "identity"):
                    raise FetchRefused("The file came compressed, although that was not asked for.")
                if (response.content_length or 0) > limit:
                    raise _too_large(limit)
                return await self._receive(response, url, limit)
        raise FetchRefused(f"The file's address leads on more than {MAX_REDIRECTS} times.")

    def _check(self, url: URL) -> bool:
        """Whether `url` is on one of our own bases. Raises FetchRefused for an address not even to be tried."""
        if url.scheme not in ("http", "https") or not url.host:
            raise FetchRefused("The file's address is not an http or https URL.")
        if url.user is not None or url.password is not None:
            raise FetchRefused("The file's address carries a user name or password.")
        if any(_is_below(url, base) for base in self._own):
            return True
        host = url.host.lower().rstrip(".")
        if self._only_hosts and host not in self._only_hosts:
            raise FetchRefused("The file's server is not among those that files are taken from.")
        if url.scheme == "http" and not self._http_hosts & {host, ANY_HOST}:
            raise FetchRefused("The file's address must begin with https://.")
        if self._ports and url.port not in self._ports:
            raise FetchRefused("The file's address names an unusual port.")
        return False

    async def _receive(self, response: aiohttp.ClientResponse, url: URL, limit: int) -> LocalFile:
        path = self._directory / f"fetch-{secrets.token_urlsafe(16)}"
        head = b""
        size = 0
        try:
            out = await asyncio.to_thread(_create, path)
            try:
                async for chunk in response.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > limit:
                        response.close()
                        raise _too_large(limit)
                    if len(head) < HEAD:
                        head += chunk[:HEAD]
                    await asyncio.to_thread(out.write, chunk)
            finally:
                await asyncio.to_thread(out.close)
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        name = url.name
        found = sniff(head, name)
        filename = safe_filename(name, "" if found == UNKNOWN else found.extension)
        return LocalFile(path=path, size=size, mime=found.mime, filename=filename, temporary=True)

    def _session(self, *, own: bool) -> aiohttp.ClientSession:
        """Two sessions that share nothing: one for the internet, one for our own bases."""
        if own not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=0,  # `at_once` limits
                force_close=True,
                use_dns_cache=False,
                resolver=None if own else self._resolver,
                socket_factory=self._own_socket if own else public_socket,
                ssl=self._tls if self._tls is not None else True,
            )
            self._sessions[own] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={hdrs.USER_AGENT: USER_AGENT, hdrs.ACCEPT: "*/*", hdrs.ACCEPT_ENCODING: "identity"},
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
                read_bufsize=CHUNK,
                max_line_size=HEADER_LIMIT,
                max_field_size=HEADER_LIMIT,
            )
        return self._sessions[own]

    def _own_socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if not is_loopback(address[0]) or not any(port == address[1] for port in (base.port for base in self._own)):
            raise NotPublic(PRIVATE)
        return socket.socket(family, kind, protocol)


def _origin(url: URL) -> tuple[str, str, int]:
    return url.scheme, (url.host or "").lower(), url.port or 0


def _is_below(url: URL, base: URL) -> bool:
    """Whether an address is one of a base's own, however it is written."""
    path = unquote(url.path).split("/")
    inside = not base.path.strip("/") or url.path.startswith(base.path.rstrip("/") + "/")
    return _origin(url) == _origin(base) and inside and ".." not in path and "." not in path


def _create(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _too_large(limit: int) -> FetchRefused:
    return FetchRefused(f"The file is larger than {limit / 1_000_000:g} MB.")


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""
