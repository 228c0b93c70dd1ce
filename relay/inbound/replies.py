"""What a hook's caller is told, before it is either aiohttp's response or bytes on a connection."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import msgspec
import orjson
from aiohttp import web


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A status, JSON, and for 429 and 503 when to come back, in seconds."""

    status: int
    body: bytes
    retry_after_s: int | None = None

    def response(self) -> web.Response:
        """For aiohttp to send."""
        response = web.Response(status=self.status, body=self.body, content_type="application/json")
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        return response


ACCEPTED: Final = Reply(status=200, body=b'{"ok":true}')


def said(status: int, sentence: str, *, retry_after_s: int | None = None) -> Reply:
    """`{"ok": false, "error": sentence}`."""
    return Reply(status=status, body=orjson.dumps({"ok": False, "error": sentence}), retry_after_s=retry_after_s)


def answered(status: int, json: Any) -> Reply:
    """Any JSON."""
    return Reply(status=status, body=orjson.dumps(json))


class ReplyWriter:
    """Replies as they go over the connection, HTTP/1.1 and kept open. The acceptance is nearly all there is to say and
    the same every time but for its date, so it is composed once a second."""

    __slots__ = ("_accepted", "_date", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._date = b""
        self._accepted = b""

    def bytes_of(self, reply: Reply) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True).encode()
            self._accepted = self._compose(ACCEPTED)
        return self._accepted if reply is ACCEPTED else self._compose(reply)

    def _compose(self, reply: Reply) -> bytes:
        again = b"" if reply.retry_after_s is None else b"Retry-After: %d\r\n" % reply.retry_after_s
        return b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%bDate: %b\r\n\r\n%b" % (
            reply.status,
            HTTPStatus(reply.status).phrase.encode(),
            len(reply.body),
            again,
            self._date,
            reply.body,
        )
