"""The shell of the operator panel: an empty page with what its script must know before it can ask the API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from relay.contract import Limits
from relay.people.who import Who
from relay.routing.accounts import Accounts
from relay.texts.templates import Templates
from relay.web.assets import Assets
from relay.web.headers import page_headers
from relay.web.login.gate import Gate

PATHS: Final = ("/panel", "/panel/")


def panel_routes(
    files: Assets, texts: Templates, accounts: Accounts, gate: Gate, *, locale: str, framed: bool
) -> Sequence[web.RouteDef]:
    """`GET /panel`. `framed`: the start page shows it beside the sandboxes."""
    channels = channel_facts(accounts)

    async def panel(_: web.Request, who: Who) -> web.Response:
        state = {
            "locale": locale,
            "csrf": gate.csrf_token(who),
            "user": {"id": who.id, "name": who.name, "role": who.role.value, "demo": who.kind == "demo"},
            "channels": channels,
            "desks": accounts.panels,
        }
        html = texts.page("panel.html.j2", state=embedded(state), asset=files.url)
        return web.Response(text=html, content_type="text/html", headers=page_headers(framed=framed))

    async def manifest(_: web.Request) -> web.Response:
        icon = {"src": files.url("panel/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
        pngs = [
            {"src": files.url(f"panel/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
            for size in (192, 512)
        ]
        body = {
            "name": "Relay",
            "short_name": "Relay",
            "start_url": "/panel",
            "scope": "/panel",
            "display": "standalone",
            "background_color": "#f6f7f9",
            "theme_color": "#f6f7f9",
            "icons": [icon, *pngs],
        }
        return web.json_response(body, content_type="application/manifest+json", headers={"Cache-Control": "no-cache"})

    guarded = gate.page("/panel", panel)
    return [*(web.get(path, guarded) for path in PATHS), web.get("/panel/manifest.webmanifest", manifest)]


def embedded(state: Mapping[str, Any]) -> Markup:
    """JSON for a <script type="application/json">: nothing in it can end the element."""
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def channel_facts(accounts: Accounts) -> list[dict[str, Any]]:
    """What the composer must know of each channel that a panel shows: what it takes, and how much."""
    shown = {c for panel in accounts.panels for c in accounts.channels_of[panel]}
    return [
        {
            "name": a.name,
            "kind": a.bridge.spec.kind,
            "label": a.bridge.spec.label,
            "limits": limits(a.bridge.spec.limits),
        }
        for a in accounts.channels()
        if a.name in shown
    ]


def limits(of: Limits) -> dict[str, Any]:
    """Limits as JSON; null where there is none."""
    return {
        "text_chars": of.text_chars,
        "text_bytes": of.text_bytes,
        "options": of.options,
        "option_chars": of.option_chars,
        "reply_window_s": of.reply_window_s,
        "comment_window_s": of.comment_window_s,
        "files": {
            kind.value: {"bytes": f.bytes, "mimes": sorted(f.mimes), "extensions": sorted(f.extensions)}
            for kind, f in of.files.items()
        },
    }
