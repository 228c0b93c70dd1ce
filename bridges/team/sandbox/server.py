"""The server's own half: the world, its routes and envelope, who asks, and how it fails. The parts are given this."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bridges.sandbox_kit import SandboxKit, json_response
from bridges.team.sandbox.answers import COOKIE, No, refusal, took
from bridges.team.sandbox.switches import PRESETS, TeamSwitches
from bridges.team.sandbox.world import OWNER_PHONE, PEOPLE, SECOND_GROUP, User, World
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, TeamSettings
from relay.contract import SandboxOptions

HERE = Path(__file__).parent
PAGE_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

Handler = Callable[[web.Request], Awaitable[Any]]


class TeamServer:
    """One world and one set of routes."""

    def __init__(self, options: SandboxOptions, state: Callable[[bool], dict[str, Any]]) -> None:
        """`state(for_page)` is what the page is shown."""
        if not isinstance(options.settings, TeamSettings):
            raise TypeError("the team sandbox needs the settings of a team desk")
        self.settings = options.settings
        self.base_url = options.base_url.rstrip("/")
        self.kit = SandboxKit(
            options,
            title=f"Team chat · {options.name}",
            intro="Play the colleagues: read what the relay posts, answer with #42 and your words.",
            switches=TeamSwitches(),
            presets=PRESETS,
            page_dir=HERE / "page",
            state=state,
            reset=self.reset,
        )
        self.kit.hooks.accepts = lambda status: status == 200  # Team API v3, integrations: anything else is repeated
        self.kit.on_switches = self._switched
        self._resources: dict[str, web.Resource] = {}  # by path, in the order of the document
        self.world = World(self.kit.ids)
        self._people_the_world()
        self._switched()

    @property
    def switches(self) -> TeamSwitches:
        switches: TeamSwitches = self.kit.switches
        return switches

    # the world

    def _people_the_world(self) -> None:
        settings, world = self.settings, self.world
        given = (settings.group, settings.to if settings.to and settings.to.startswith("g-") else None)
        group = next((jid for jid in given if jid), SANDBOX_GROUP)
        groups = [(group, self.kit.options.name.capitalize()), (SECOND_GROUP, "Support")]
        # Several keys are several groups (FACTS 1.8).
        groups += [(f"g-{world.ids.uuid()}", f"Group {i + 1}") for i in range(2, len(settings.keys))]
        team = world.new_team("Demo team", uid=settings.team or SANDBOX_TEAM, groups=tuple(dict(groups).items()))
        for phone, given_name, family_name, status in PEOPLE:
            user = world.user(phone)
            user.given_name, user.family_name = given_name, family_name
            world.join(team, user, status=status)
        for key, (jid, _) in zip(settings.keys, groups, strict=False):
            world.new_integration(team, jid, key=key, comment="Webhook relay", webhook_url=self.kit.hook())
        token = settings.token.get_secret_value() if settings.token else world.secret(24)
        world.tokens[token] = (world.user(OWNER_PHONE), "")

    def reset(self) -> None:
        self.world.clear()
        self._people_the_world()

    def _switched(self) -> None:
        self.kit.hooks.pauses_s = self.switches.pauses_s()
        self.world.offset_s = self.switches.clock_offset_s

    # routes

    def route(self, method: str, path: str, handler: Handler) -> None:
        """A method of the API: with or without a slash at its end, its answer in the envelope."""
        if path not in self._resources:
            self._resources[path] = self.kit.app.router.add_resource(path + "{slash:/?}")
        self._resources[path].add_route(method, self._enveloped(handler, path))

    def close_routes(self) -> None:
        """Known paths refuse other methods; unknown ones below /api are not found. Both in the envelope."""

        async def wrong_method(_: web.Request) -> Any:
            raise No("INVALID_METHOD", "This method is not allowed here.")

        async def unknown(_: web.Request) -> Any:
            raise No("NOT_FOUND", "There is no such method.")

        for path, resource in self._resources.items():
            resource.add_route("*", self._enveloped(wrong_method, path))
        self.kit.app.router.add_route("*", "/api/{tail:.*}", self._enveloped(unknown, "/api"))

    def _enveloped(self, handler: Handler, path: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        simple = path == "/api/message"  # answers {"ok": true} alone, and fails with words (Team API v3, `help`)

        async def answer(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            switches = self.switches
            if switches.latency_ms:
                await asyncio.sleep(switches.latency_ms / 1000)
            if switches.failing > 0:
                self.kit.change_switches({"failing": switches.failing - 1})
                return self._failure(request, simple)
            try:
                if switches.unpaid:
                    raise No("ACCOUNT_SUSPENDED", "The account is suspended until it is paid for.")
                if path.startswith("/api/v3") and not switches.v3:
                    raise No("NOT_FOUND", "There is no such method.")
                result = await handler(request)
            except No as no:
                return self._refusal(no, simple)
            except web.HTTPRequestEntityTooLarge:
                return self._refusal(No("INVALID_DATA", "The body is too large."), simple)
            if isinstance(result, web.StreamResponse):
                return result
            if simple:
                return json_response({"ok": True})
            return json_response({"_time": took(time.perf_counter() - started), "ok": True, "result": result})

        return answer

    def _refusal(self, no: No, simple: bool) -> web.Response:
        switches = self.switches
        as_text = switches.errors == "words" or (simple and switches.errors == "as_documented")
        headers = {"Retry-After": str(switches.retry_after_s)} if switches.retry_after_s else None
        return refusal(no, as_text=as_text, always_200=switches.always_200, headers=headers)

    def _failure(self, request: web.Request, simple: bool) -> web.Response:
        match self.switches.failing_with:
            case "proxy_page":
                return self.lost_answer()
            case "html_with_200":
                return web.Response(text=PAGE_502, content_type="text/html")
            case "rate_limit":
                return self._refusal(No("RATE_LIMIT", "Too many requests."), simple)
            case "drop":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case _:
                return self._refusal(No("INTERNAL_SERVER_ERROR", "Something broke."), simple)

    def lost_answer(self) -> web.Response:
        """What a proxy says when it did not wait for the server."""
        return web.Response(text=PAGE_502, status=502, content_type="text/html")

    def user_of(self, request: web.Request) -> User:
        """Who asks: by the header `token`, else by cookie (FACTS 1.1). Raises No."""
        token = request.headers.get("token", "")
        if token:
            if token in self.world.tokens:
                return self.world.tokens[token][0]
            raise No("INVALID_TOKEN", "Unknown token.")
        cookie = request.cookies.get(COOKIE, "")
        if cookie:
            if cookie in self.world.cookies:
                return self.world.cookies[cookie]
            raise No("EMPTY_SESSION", "The session is over.")
        raise No("EMPTY_TOKEN", "The header `token` is missing.")
