"""The shared half of a sandbox; see the package for how to use it."""

from __future__ import annotations

import asyncio
import hashlib
import html
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from bridges.sandbox_kit.answers import json_object, json_response, sentence
from bridges.sandbox_kit.events import EventHub
from bridges.sandbox_kit.guarding import guard, host_of
from bridges.sandbox_kit.hooks import HookSender
from bridges.sandbox_kit.ids import Ids
from bridges.sandbox_kit.models import ActionError, ActionModel, Preset, SandboxSwitches
from relay.contract import Sandbox, SandboxOptions

log = logging.getLogger("sandbox")


STATIC = Path(__file__).parent / "page"


TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


# No inline script or style, nothing from elsewhere; media from the sandbox itself.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


_KIT: web.AppKey[SandboxKit] = web.AppKey("sandbox_kit")


A = TypeVar("A", bound=ActionModel)


class SandboxKit:
    """The shared half of a sandbox; see the top of this module."""

    def __init__(
        self,
        options: SandboxOptions,
        *,
        title: str,
        switches: SandboxSwitches,
        state: Callable[[bool], dict[str, Any]],
        reset: Callable[[], None],
        page_dir: Path | None = None,
        intro: str = "",
        presets: Sequence[Preset] = (),
        max_body: int = 32 * 1024 * 1024,
    ) -> None:
        self.options = options
        self.title = title
        self.intro = intro
        self.presets = {preset.name: preset for preset in presets}
        self._preset = ""  # the one that is on
        self._preset_ends: asyncio.Task[Any] | None = None
        self.switches: Any = switches
        self.ids = Ids(options.seed)
        self.hub = EventHub()
        self.hooks = HookSender(self.hub, options.may_post)
        self.app = web.Application(
            client_max_size=max_body, middlewares=[guard({host_of(options.base_url), *options.hosts})]
        )
        self.app[_KIT] = self
        self.on_switches: Callable[[], None] | None = None  # called after a change
        self._first_switches = switches.model_copy()
        self._state = state
        self._reset = reset
        self._actions: dict[str, tuple[type[ActionModel], Callable[[Any], Awaitable[Any]]]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._static = {
            path.name: path
            for folder in (STATIC, page_dir)
            if folder is not None
            for path in sorted(folder.iterdir())
            if path.suffix in TYPES
        }
        # Browsers keep scripts and styles as long as this stays the same.
        self._version = hashlib.sha256(b"".join(p.read_bytes() for p in self._static.values())).hexdigest()[:12]
        self.app.router.add_get("/", self._page)
        self.app.router.add_get("/_sandbox/static/{file}", self._file)
        self.app.router.add_get("/_sandbox/events", self.hub.stream)
        self.app.router.add_get("/_sandbox/live", self.hub.socket)
        self.app.router.add_post("/_sandbox/presets/{name}", self._post_preset)
        self.app.router.add_get("/_sandbox/state", self._get_state)
        self.app.router.add_get("/_sandbox/switches", self._get_switches)
        self.app.router.add_post("/_sandbox/switches", self._post_switches)
        self.app.router.add_post("/_sandbox/reset", self._post_reset)
        self.app.router.add_post("/_sandbox/act/{name}", self._act)
        self.app.router.add_get("/_sandbox/hooks", self._get_hooks)
        self.app.on_shutdown.append(self._stop_streams)
        self.app.cleanup_ctx.append(self._lifetime)

    def sandbox(self) -> Sandbox:
        return Sandbox(app=self.app, page="/", title=self.title)

    def action(self, name: str, arguments: type[A], handler: Callable[[A], Awaitable[Any]]) -> None:
        """Makes `handler` reachable as `POST _sandbox/act/<name>`. It may raise ActionError."""
        self._actions[name] = (arguments, handler)

    def hook(self, tail: str = "") -> str:
        """The relay's address for that tail, or "" when the sandbox stands alone."""
        return self.options.hooks.get(tail, "")

    def address(self, path: str) -> str:
        """An absolute address in this sandbox, for what the far side gives to others: `address("_sandbox/files/1")`."""
        return f"{self.options.base_url.rstrip('/')}/{path.lstrip('/')}"

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs until it ends or the application stops; an error in it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def reset(self) -> None:
        """Back to the beginning. Switches keep their object's identity, so holding on to `kit.switches` is safe."""
        for task in self._background:
            task.cancel()
        self._preset = ""
        self.hooks.forget()
        self.ids.restart()
        for name in type(self.switches).model_fields:
            setattr(self.switches, name, getattr(self._first_switches, name))
        self._reset()
        if self.on_switches is not None:
            self.on_switches()
        self.hub.publish("resync")

    def change_switches(self, changes: dict[str, Any]) -> None:
        """All of them or none. Raises ActionError with a sentence."""
        kind = type(self.switches)
        try:
            checked = kind.model_validate({**self.switches.model_dump(), **changes})
        except ValidationError as e:
            raise ActionError(sentence(e)) from None
        for name in kind.model_fields:
            setattr(self.switches, name, getattr(checked, name))
        if self.on_switches is not None:
            self.on_switches()
        self.hub.publish("switches", self.switches.model_dump())

    def use_preset(self, name: str) -> None:
        """Make that trouble; "" ends the one that is on. Raises ActionError for an unknown one."""
        if name and name not in self.presets:
            raise ActionError(f"No such trouble; there are {', '.join(self.presets)}.")
        if self._preset_ends is not None:
            self._preset_ends.cancel()
            self._preset_ends = None
        changed = self.presets[self._preset].switches if self._preset else {}
        values = {key: getattr(self._first_switches, key) for key in changed}
        self._preset = name
        if name:
            preset = self.presets[name]
            values |= preset.switches
            if preset.for_s is not None:
                self._preset_ends = self.background(self._end_preset(preset.for_s))
        self.change_switches(values)
        self.hub.publish("preset", name)

    async def _end_preset(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._preset_ends = None
        self.use_preset("")

    async def _post_preset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            self.use_preset("" if name == "none" else name)
        except ActionError as e:
            return json_response({"error": str(e)}, 404)
        return json_response({"preset": self._preset})

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A background step of the sandbox %r failed", self.options.name, exc_info=error)

    async def _stop_streams(self, _: web.Application) -> None:
        self.hub.close()

    async def _lifetime(self, _: web.Application) -> AsyncIterator[None]:
        yield
        self.hub.close()
        tasks = set(self._background)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.hooks.close()

    async def _page(self, _: web.Request) -> web.Response:
        frames = "'self'" if self.options.framed else "'none'"
        headers = PAGE_HEADERS | {"Content-Security-Policy": f"{PAGE_POLICY}; frame-ancestors {frames}"}
        return web.Response(text=self._shell(), content_type="text/html", charset="utf-8", headers=headers)

    def _shell(self) -> str:
        title, intro, version = html.escape(self.title), html.escape(self.intro), self._version
        styles = "".join(
            f'<link rel="stylesheet" href="_sandbox/static/{name}?{version}">\n'
            for name in ("kit.css", "page.css")
            if name in self._static
        )
        script = (
            f'<script type="module" src="_sandbox/static/page.js?{version}"></script>\n'
            if "page.js" in self._static
            else ""
        )
        ru = self.options.locale == "ru"
        connecting, reset = ("соединение…", "Сначала") if ru else ("connecting…", "Reset")
        needs = "Странице нужен JavaScript." if ru else "This page plays the far side live and needs JavaScript."
        return (
            f'<!doctype html>\n<html lang="{self.options.locale}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
            f'<link rel="icon" href="data:,">\n{styles}{script}</head>\n<body>\n'
            f'<header class="bar"><h1>{title}</h1><p class="intro" id="intro">{intro}</p>'
            f'<span class="live" id="live" role="status">{connecting}</span>'
            '<button type="button" id="trouble" class="quiet" aria-expanded="false" hidden></button>'
            f'<button type="button" id="reset" class="quiet">{reset}</button></header>\n'
            '<main id="app" aria-busy="true"></main>\n'
            '<div id="toasts" class="toasts" role="alert"></div>\n'
            f"<noscript>{needs}</noscript>\n</body>\n</html>\n"
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = self._static.get(request.match_info["file"])
        if path is None:
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(
            path,
            headers={
                "Content-Type": f"{TYPES[path.suffix]}; charset=utf-8" if path.suffix != ".png" else "image/png",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-cache",
            },
        )

    async def _get_state(self, request: web.Request) -> web.Response:
        return json_response(self._state(request.query.get("for") == "page"))

    async def _get_switches(self, _: web.Request) -> web.Response:
        fields = []
        for name, schema in type(self.switches).model_json_schema().get("properties", {}).items():
            fields.append({"name": name, **schema})
        presets = [{"name": p.name, "title": p.title, "text": p.text, "for_s": p.for_s} for p in self.presets.values()]
        values = self.switches.model_dump()
        return json_response({"values": values, "fields": fields, "presets": presets, "preset": self._preset})

    async def _post_switches(self, request: web.Request) -> web.Response:
        try:
            self.change_switches(await json_object(request))
        except ActionError as e:
            return json_response({"error": str(e)}, 400)
        return json_response({"values": self.switches.model_dump()})

    async def _post_reset(self, _: web.Request) -> web.Response:
        self.reset()
        return json_response({"ok": True})

    async def _get_hooks(self, _: web.Request) -> web.Response:
        return json_response(list(self.hooks.log))

    async def _act(self, request: web.Request) -> web.Response:
        found = self._actions.get(request.match_info["name"])
        if found is None:
            return json_response({"error": f"No such action; there are {', '.join(sorted(self._actions))}."}, 404)
        arguments, handler = found
        try:
            return json_response(await handler(arguments.model_validate(await json_object(request))))
        except ValidationError as e:
            return json_response({"error": sentence(e)}, 400)
        except ActionError as e:
            return json_response({"error": str(e)}, 400)
