"""The aiohttp application: hooks, media, health, metrics, sandboxes, start page. One port."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from relay.contract import Sandbox
from relay.hooks import Hooks
from relay.metrics import Metrics
from relay.ready import Readiness

# Long enough for a proxy's pool, short enough that a slow header ends (RELIABILITY 3.4).
KEEPALIVE_S = 75.0


def application(
    *,
    hooks: Hooks | None,
    routes: Sequence[web.RouteDef],
    readiness: Readiness,
    metrics: Metrics,
    metrics_token: str | None,
    sandboxes: Mapping[str, Sandbox],
    max_body: int,
) -> web.Application:
    """Build the application. `metrics_token`: None for an open /metrics, else what must be presented; "" closes it."""
    app = web.Application(client_max_size=max_body)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def readyz(_: web.Request) -> web.Response:
        problems = readiness.problems()
        return web.json_response({"ok": not problems, "problems": problems}, status=503 if problems else 200)

    async def figures(request: web.Request) -> web.Response:
        if metrics_token is not None:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not metrics_token or not hmac.compare_digest(given.encode(), metrics_token.encode()):
                return web.json_response({"ok": False, "error": "A bearer token is needed."}, status=401)
        await readiness.refresh()
        return web.Response(body=metrics.text(), content_type="text/plain", charset="utf-8")

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", figures)
    app.add_routes(routes)
    if hooks is not None:
        hooks.add_routes(app)
    for name, sandbox in sandboxes.items():
        app.add_subapp(f"/sandbox/{name}", sandbox.app)
    return app


class Runner(web.AppRunner):
    """Serves the application, hooks first: they are nearly all there is to serve."""

    def __init__(self, app: web.Application, hooks: Hooks | None, **options: Any) -> None:
        super().__init__(app, access_log=None, keepalive_timeout=KEEPALIVE_S, handle_signals=False, **options)
        self._hooks = hooks

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        hooks, others = self._hooks, server.request_handler
        if hooks is None:
            return server

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if (hook := hooks.straight(request)) is not None:
                return await hooks.take(request, *hook)
            return await others(request)

        server.request_handler = handle
        return server
