"""`/api/openapi.json`, and `/api/docs`: the same for people, with Swagger UI out of our own files."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from aiohttp import web

from relay.people.who import Who
from relay.texts.templates import Templates
from relay.web.api.openapi import document
from relay.web.api.operations import Operation
from relay.web.assets import assets
from relay.web.headers import page_headers
from relay.web.login.gate import Gate

SWAGGER = "vendor/swagger-ui-dist-5.35.0"


def docs_routes(operations: Sequence[Operation], gate: Gate, texts: Templates) -> list[web.RouteDef]:
    """Both addresses. The document is the same for everybody and holds no secret; the page is for who may log in."""
    said = orjson.dumps(document(operations), option=orjson.OPT_INDENT_2)

    async def openapi(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=said, content_type="application/json", headers=headers)

    async def docs(_: web.Request, who: Who) -> web.Response:
        files = assets()
        html = texts.page(
            "api_docs.html.j2",
            bundle=files.url(f"{SWAGGER}/swagger-ui-bundle.js"),
            style=files.url(f"{SWAGGER}/swagger-ui.css"),
            own_style=files.url("docs/docs.css"),
            script=files.url("docs/docs.js"),
            csrf=gate.csrf_token(who),
        )
        # Swagger UI's sanitizer makes a policy of its own, and docs.js one for what it has cleaned; nothing else may.
        headers = page_headers(policies="dompurify default")
        return web.Response(text=html, content_type="text/html", headers=headers)

    return [web.get("/api/openapi.json", openapi), web.get("/api/docs", gate.page("/api/docs", docs))]
