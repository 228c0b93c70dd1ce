"""Hooks to the relay: posted in the background, repeated with growing pauses, remembered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bridges.sandbox_kit.answers import dumps, now_rfc3339
from bridges.sandbox_kit.events import EventHub

HOOK_LOG = 500  # entries


ANSWER_KEPT = 300  # characters of an answer to a hook


HOOK_TIMEOUT_S = 15.0


RETRY_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # eight further tries, growing


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
