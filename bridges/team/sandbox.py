"""The team chat's server as a real application: /api/message, the webhook with its eight repeats, all of Team API v3,
and a page on which one plays the colleagues.

    sandbox_world      what the server knows           sandbox_shapes   the same in the documented shapes
    sandbox_answers    envelope and errors             sandbox_switches what can go wrong
    sandbox_group      posts, webhooks, the page's actions
    sandbox_login      logging in, devices, oneself    sandbox_teams    teams, integrations, invitations, ws
    sandbox_pictures   QR codes and icons              sandbox_page     the page
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web

from bridges.sandbox_kit import SandboxKit, json_response
from bridges.team.sandbox_answers import COOKIE, No, refusal, took
from bridges.team.sandbox_group import GroupChat
from bridges.team.sandbox_login import LoginMethods
from bridges.team.sandbox_pictures import stub_png
from bridges.team.sandbox_switches import TeamSwitches
from bridges.team.sandbox_teams import TeamMethods
from bridges.team.sandbox_world import OWNER_PHONE, PEOPLE, SECOND_GROUP, User, World, stamp
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, TeamSettings
from relay.contract import Sandbox, SandboxOptions

HERE = Path(__file__).parent
PAGE_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
PING_DELAY_MAX_S = 30

Handler = Callable[[web.Request], Awaitable[Any]]


@lru_cache(maxsize=1)
def countries() -> list[dict[str, Any]]:
    """The document's list of countries."""
    value: list[dict[str, Any]] = json.loads((HERE / "sandbox_data" / "countries.json").read_text("utf-8"))
    return value


class TeamSandbox:
    """Joins the parts: one world, one set of routes, one page."""

    def __init__(self, options: SandboxOptions) -> None:
        if not isinstance(options.settings, TeamSettings):
            raise TypeError("the team sandbox needs the settings of a team desk")
        self.settings = options.settings
        self.base_url = options.base_url.rstrip("/")
        countries()  # read before anything runs, so that no request waits for the disk
        self.kit = SandboxKit(
            options,
            title=f"Team chat · {options.name}",
            intro="Play the colleagues: read what the relay posts, answer with #42 and your words.",
            switches=TeamSwitches(),
            page_dir=HERE / "sandbox_page",
            state=self.state,
            reset=self.reset,
        )
        self.kit.hooks.accepts = lambda status: status == 200  # Team API v3, integrations: anything else is repeated
        self.kit.on_switches = self._switched
        self._resources: dict[str, web.Resource] = {}  # by path, in the order of the document
        self.world = World(self.kit.ids)
        self.group = GroupChat(self)
        self._people_the_world()
        self._switched()
        for method, path, handler in (
            ("GET", "/ping", self.ping),
            ("POST", "/ping", self.ping),
            ("GET", "/time", self.time),
        ):
            self.route(method, f"/api/v3{path}", handler)
            self.route(method, f"/api/v4{path}", handler)
        self.route("GET", "/api/v3/countries", self.get_countries)
        self.route("POST", "/api/message", self.group.api_message)
        LoginMethods(self)
        TeamMethods(self)
        self._close_routes()
        self.kit.app.router.add_get("/features.json", self.features)
        self.kit.app.router.add_get("/u/{colour:[0-9a-f]{6}}/{letters}/256.png", self.stub_icon)
        self.kit.app.router.add_get("/u/{name:[0-9a-f]{32}}/p/{size:1x|256}.jpg", self.icon)

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
        # Several keys are several groups (facts 1.8).
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

    def state(self, for_page: bool) -> dict[str, Any]:
        return self.group.state(for_page)

    # routes

    def route(self, method: str, path: str, handler: Handler) -> None:
        """A method of the API: with or without a slash at its end, its answer in the envelope."""
        if path not in self._resources:
            self._resources[path] = self.kit.app.router.add_resource(path + "{slash:/?}")
        self._resources[path].add_route(method, self._enveloped(handler, path))

    def _close_routes(self) -> None:
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
        """Who asks: by the header `token`, else by cookie (facts 1.1). Raises No."""
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

    # methods that need nobody

    async def ping(self, request: web.Request) -> Any:
        try:
            delay_s = min(float(request.query.get("delay_sec") or 0), PING_DELAY_MAX_S)
        except ValueError:
            raise No("INVALID_DATA", "delay_sec is no number.", details={"delay_sec": "no number"}) from None
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        if request.query.get("error"):
            raise No("INTERNAL_SERVER_ERROR", "An error was asked for.")
        return "pong"

    async def time(self, _: web.Request) -> Any:
        return stamp(self.world.now())

    async def get_countries(self, _: web.Request) -> Any:
        return countries()

    async def features(self, _: web.Request) -> web.Response:
        """facts 1.5: limits, at the server's root, without the envelope."""
        return json_response(
            {"max_message_length": self.switches.max_message_length, "max_upload_mb": 512, "resend_timeout": 10}
        )

    # pictures

    async def stub_icon(self, request: web.Request) -> web.Response:
        letters = re.sub(r"\s", "", request.match_info["letters"]) or "?"
        picture = await asyncio.to_thread(stub_png, request.match_info["colour"], letters)
        return web.Response(body=picture, content_type="image/png")

    async def icon(self, request: web.Request) -> web.Response:
        for team in self.world.teams.values():
            if team.picture is not None and team.picture.name == request.match_info["name"]:
                sizes = {"1x": team.picture.large, "256": team.picture.small}
                return web.Response(body=sizes[request.match_info["size"]][0], content_type="image/jpeg")
        raise web.HTTPNotFound(text="There is no such picture.")


def build_sandbox(options: SandboxOptions) -> Sandbox:
    """The sandbox of one team desk."""
    return TeamSandbox(options).kit.sandbox()
