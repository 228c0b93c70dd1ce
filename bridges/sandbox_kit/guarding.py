"""Who may speak to a sandbox: not what a stranger's page makes somebody's browser send."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Set
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(names: Set[str]) -> Any:
    """A middleware that turns away requests for a name that is neither `localhost`, an address nor in `names`, and
    changes below `_sandbox/` that are not JSON."""
    known = frozenset({"localhost", *names} - {""})

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = host_of(f"//{request.host}")
        if host not in known and not _is_address(host):
            raise web.HTTPMisdirectedRequest(text="The sandbox is not known by this name.")
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        if changes and "/_sandbox/" in request.path and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send Content-Type: application/json.")
        return await handler(request)

    return guarded


def host_of(address: str) -> str:
    """The host of an address, in small letters and without brackets; "" for none."""
    with contextlib.suppress(ValueError):
        return (urlsplit(address).hostname or "").rstrip(".")
    return ""


def _is_address(host: str) -> bool:
    """Whether this is an IP address, which nobody can make point elsewhere."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False
