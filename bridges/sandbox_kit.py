"""What all sandboxes share. A sandbox is the other side of a bridge, as a real aiohttp application with its own page.

How to build one::

    class Switches(SandboxSwitches):                       # what can go wrong at the far side, as data
        paid: bool = Field(True, title="Paid", description="Off: every method answers 402.")
        failing: int = Field(0, ge=0, le=1000, title="Fail the next", description="That many requests get a 503.")

    class Write(ActionModel):                              # what a person or a script can do here
        text: str

    class Far:                                             # your state and your rules
        def __init__(self, options: SandboxOptions) -> None:
            self.kit = SandboxKit(options, title="Far side", switches=Switches(), page_dir=HERE / "sandbox_page",
                                  state=self.state, reset=self.reset)
            self.kit.action("write", Write, self.write)    # POST _sandbox/act/write {"text": "hi"}
            self.kit.app.router.add_post("/api/send", self.api_send)       # the documented API

        async def write(self, act: Write) -> dict[str, Any]:
            message = self.remember(act.text)
            self.kit.hub.publish("message", message)       # every open page hears of it
            self.kit.hooks.send(HookCall(url=self.kit.hook("message"), label="message", form=(("text", act.text),)))
            return {"id": message["id"]}                   # the action's JSON answer

    def far_sandbox(options: SandboxOptions) -> Sandbox:
        return Far(options).kit.sandbox()

Routes that come with the kit, all relative, so that an application works under any prefix:

==================================  ==================================================================================
`GET  /`                            the page: a shell that loads `kit.css`, `page.css`, `kit.js`, `page.js`
`GET  _sandbox/static/<file>`       files of `bridges/sandbox_static` and of `page_dir` (which must hold `page.js`;
                                    it imports `./kit.js`; `page.css` is optional)
`GET  _sandbox/events`              server-sent events: `{"kind": "message", "data": {...}}`; `resync` = read the state
`GET  _sandbox/state`               your `state(for_page)` as JSON; `?for=page` leaves out what only tests want to see
`GET  _sandbox/switches`            {"values": {...}, "fields": [...]}; POST a JSON object to change some of them
`POST _sandbox/reset`               back to the beginning: switches, ids, hook log, and your `reset()`
`POST _sandbox/act/<name>`          your actions; a JSON object in, a JSON value out; 400 {"error": sentence} on a no
`GET  _sandbox/hooks`               the log of hooks sent, newest last: what was answered, when the next try is
==================================  ==================================================================================

Whatever changes something below `_sandbox/` takes `Content-Type: application/json` only: another site's form cannot
send that. A request must call the sandbox by an address, `localhost` or a name it knows (`Host`): a stranger's name
that was made to point here (DNS rebinding) is refused. No other site may show the page in a frame. What the sandbox is
told to fetch it fetches through `options.fetch`, which is led into no network of ours; hooks go to `options.hooks` and
to what `options.posts_to` allows, and nowhere else, whatever the API or an action is told.
Hooks: `kit.hooks.send(HookCall(...))` goes on in the background, retried with growing pauses; hooks of the same `lane`
go one after the other. `await kit.hooks.ask(HookCall(...))` is one try with the answer. `kit.hooks.pauses_s` may be set
at any time (a switch). `kit.ids` gives identifiers that a `seed` makes deterministic. `kit.background(coro)` runs
something until it ends or the application stops. Keep your own state bounded (`deque(maxlen=...)`).

The page's side is `sandbox_static/kit.js`, documented at its top; `kit.css` holds the style, including a phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import ipaddress
import json
import logging
import os
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp_sse import sse_response
from pydantic import BaseModel, ConfigDict, ValidationError

from relay.contract import Sandbox, SandboxOptions

log = logging.getLogger("sandbox")

STATIC = Path(__file__).parent / "sandbox_static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}

EVENTS_PER_PAGE = 500  # a page that falls further behind is told to read the state again
PING_S = 5.0  # how soon a page that went away is noticed
HOOK_LOG = 500  # entries
ANSWER_KEPT = 300  # characters of an answer to a hook
HOOK_TIMEOUT_S = 15.0
RETRY_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # eight further tries, growing

# No inline script or style, nothing from elsewhere; media from the sandbox itself.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_KIT: web.AppKey[SandboxKit] = web.AppKey("sandbox_kit")


def now_rfc3339() -> str:
    """The time in UTC, to the millisecond: `2026-01-31T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON that survives lone surrogates: what cannot be encoded becomes `?`."""
    body = dumps(value).encode("utf-8", "replace")
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8", headers=headers)


class ActionError(Exception):
    """An action that cannot be done; the sentence is shown to whoever asked (status 400)."""


class ActionModel(BaseModel):
    """Base of an action's arguments."""

    model_config = ConfigDict(extra="forbid")


class SandboxSwitches(BaseModel):
    """Base of a sandbox's switches: plain fields (bool, int, float, str, Literal) with `title` and `description`.

    The page draws them by itself, in order, under the headings of `json_schema_extra={"group": "..."}`.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


# --- identifiers ----------------------------------------------------------------------------------------------------


class Ids:
    """Identifiers as the far side would make them. The same seed gives the same ones in the same order."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self.restart()

    def restart(self) -> None:
        """From the beginning (reset). Without a seed: fresh ones."""
        self.random = random.Random(os.urandom(16) if self._seed is None else self._seed)  # noqa: S311 - no secrets

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"

    def number(self, digits: int) -> str:
        """A decimal number of exactly that many digits, as text."""
        return str(self.random.randrange(10 ** (digits - 1), 10**digits))

    def uuid(self) -> str:
        """A version 4 UUID."""
        raw = f"{self.random.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-{'89ab'[int(raw[16], 16) % 4]}{raw[17:20]}-{raw[20:]}"

    def pick(self, values: Sequence[T]) -> T:
        return self.random.choice(values)


T = TypeVar("T")
A = TypeVar("A", bound=ActionModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _end(queue: asyncio.Queue[str | None]) -> None:
    """Whoever reads the queue stops, whatever was in it."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


# --- events for pages -----------------------------------------------------------------------------------------------


class EventHub:
    """Tells every open page what happened. Queues are bounded: a page that does not read gets one `resync` instead."""

    def __init__(self) -> None:
        self._pages: set[asyncio.Queue[str | None]] = set()
        self._closed = False
        self.on_last_page_left: Callable[[], None] | None = None

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    def publish(self, kind: str, data: Any = None) -> None:
        """Never waits. `data` is any JSON value, serialised here, so later changes to it do not matter."""
        if not self._pages:
            return
        event = dumps({"kind": kind, "data": data})
        for queue in self._pages:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(dumps({"kind": "resync", "data": None}))
            else:
                queue.put_nowait(event)

    def close(self) -> None:
        """Ends every stream at once; new ones end at once too."""
        self._closed = True
        for queue in self._pages:
            _end(queue)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The handler of `_sandbox/events`."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(EVENTS_PER_PAGE)
        async with sse_response(request, ping_interval=PING_S) as response:
            watch = asyncio.ensure_future(response.wait())  # ends when the page's connection is found lost
            watch.add_done_callback(lambda _: _end(queue))
            self._pages.add(queue)
            try:
                await response.send(dumps({"kind": "hello", "data": None}), retry=1000)
                while not self._closed and (event := await queue.get()) is not None:
                    await response.send(event)
            except ConnectionResetError:
                pass  # the page was closed
            finally:
                self._pages.discard(queue)
                watch.cancel()
                if not self._pages and self.on_last_page_left is not None:
                    self.on_last_page_left()
        return response


# --- hooks to the relay ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFile:
    """A file in a multipart hook."""

    field: str
    filename: str
    mime: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One hook to post. Exactly one kind of body: `raw` with `content_type`, `json`, or `form` (multipart when
    `multipart` is set or there are `files`, else urlencoded)."""

    url: str
    label: str  # for the log: "incomingMessage"
    headers: tuple[tuple[str, str], ...] = ()
    json: Any = None
    raw: bytes | None = None
    content_type: str = ""
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[HookFile, ...] = ()
    multipart: bool = False
    lane: str = ""  # hooks of one lane go one after the other; "": by itself

    def body(self) -> tuple[Any, dict[str, str]]:
        """(what aiohttp sends, headers); made anew for each try, a form can be sent only once."""
        headers = dict(self.headers)
        if self.raw is not None:
            return self.raw, {**headers, "Content-Type": self.content_type or "application/json"}
        if self.form or self.files or self.multipart:
            # File names in UTF-8 as browsers and curl send them, not percent-encoded as aiohttp would.
            form = aiohttp.FormData(default_to_multipart=self.multipart or bool(self.files), quote_fields=False)
            for name, value in self.form:
                form.add_field(name, value)
            for file in self.files:
                form.add_field(file.field, file.body, filename=file.filename, content_type=file.mime)
            return form, headers
        return dumps(self.json).encode("utf-8", "replace"), {**headers, "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What a hook was answered; `status` is 0 when nobody answered and `body` then says why."""

    status: int
    body: bytes = b""

    @property
    def words(self) -> str:
        return self.body.decode("utf-8", "replace")[:ANSWER_KEPT]


def success_2xx(status: int) -> bool:
    return 200 <= status < 300


@dataclass
class HookSender:
    """Posts hooks and remembers what came of it. `accepts` says which statuses end the tries."""

    hub: EventHub
    may_post: Callable[[str], bool]
    accepts: Callable[[int], bool] = success_2xx
    pauses_s: Sequence[float] = RETRY_PAUSES_S
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=HOOK_LOG))
    _session: aiohttp.ClientSession | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _lanes: dict[str, deque[tuple[HookCall, dict[str, Any]]]] = field(default_factory=dict)
    _count: int = 0

    @property
    def busy(self) -> int:
        """How many hooks (or lanes of hooks) are on their way or waiting for a further try."""
        return len(self._tasks)

    def send(self, call: HookCall) -> None:
        """Hands the hook over and returns at once. Without an address it is only noted in the log."""
        entry = self._enter(call)
        if objection := self._objection(call.url):
            self._note(entry, state="no address", answer=objection)
        elif not call.lane:
            self._start(self._deliver(call, entry))
        elif call.lane in self._lanes:
            self._lanes[call.lane].append((call, entry))
        else:
            self._lanes[call.lane] = deque([(call, entry)])
            self._start(self._drain(call.lane))

    async def ask(self, call: HookCall) -> HookAnswer:
        """One try, with its answer; never raises for what the other side does."""
        entry = self._enter(call)
        if objection := self._objection(call.url):
            self._note(entry, state="no address", answer=objection)
            return HookAnswer(0, objection.encode())
        answer = await self._post(call, entry)
        self._note(entry, state="done" if self.accepts(answer.status) else "refused")
        return answer

    def _objection(self, url: str) -> str:
        """Why nothing is posted there; "" if it is."""
        if not url:
            return "The sandbox has no hook address to send this to."
        return "" if self.may_post(url) else "The sandbox posts only to the hook addresses that it was started with."

    async def settle(self, timeout_s: float = 10.0) -> None:
        """Waits until nothing is under way (tests). Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self._tasks:
                await asyncio.wait(set(self._tasks))

    def forget(self) -> None:
        """Stops everything under way and empties the log (reset)."""
        for task in self._tasks:
            task.cancel()
        self._lanes.clear()
        self.log.clear()

    async def close(self) -> None:
        tasks = set(self._tasks)
        self.forget()
        if tasks:
            await asyncio.wait(tasks)
        if self._session is not None:
            await self._session.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _enter(self, call: HookCall) -> dict[str, Any]:
        self._count += 1
        entry = {
            "id": self._count, "at": now_rfc3339(), "label": call.label, "state": "sending", "tries": 0, "status": None,
            "answer": "", "ms": None, "next_try_s": None,
        }  # fmt: skip
        self.log.append(entry)
        self.hub.publish("hook", entry)
        return entry

    def _note(self, entry: dict[str, Any], **changes: Any) -> None:
        entry.update(changes)
        self.hub.publish("hook", entry)

    async def _drain(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                await self._deliver(*waiting.popleft())
        finally:
            if self._lanes.get(lane) is waiting:
                del self._lanes[lane]

    async def _deliver(self, call: HookCall, entry: dict[str, Any]) -> None:
        for attempt in range(1 + len(self.pauses_s)):
            answer = await self._post(call, entry)
            if self.accepts(answer.status):
                self._note(entry, state="done", next_try_s=None)
                return
            pauses = list(self.pauses_s)
            if attempt >= len(pauses):
                break
            self._note(entry, state="waiting", next_try_s=pauses[attempt])
            await asyncio.sleep(pauses[attempt])
        self._note(entry, state="given up", next_try_s=None)

    async def _post(self, call: HookCall, entry: dict[str, Any]) -> HookAnswer:
        if self._session is None:
            # Connections are kept for a moment only, far shorter than any server would: no hook meets a closed one.
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=HOOK_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=2),
            )
        started = time.perf_counter()
        data, headers = call.body()
        try:
            async with self._session.post(call.url, data=data, headers=headers, allow_redirects=False) as response:
                answer = HookAnswer(response.status, await response.content.read(1024 * 1024))
        except TimeoutError:
            answer = HookAnswer(0, b"no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as e:
            answer = HookAnswer(0, f"{type(e).__name__}: {e}".encode("utf-8", "replace"))
        self._note(
            entry,
            tries=entry["tries"] + 1,
            status=answer.status or None,
            answer=answer.words,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return answer


# --- the kit --------------------------------------------------------------------------------------------------------


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
        max_body: int = 32 * 1024 * 1024,
    ) -> None:
        self.options = options
        self.title = title
        self.intro = intro
        self.switches: Any = switches
        self.ids = Ids(options.seed)
        self.hub = EventHub()
        self.hooks = HookSender(self.hub, options.may_post)
        self._hosts = frozenset({"localhost", _host_of(options.base_url), *options.hosts})
        self.app = web.Application(client_max_size=max_body, middlewares=[self._guard])
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
            raise ActionError(_sentence(e)) from None
        for name in kind.model_fields:
            setattr(self.switches, name, getattr(checked, name))
        if self.on_switches is not None:
            self.on_switches()
        self.hub.publish("switches", self.switches.model_dump())

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

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turns away what a stranger's page could make somebody's browser send here."""
        host = _host_of(f"//{request.host}")
        if host not in self._hosts and not _is_address(host):
            raise web.HTTPMisdirectedRequest(text="The sandbox is not known by this name.")
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        if changes and "/_sandbox/" in request.path and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send Content-Type: application/json.")
        return await handler(request)

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
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
            f'<link rel="icon" href="data:,">\n{styles}{script}</head>\n<body>\n'
            f'<header class="bar"><h1>{title}</h1><p class="intro">{intro}</p>'
            '<span class="live" id="live" role="status">connecting…</span>'
            '<button type="button" id="reset" class="quiet">Reset</button></header>\n'
            '<main id="app" aria-busy="true"></main>\n'
            '<div id="toasts" class="toasts" role="alert"></div>\n'
            "<noscript>This page plays the far side live and needs JavaScript.</noscript>\n</body>\n</html>\n"
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
        return json_response({"values": self.switches.model_dump(), "fields": fields})

    async def _post_switches(self, request: web.Request) -> web.Response:
        try:
            self.change_switches(await _json_object(request))
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
            return json_response(await handler(arguments.model_validate(await _json_object(request))))
        except ValidationError as e:
            return json_response({"error": _sentence(e)}, 400)
        except ActionError as e:
            return json_response({"error": str(e)}, 400)


def _host_of(address: str) -> str:
    """The host of an address, in small letters and without brackets; "" for none."""
    with contextlib.suppress(ValueError):
        return (urlsplit(address).hostname or "").rstrip(".")
    return ""


def _is_address(host: str) -> bool:
    """Whether this is an IP address, which nobody can make point elsewhere."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


async def _json_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object. Raises ActionError, HTTPUnsupportedMediaType for anything but application/json."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send Content-Type: application/json.")
    value: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(await request.read())
    if not isinstance(value, dict):
        raise ActionError("The body must be a JSON object.")
    return value


def _sentence(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
