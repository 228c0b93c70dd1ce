"""The shell of the console: an empty page with what its script must know before it can ask the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from relay.people.who import Who
from relay.routing.accounts import Accounts
from relay.texts.templates import Templates
from relay.web.assets import Assets
from relay.web.headers import page_headers
from relay.web.login.gate import Gate
from relay.web.panel.page import embedded

PATHS: Final = ("/console", "/console/")


def console_routes(
    files: Assets, texts: Templates, accounts: Accounts, gate: Gate, *, locale: str
) -> Sequence[web.RouteDef]:
    """`GET /console`."""

    async def console(_: web.Request, who: Who) -> web.Response:
        state = {
            "locale": locale,
            "csrf": gate.csrf_token(who),
            "user": {"name": who.name, "role": who.role.value, "demo": who.kind == "demo"},
            "labels": {a.name: a.bridge.spec.label for a in accounts.by_name.values()},
            "routes": {
                c.name: [*accounts.panels_of(c.name), *accounts.desks_of.get(c.name, ())] for c in accounts.channels()
            },
            "panels": [*accounts.panels],
        }
        html = texts.page("console.html.j2", state=embedded(state), asset=files.url)
        return web.Response(text=html, content_type="text/html", headers=page_headers())

    guarded = gate.page("/console", console)
    return [web.get(path, guarded) for path in PATHS]
