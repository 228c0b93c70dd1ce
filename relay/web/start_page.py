"""The start page: what is connected, where to try it, whether it works. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

import templates
from relay.contract import Sandbox
from relay.observe.readiness import Readiness
from relay.routing.accounts import Accounts
from relay.texts.templates import Templates

STATIC = Path(templates.__file__).parent / "pages" / "static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page_routes(
    accounts: Accounts, sandboxes: Mapping[str, Sandbox], texts: Templates, readiness: Readiness
) -> Sequence[web.RouteDef]:
    """`GET /` and its style sheet."""

    async def start(_: web.Request) -> web.Response:
        rows = [
            {
                "name": c.name,
                "label": c.bridge.spec.label,
                "is_desk": c.is_desk,
                "page": f"/sandbox/{c.name}{sandboxes[c.name].page}" if c.name in sandboxes else "",
                "with": accounts.channels_of[c.name] if c.is_desk else accounts.desks_of[c.name],
            }
            for c in accounts.by_name.values()
        ]
        html = texts.page("start.html.j2", rows=rows, problems=readiness.problems())
        return web.Response(text=html, content_type="text/html", headers=HEADERS)

    async def style(_: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "start.css", headers=HEADERS | {"Content-Type": "text/css"})

    return [web.get("/", start), web.get("/static/start.css", style)]
