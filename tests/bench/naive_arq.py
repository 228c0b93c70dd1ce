"""Subject (b): plain arq, one job per message, tuned: a web process that enqueues and a stock worker that posts.

Tuned means uvloop, 100 jobs at once, a poll every 20 ms instead of 500, no results kept, and `Retry` for what the
destination refuses (a plain exception would be final in arq). `python -m tests.bench.naive_arq web|worker SOCKET
PORT SINK`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from arq import Retry, create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from tests.bench.forwarder import FORM, form

POLL_S = 0.02
MAX_JOBS = 100
RETRY_S = 0.2


def application(store: RedisSettings) -> web.Application:
    async def pool(app: web.Application) -> AsyncIterator[None]:
        app["pool"] = await create_pool(store)
        yield
        await app["pool"].aclose()

    async def handle(request: web.Request) -> web.Response:
        await request.app["pool"].enqueue_job("deliver", await request.read())
        return web.Response(body=b'{"ok":true}', content_type="application/json")

    app = web.Application()
    app.router.add_post("/hooks/shop", handle)
    app.cleanup_ctx.append(pool)
    return app


async def deliver(ctx: dict[str, Any], hook: bytes) -> None:
    """The job."""
    async with ctx["session"].post(ctx["address"], data=form(hook), headers=FORM) as response:
        await response.read()
    if response.status != 200:
        raise Retry(defer=RETRY_S)


async def work(store: RedisSettings, sink: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        worker = Worker(
            functions=[deliver],
            redis_settings=store,
            max_jobs=MAX_JOBS,
            poll_delay=POLL_S,
            keep_result=0,
            max_tries=9,
            ctx={"session": session, "address": f"{sink}/api/message"},
        )
        await worker.async_run()


def main(half: str, path: str, port: str, sink: str) -> None:
    store = RedisSettings(unix_socket_path=path)
    uvloop.install()
    if half == "web":
        web.run_app(application(store), host="127.0.0.1", port=int(port), access_log=None, print=None)
        return
    try:
        asyncio.run(work(store, sink))
    except asyncio.CancelledError:  # how a stock worker ends on SIGTERM
        sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:5])
