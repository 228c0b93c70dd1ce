"""Hooks that come whole: one packet that is one ordinary POST, from its first to its last byte. Pure."""

from __future__ import annotations

from typing import Final

import httptools
import msgspec
from multidict import CIMultiDict

from relay.inbound.bodies.content_types import MULTIPART, content_type_of
from relay.inbound.hooks import PATH

# As much as the usual servers take; whatever has more is aiohttp's to refuse.
HEAD_LIMIT: Final = 8190
HEADERS: Final = 128
_START: Final = b"POST " + PATH.encode()
_KEPT: Final = "keep-alive"
# What these ask for is aiohttp's to give.
_UNUSUAL: Final = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade"})


class CompleteHook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook, complete. `name` and `tail` are what its address says: /hooks/<name>[/<tail>]."""

    name: str
    tail: str
    headers: CIMultiDict[str]
    body: bytes


def complete_hook(data: bytes) -> CompleteHook | None:
    """The one hook that `data` is, from first to last byte; None for everything else."""
    if not data.startswith(_START):
        return None
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if not reading.complete or reading.begun != 1 or parser.get_http_version() != "1.1":
        return None
    if len(data) - len(reading.body) > HEAD_LIMIT:
        return None
    headers = reading.headers
    if len(headers) > HEADERS or not _UNUSUAL.isdisjoint([name.lower() for name, _ in headers]):
        return None
    try:
        address = reading.url.decode("ascii")
    except UnicodeDecodeError:
        return None
    name, _, tail = address.removeprefix(PATH).partition("/")
    if tail and tail[-1] == "/":
        tail = tail[:-1] or "/"  # with and without a slash at its end it is the same address
    if "/" in tail or "%" in address or "?" in address or "#" in address:
        return None
    known = CIMultiDict(headers)
    if (
        known.get("Connection", _KEPT).lower() != _KEPT
        or content_type_of(known.get("Content-Type", "")).kind == MULTIPART
    ):
        return None
    return CompleteHook(name=name, tail=tail, headers=known, body=reading.body)


class _Reading:
    """What httptools says of one request."""

    __slots__ = ("begun", "body", "complete", "headers", "url")

    def __init__(self) -> None:
        self.begun = 0
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.complete = False

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # A name is a token, so ASCII. The blanks behind a value are none of it; those before it have been skipped.
        self.headers.append((name.decode(), value.rstrip().decode("utf-8", "surrogateescape")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
