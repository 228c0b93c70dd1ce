"""A request's first lines: all but what describes its body."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import aiohttp
from yarl import URL

from relay.contract.model import OutboundRequest

# Answers are a few hundred bytes; compressing them costs more than it saves.
SENT_ALWAYS: Final = {"host": "", "user-agent": "", "accept-encoding": "identity"}
BREAKS: Final = re.compile(r"[\r\n\0]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


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
        if not _TOKEN.fullmatch(name) or BREAKS.search(value):
            raise ValueError("a header with a line break")
    first = f"{request.method} {url.raw_path_qs} HTTP/1.1"
    return way, "\r\n".join([first, *(f"{name}: {value}" for name, value in headers), ""]).encode()
