"""The answer to nearly every hook, 200 `{"ok": true}`, ready-made.

aiohttp composes each answer's headers anew, which takes longer than reading the hook did. This one is the same every
time but for its date.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

BODY: Final = b'{"ok":true}'
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n\r\n%b"


class _Acknowledgement(web.StreamResponse):
    """Keeps nothing of a request, so one serves all."""

    def __init__(self) -> None:
        super().__init__()
        self._keep_alive = True
        self._second = 0
        self._bytes = b""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        second = int(time.time())
        if second != self._second:
            self._bytes = _ANSWER % (len(BODY), formatdate(second, usegmt=True).encode(), BODY)
            self._second = second
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The sender has hung up.")
        transport.write(self._bytes)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All has been written."""


_READY: Final = _Acknowledgement()


def acknowledge(request: web.BaseRequest) -> web.StreamResponse:
    """200 `{"ok": true}`. A sender that wants its connection closed gets an ordinary response that says so."""
    if request.keep_alive and request.version == HttpVersion11:
        return _READY
    return web.Response(body=BODY, content_type="application/json")
