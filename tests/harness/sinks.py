"""The outside systems' receiving side: real HTTP servers that write down what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

import orjson
from aiohttp import web
from multidict import CIMultiDict

from tests.harness.ledger import Arrival, Ledger, Tally
from tests.harness.replies import YES, Reply, Script
from tests.harness.secrets import INSTA_TOKEN, PANEL_HOOK_TOKEN, PANEL_TOKEN, TEAM_KEY
from tests.harness.waiting import marked, until

Kind = Literal["insta", "operator", "team"]


class Sink:
    """One outside system's receiving side: a ledger, and a script for its answers.

    `script` is a callable that is asked for each message (None: yes), or a list of replies for the next messages;
    after the last one everything is yes again. `account()` is its entry for config.yaml.
    """

    def __init__(self, kind: Kind, script: Script | Sequence[Reply] | None = None) -> None:
        self.kind: Kind = kind
        self.ledger = Ledger()
        self.script = script
        self.port = 0
        self.webhook = ""  # insta: what setWebHook said last
        self.on_taken: Callable[[Arrival], None] | None = None  # called for each message taken, before the answer
        self._count = 0
        self._runner: web.ServerRunner | None = None
        self._hanging: set[asyncio.Event] = set()

    @property
    def script(self) -> Script | None:
        """The script as a callable."""
        return self._script

    @script.setter
    def script(self, script: Script | Sequence[Reply] | None) -> None:
        if script is None or callable(script):
            self._script = script
        else:
            replies = deque(script)
            self._script = lambda _: replies.popleft() if replies else None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def account(self, **more: Any) -> dict[str, Any]:
        """What config.yaml says about it. Call it after `start`: it names the port."""
        common: dict[Kind, dict[str, Any]] = {
            "insta": {"kind": "insta", "url": f"{self.url}/insta", "token": INSTA_TOKEN},
            "operator": {
                "kind": "operator",
                "url": f"{self.url}/operator",
                "token": PANEL_TOKEN,
                "webhook_token": PANEL_HOOK_TOKEN,
            },
            "team": {"kind": "team", "url": self.url, "key": TEAM_KEY},
        }
        return {**common[self.kind], **more}

    async def start(self) -> Self:
        """Listen; on the same port as before when it was down."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Be down: connections are refused until `start`."""
        for event in self._hanging:
            event.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def arrived(self, count: int, timeout_s: float = 20.0) -> list[Arrival]:
        """Wait until so many messages were taken in all; returns them."""
        await until(
            lambda: len(self.ledger.taken) >= count,
            timeout_s,
            what=f"{count} messages at the {self.kind} sink",
        )
        return self.ledger.taken

    async def complete(
        self, acknowledged: Mapping[int, Iterable[int]], timeout_s: float = 20.0, dead: Iterable[tuple[int, int]] = ()
    ) -> Tally:
        """Wait until nothing that was acknowledged is missing; what is still lost at the end is in the tally."""
        with contextlib.suppress(AssertionError):
            await until(lambda: not self.ledger.tally(acknowledged, dead).lost, timeout_s)
        return self.ledger.tally(acknowledged, dead)

    async def got(self, words: str, timeout_s: float = 10.0) -> Arrival:
        """Wait for a message whose text contains these words; the first one taken."""
        found: Arrival = await until(
            lambda: next((a for a in self.ledger.all if a.taken and words in a.text), None),
            timeout_s,
            what=f"{words!r} at the {self.kind} sink",
        )
        return found

    # --- answering ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.kind == "insta":
            method = request.path.rpartition("/")[2]
            if method != "sendMsg":
                return self._insta_method(method, body)
        elif self.kind == "team":
            method = request.path.rpartition("/")[2]
            if method != "message":
                return _team_method(method)
        else:
            method = "message_sent"
            if request.method != "POST":
                return web.Response(status=405)
        fields, files = read_fields(request.content_type, request.headers.get("Content-Type", ""), body)
        text = str(fields.get("caption" if self.kind == "insta" else "message") or "")
        place = marked(text) or (-1, -1)
        self._count += 1
        arrival = Arrival(
            at=time.time(),
            method=method,
            text=text,
            fields=fields,
            files=files,
            digest=hashlib.blake2s(body, digest_size=16).hexdigest(),
            conversation=place[0],
            sequence=place[1],
            queue_id=f"q{self._count:08x}{os.urandom(8).hex()}" if self.kind == "insta" else "",
        )
        reply = (self._script(arrival) if self._script is not None else None) or YES
        return await self._answer(request, arrival, reply)

    async def _answer(self, request: web.BaseRequest, arrival: Arrival, reply: Reply) -> web.StreamResponse:
        taken = reply.taken
        if taken is None:
            taken = bool(reply.cut != "before" and reply.status < 300)
        status = 0 if reply.cut or reply.hang_s else reply.status
        if not (taken and status == 200):
            arrival = Arrival(
                **{name: getattr(arrival, name) for name in Arrival.__slots__ if name not in ("taken", "status")},
                taken=taken,
                status=status,
            )
        self.ledger.add(arrival)
        if taken and self.on_taken is not None:
            self.on_taken(arrival)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.hang_s:
            release = asyncio.Event()
            self._hanging.add(release)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(release.wait(), reply.hang_s)
            self._hanging.discard(release)
        if reply.cut == "middle" and request.transport is not None:
            request.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
            )
        if (reply.cut or reply.hang_s) and request.transport is not None:
            request.transport.abort()
            return web.Response()
        content_type = reply.content_type or "application/json"
        if reply.body is None:
            data = orjson.dumps(self._yes(arrival) if reply.status < 300 else self._no(reply.status))
        elif isinstance(reply.body, bytes | str):
            data = reply.body.encode() if isinstance(reply.body, str) else reply.body
        else:
            data = orjson.dumps(reply.body)
        headers = CIMultiDict(reply.headers)
        return web.Response(status=reply.status, body=data, content_type=content_type, headers=headers)

    def _yes(self, arrival: Arrival) -> Any:
        if self.kind == "insta":
            return {"result": {"success": True, "queue_id": arrival.queue_id}, "error": None}
        return {"ok": True}

    def _no(self, status: int) -> Any:
        if self.kind == "insta":
            return {"result": {"success": False}, "error": f"status {status}"}
        return {"ok": False, "error": f"status {status}"}

    def _insta_method(self, method: str, body: bytes) -> web.Response:
        channel: dict[str, Any] = {"id": "235", "user_id": "47367670531", "username": "getcourseru"}
        if method == "setWebHook":
            self.webhook = str(orjson.loads(body)["url"])
        if method in ("setWebHook", "getWebHook"):
            channel["webhook"] = self.webhook
        elif method == "getInfo":
            channel["status"] = True
        else:
            channel["url"] = "https://ig.me/m/getcourseru"
        return web.json_response({"result": {"success": True}, "channel": channel, "error": None})


def _team_method(method: str) -> web.Response:
    """What the relay asks a team chat at its start."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    result: Any = {"ping": "pong", "time": now}.get(method, {})
    return web.json_response({"ok": True, "result": result})


def read_fields(kind: str, header: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A form or JSON body: (fields, files). Written for speed: our own sender made the body."""
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(), keep_blank_values=True)), {}
    if kind == "multipart/form-data":
        boundary = re.search(r'boundary="?([^";]+)', header)
        assert boundary is not None, header
        fields: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for piece in body.split(b"--" + boundary[1].encode())[1:-1]:
            head, _, value = piece.partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head)
            key = name[1].decode() if name else ""
            if b"filename=" in head:
                files[key] = value[:-2]
            else:
                fields[key] = value[:-2].decode()
        return fields, files
    found = orjson.loads(body) if body else {}
    return (found if isinstance(found, dict) else {"": found}), {}


@contextlib.asynccontextmanager
async def sinks(*kinds: Kind) -> AsyncIterator[list[Sink]]:
    """Several sinks, started and stopped together."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Sink(kind)) for kind in kinds]
