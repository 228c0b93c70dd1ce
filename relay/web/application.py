"""The aiohttp application: hooks, media, health, metrics, sandboxes, start page. One port."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from aiohttp import web

from relay.contract import Sandbox
from relay.inbound.hooks import Hooks
from relay.observe.metrics import Metrics
from relay.observe.readiness import Readiness
from relay.routing.hook_addresses import proof_of_key
from relay.web.assets import assets


def application(
    *,
    hooks: Hooks | None,
    routes: Sequence[web.RouteDef],
    readiness: Readiness,
    metrics: Metrics,
    metrics_token: str | None,
    sandboxes: Mapping[str, Sandbox],
    max_body: int,
    keys: Sequence[str] = (),
) -> web.Application:
    """Build the application. `metrics_token`: None for an open /metrics, else what must be presented; "" closes it."""
    app = web.Application(client_max_size=max_body)

    async def healthz(request: web.Request) -> web.Response:
        if keys and (nonce := request.query.get("nonce", "")):
            # `relay doctor` asks: is it this relay, with this secret key, that answers at our public address?
            return web.json_response({"ok": True, "proof": proof_of_key(keys[0], nonce[:64])})
        return web.json_response({"ok": True})

    async def readyz(_: web.Request) -> web.Response:
        problems = readiness.problems()
        found = {"ok": not problems, "problems": problems, "warnings": readiness.warnings()}
        return web.json_response(found, status=503 if problems else 200)

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
    app.add_routes(assets().routes())
    app.add_routes(routes)
    if hooks is not None:
        hooks.add_routes(app)
    for name, sandbox in sandboxes.items():
        app.add_subapp(f"/sandbox/{name}", sandbox.app)
    return app
