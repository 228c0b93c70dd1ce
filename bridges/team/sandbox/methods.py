"""Methods that need nobody to be logged in: ping, time, countries, features and pictures."""

from __future__ import annotations

import asyncio
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web

from bridges.sandbox_kit import json_response
from bridges.team.sandbox.answers import No
from bridges.team.sandbox.pictures import stub_png
from bridges.team.sandbox.server import TeamServer
from bridges.team.sandbox.world import stamp

HERE = Path(__file__).parent
PING_DELAY_MAX_S = 30


@lru_cache(maxsize=1)
def countries() -> list[dict[str, Any]]:
    """The document's list of countries."""
    value: list[dict[str, Any]] = json.loads((HERE / "data" / "countries.json").read_text("utf-8"))
    return value


class PublicMethods:
    """Routes them on a server."""

    def __init__(self, server: TeamServer) -> None:
        self.world = server.world
        self.server = server
        countries()  # read before anything runs, so that no request waits for the disk
        for method, path, handler in (
            ("GET", "/ping", self.ping),
            ("POST", "/ping", self.ping),
            ("GET", "/time", self.time),
        ):
            server.route(method, f"/api/v3{path}", handler)
            server.route(method, f"/api/v4{path}", handler)
        server.route("GET", "/api/v3/countries", self.get_countries)
        router = server.kit.app.router
        router.add_get("/features.json", self.features)
        router.add_get("/u/{colour:[0-9a-f]{6}}/{letters}/256.png", self.stub_icon)
        router.add_get("/u/{name:[0-9a-f]{32}}/p/{size:1x|256}.jpg", self.icon)

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
        """FACTS 1.5: limits, at the server's root, without the envelope."""
        return json_response(
            {"max_message_length": self.server.switches.max_message_length, "max_upload_mb": 512, "resend_timeout": 10}
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
