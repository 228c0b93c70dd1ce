"""Subject (a): an in-memory forwarder with no queue. Receive, await the post, answer 200; nothing is durable.

The fastest shape there is in aiohttp, and what all others are measured against: no routing, no checks, no journal, no
retry. It writes its form by hand, which is cheaper than handover aiohttp a dict. `python -m tests.bench.forwarder
PORT SINK`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import orjson
import uvloop
from aiohttp import web

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def form(hook: bytes) -> bytes:
    """The post that a hook becomes."""
    value = orjson.loads(hook)
    device = value["device"]
    text = f"{device['profileName']} (@{device['username']}): {value['event']['properties']['content']['body']}"
    return urlencode({"key": "bench", "message": text}).encode()


def application(sink: str) -> web.Application:
    address = f"{sink}/api/message"

    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app["session"]:
            yield

    async def handle(request: web.Request) -> web.Response:
        body = form(await request.read())
        async with request.app["session"].post(address, data=body, headers=FORM) as response:
            await response.read()
        if response.status != 200:
            return web.Response(status=502)
        return web.Response(body=b'{"ok":true}', content_type="application/json")

    app = web.Application()
    app.router.add_post("/hooks/shop", handle)
    app.cleanup_ctx.append(session)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
