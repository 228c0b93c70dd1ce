"""The start page: what is connected, whether it works, and where to try it. And one page that shows customer, panel and
group beside each other. Both are for who may log in; a stranger is only told where that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from relay.contract import Sandbox
from relay.people.who import Who
from relay.routing.accounts import Account, Accounts
from relay.texts.templates import Templates
from relay.web.assets import Assets
from relay.web.headers import page_headers
from relay.web.login.gate import Gate
from relay.web.panel.page import embedded


def page_routes(
    accounts: Accounts, sandboxes: Mapping[str, Sandbox], texts: Templates, files: Assets, gate: Gate
) -> Sequence[web.RouteDef]:
    """`GET /` and `GET /side-by-side`."""
    frames = side_by_side(accounts, sandboxes)

    async def start(request: web.Request) -> web.Response:
        who = await gate.who(request)
        state = _state(who) if who is not None and who.kind != "token" else None
        html = texts.page("start.html.j2", state=embedded(state or {}), known=state is not None, asset=files.url)
        return web.Response(text=html, content_type="text/html", headers=page_headers())

    def _state(who: Who) -> dict[str, Any]:
        rows = [
            {
                "name": a.name,
                "label": a.bridge.spec.label,
                "role": a.role.value,
                "page": _page(a.name, sandboxes),
                "with": accounts.channels_of[a.name] if a.is_desk else connected(accounts, a.name),
            }
            for a in accounts.by_name.values()
        ]
        panels = [
            {"name": p, "label": "", "role": "panel", "page": "/panel", "with": accounts.channels_of[p]}
            for p in accounts.panels
        ]
        return {
            "locale": texts.locale,
            "csrf": gate.csrf_token(who),
            "rows": [*rows, *panels],
            "admin": who.role.value == "admin",
            "sideBySide": "/side-by-side" if len(frames) > 1 else "",
        }

    async def beside(request: web.Request) -> web.Response:
        if len(frames) < 2 or await gate.who(request) is None:
            raise web.HTTPSeeOther("/")
        html = texts.page("side_by_side.html.j2", frames=frames, asset=files.url)
        return web.Response(text=html, content_type="text/html", headers=page_headers(frames=True))

    return [web.get("/", start), web.get("/side-by-side", beside)]


def connected(accounts: Accounts, channel: str) -> tuple[str, ...]:
    """The desks of a channel, panels first."""
    return (*accounts.panels_of(channel), *accounts.desks_of[channel])


def side_by_side(accounts: Accounts, sandboxes: Mapping[str, Sandbox]) -> list[dict[str, str]]:
    """A customer, the panel and a group: whatever there is of them that can be played on this machine."""

    def first(of: Sequence[Account], what: str) -> list[dict[str, str]]:
        found = next((a for a in of if a.name in sandboxes), None)
        return [{"what": what, "name": found.name, "page": _page(found.name, sandboxes)}] if found else []

    groups = [d for d in accounts.desks() if d.bridge.spec.group]
    others = [d for d in accounts.desks() if not d.bridge.spec.group]
    panel = [{"what": "panel", "name": p, "page": "/panel"} for p in accounts.panels[:1]]
    return first(accounts.channels(), "customer") + (panel or first(others, "panel")) + first(groups, "group")


def _page(name: str, sandboxes: Mapping[str, Sandbox]) -> str:
    return f"/sandbox/{name}{sandboxes[name].page}" if name in sandboxes else ""
