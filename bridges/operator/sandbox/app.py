"""The operator panel, played: the endpoint of the Operator API and a page on which one is the operator.

Documented are one method and three webhooks (Operator API); bodies of answers, retries and the encoding of `attaches`
are not (FACTS 4), so those are switches, and all three ways of attaching are taken. The panel asks the relay who a
user is and which media are theirs when a user writes for the first time, and again when the operator asks.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field

from bridges.operator.client import ACTION
from bridges.operator.sandbox.presets import PRESETS
from bridges.operator.settings import OperatorSettings
from bridges.sandbox_kit import (
    ActionError,
    ActionModel,
    HookCall,
    HookFile,
    SandboxKit,
    SandboxSwitches,
    json_response,
    now_rfc3339,
)
from relay.contract import Sandbox, SandboxOptions
from relay.contract.errors import FetchRefused
from relay.contract.model import MediaKind

MAX_USERS = 300
MAX_MESSAGES = 300  # of each user
MAX_FILES = 2000
MAX_HELD_BYTES = 200 * 1024 * 1024
MAX_BODY = 64 * 1024 * 1024
FETCH_BYTES = 32 * 1024 * 1024
RELAY_USER = "0"  # the relay's notices that concern no user

_BRACKETS = re.compile(r"attaches\[(\d{1,3})\]\[(file_url|big)\]")
# What the page may show in place; everything else is a download, above all SVG and HTML.
_SHOWN = re.compile(r"image/(png|jpeg|gif|webp|bmp|x-icon|vnd\.microsoft\.icon)|video/[\w.+-]+|audio/[\w.+-]+")
_BY_SUFFIX = {
    **dict.fromkeys(("jpg", "jpeg", "png", "gif", "webp", "bmp", "ico"), MediaKind.IMAGE),
    **dict.fromkeys(("mp4", "mov", "webm", "avi"), MediaKind.VIDEO),
    **dict.fromkeys(("mp3", "ogg", "m4a", "aac", "wav"), MediaKind.AUDIO),
}

HTML_PAGE = """<!doctype html><html><head><title>Control panel: log in</title></head>
<body><form><input name="login"><input name="password" type="password"></form></body></html>"""


class Switches(SandboxSwitches):
    """What can go wrong at the panel."""

    answer: Literal["json", "empty", "plain_text", "html", "json_error"] = Field(
        "json",
        title="It answers 200 with",
        description="html: the log-in page of a panel whose session or address is wrong.",
        json_schema_extra={"group": "Messages to the panel"},
    )
    failing: int = Field(
        0,
        ge=0,
        le=100000,
        title="Fail the next",
        description="That many messages get the status below.",
        json_schema_extra={"group": "Messages to the panel"},
    )
    failing_status: Literal[401, 404, 410, 413, 422, 429, 500, 503] = Field(
        500, title="… with status", json_schema_extra={"group": "Messages to the panel"}
    )
    slow_s: float = Field(
        0.0, ge=0, le=120, title="Wait before answering, s", json_schema_extra={"group": "Messages to the panel"}
    )
    encoding: Literal["multipart", "urlencoded", "json"] = Field(
        "multipart",
        title="Webhooks are",
        description="A file always makes them multipart.",
        json_schema_extra={"group": "Webhooks to the relay"},
    )
    twice: bool = Field(False, title="Send each answer twice", json_schema_extra={"group": "Webhooks to the relay"})
    wrong_token: bool = Field(False, title="With a wrong token", json_schema_extra={"group": "Webhooks to the relay"})
    asks: bool = Field(
        True,
        title="Ask who a new user is",
        description="The user and media webhooks, when somebody writes for the first time.",
        json_schema_extra={"group": "Webhooks to the relay"},
    )


class AnswerFile(ActionModel):
    name: str = Field(max_length=300)
    mime: str = Field("application/octet-stream", max_length=100)
    data: str = Field(description="base64")


class AnswerUser(ActionModel):
    """An operator writes to a user. `bot_id` defaults to the bot the user wrote to last."""

    user_id: int
    text: str = Field("", max_length=200_000)
    options: str = Field(
        "", max_length=4000, description="Yes | No | Later: becomes the last line `> Yes | No | Later`."
    )
    file: AnswerFile | None = None
    bot_id: int | None = None
    author: str = Field("", max_length=100)


class AskAbout(ActionModel):
    user_id: int


class Seen(ActionModel):
    user_id: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file the panel got as bytes, or knows the address of."""

    name: str
    mime: str
    data: bytes | None = None
    url: str = ""


@dataclass(slots=True)
class User:
    """One user as the panel knows them."""

    id: str
    bot_id: str
    messages: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))
    unread: int = 0
    last_at: str = ""
    info: dict[str, Any] | None = None  # what the relay answered to the `user` webhook
    media: list[dict[str, Any]] = field(default_factory=list)  # to the `media` webhook, with our own addresses
    trouble: str = ""  # what went wrong when we asked
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one webhook at a time, in the order they were written

    @property
    def name(self) -> str:
        if self.id == RELAY_USER:
            return "Relay"
        return str((self.info or {}).get("name") or f"User {self.id}")

    def card(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "bot_id": self.bot_id,
            "name": self.name,
            "unread": self.unread,
            "last_at": self.last_at,
            "last_text": self.messages[-1]["text"][:120] if self.messages else "",
            "info": self.info,
            "media": self.media,
            "trouble": self.trouble,
        }


class Panel:
    """The panel's state and rules."""

    def __init__(self, options: SandboxOptions) -> None:
        if not isinstance(options.settings, OperatorSettings):
            raise TypeError("The operator sandbox needs an operator desk's settings.")
        self.settings = options.settings
        self.users: dict[str, User] = {}
        self.files: OrderedDict[str, StoredFile] = OrderedDict()
        self._held_bytes = 0
        self._last_id = 0
        self.kit = SandboxKit(
            options,
            title=f"Operator panel · {options.name}",
            intro="You are the operator. Users' messages arrive here by the Operator API.",
            switches=Switches(),
            presets=PRESETS,
            state=self.state,
            reset=self.reset,
            page_dir=Path(__file__).parent / "page",
            max_body=MAX_BODY,
        )
        self.kit.action("answer", AnswerUser, self.answer)
        self.kit.action("ask", AskAbout, self.ask)
        self.kit.action("seen", Seen, self.seen)
        router = self.kit.app.router
        # The endpoint is the desk's whole `url`: the sandbox's own address, with or without its last slash.
        for path in ("", "/"):
            router.add_post(path, self.message_sent)
        router.add_get("/_sandbox/file/{id}", self.get_file)

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self, _for_page: bool) -> dict[str, Any]:
        return {
            "users": [user.card() for user in self.users.values()],
            "messages": {user.id: list(user.messages) for user in self.users.values()},
        }

    def reset(self) -> None:
        self.users.clear()
        self.files.clear()
        self._held_bytes = 0
        self._last_id = 0

    def user(self, user_id: str, bot_id: str = "") -> User:
        user = self.users.get(user_id)
        if user is None:
            while len(self.users) >= MAX_USERS:
                self.users.pop(next(iter(self.users)))
            user = self.users[user_id] = User(id=user_id, bot_id=bot_id)
        if bot_id:
            user.bot_id = bot_id
        return user

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _keep(self, file: StoredFile) -> str:
        """Remembers a file and gives its address on this page."""
        key = self.kit.ids.hex(24)
        self.files[key] = file
        self._held_bytes += len(file.data or b"")
        while len(self.files) > MAX_FILES or (self._held_bytes > MAX_HELD_BYTES and len(self.files) > 1):
            _, gone = self.files.popitem(last=False)
            self._held_bytes -= len(gone.data or b"")
        return f"_sandbox/file/{key}"

    def _remember(self, user: User, message: dict[str, Any]) -> dict[str, Any]:
        message = {"id": self._next_id(), "at": now_rfc3339(), "user_id": user.id, "bot_id": user.bot_id, **message}
        user.messages.append(message)
        user.last_at = message["at"]
        self.kit.hub.publish("message", message)
        self.kit.hub.publish("user", user.card())
        return message

    # --- the documented method --------------------------------------------------------------------------------------

    async def message_sent(self, request: web.Request) -> web.Response:
        switches: Switches = self.kit.switches
        form = await request.post()
        if switches.slow_s:
            await asyncio.sleep(switches.slow_s)
        if switches.failing > 0:
            switches.failing -= 1
            self.kit.hub.publish("switches", switches.model_dump())
            status = switches.failing_status
            headers = {"Retry-After": "2"} if status in (429, 503) else None
            return json_response({"error": f"The sandbox's switch says {status}."}, status, headers)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        refused = self._refusal(request, fields)
        if refused is not None:
            return refused
        if switches.answer == "html":
            return web.Response(text=HTML_PAGE, content_type="text/html")
        if switches.answer == "json_error":
            return json_response({"error": "The sandbox's switch says no."})
        uploads = [(name, value) for name, value in form.items() if isinstance(value, web.FileField)]
        try:
            attached = self._attached(fields, uploads)
        except ValueError as e:
            return json_response({"error": str(e)}, 422)
        message = self._receive(fields, attached)
        if switches.answer == "empty":
            return web.Response()
        if switches.answer == "plain_text":
            return web.Response(text="OK", content_type="text/html")  # as PHP would call it
        return json_response({"status": "ok", "id": message["id"]})

    def _refusal(self, request: web.Request, fields: dict[str, str]) -> web.Response | None:
        token = self.settings.token.get_secret_value()
        if not hmac.compare_digest(fields.get("token", "").encode("utf-8", "replace"), token.encode()):
            return json_response({"error": "Wrong token"}, 401)
        if request.content_type != "multipart/form-data":
            return json_response({"error": "Use multipart/form-data"}, 415)
        if fields.get("action") != ACTION:
            return json_response({"error": f"Unknown action, expected {ACTION}"}, 400)
        for name in ("user_id", "contact_id"):
            if not re.fullmatch(r"\d{1,18}", fields.get(name, "")):
                return json_response({"error": f"{name} must be an integer"}, 422)
        return None

    def _attached(self, fields: dict[str, str], uploads: list[tuple[str, web.FileField]]) -> list[dict[str, Any]]:
        """The files of a message, however they came. Raises ValueError with a sentence."""
        photos: dict[int, dict[str, str]] = {}
        for name, value in fields.items():
            if found := _BRACKETS.fullmatch(name):
                photos.setdefault(int(found[1]), {})[found[2]] = value
        listed = [("attaches[]", photo) for _, photo in sorted(photos.items())]
        if text := fields.get("attaches", ""):
            try:
                objects = json.loads(text)
            except (ValueError, RecursionError):
                raise ValueError("attaches must be a JSON array of photo objects") from None
            if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
                raise ValueError("attaches must be a JSON array of photo objects")
            listed += [("attaches", {k: str(v) for k, v in o.items()}) for o in objects]
        attached = []
        for how, photo in listed:
            url = photo.get("file_url", "")
            if urlsplit(url).scheme not in ("http", "https"):
                raise ValueError("file_url must be an address")
            attached.append(self._of_address(url, how, photo.get("big", "")))
        for name, upload in uploads:
            with upload.file as spooled:
                data = spooled.read()
            file = StoredFile(name=upload.filename, mime=upload.content_type, data=data)
            attached.append({**_shown(file), "url": self._keep(file), "how": name, "size": len(data)})
        return attached

    def _of_address(self, url: str, how: str, big: str = "") -> dict[str, Any]:
        name = urlsplit(url).path.rpartition("/")[2] or "file"
        file = StoredFile(name=name, mime="", url=url)
        return {**_shown(file), "url": self._keep(file), "source": url, "big": big or url, "how": how}

    def _receive(self, fields: dict[str, str], attached: list[dict[str, Any]]) -> dict[str, Any]:
        user_id = fields["user_id"].lstrip("0") or RELAY_USER
        is_new = user_id not in self.users
        user = self.user(user_id, fields["contact_id"])
        user.unread += 1
        message = self._remember(
            user, {"from": "user", "text": fields.get("message", ""), "files": attached, "state": "received"}
        )
        if is_new and user_id != RELAY_USER and self.kit.switches.asks and self.kit.hook("user"):
            self.kit.background(self._ask(user))
        return message

    # --- webhooks to the relay --------------------------------------------------------------------------------------

    def _call(self, tail: str, fields: dict[str, Any], file: HookFile | None = None) -> HookCall:
        """One webhook in the encoding that the switches ask for."""
        switches: Switches = self.kit.switches
        token = self.settings.webhook_token.get_secret_value() if not switches.wrong_token else "wrong"
        fields = {"token": token, **fields}
        url = self.kit.hook(tail)
        if switches.encoding == "json" and file is None:
            return HookCall(url=url, label=tail, json=fields)
        form = tuple((name, str(value)) for name, value in fields.items())
        files = (file,) if file else ()
        return HookCall(url=url, label=tail, form=form, files=files, multipart=switches.encoding == "multipart")

    async def answer(self, act: AnswerUser) -> dict[str, Any]:
        """Posts the `message` webhook, documented as `user_id` (bot), `contact_id` (user), `message`, `attach`."""
        user = self.user(str(act.user_id))
        bot_id = str(act.bot_id) if act.bot_id is not None else user.bot_id
        text = act.text
        if act.options.strip():
            text = f"{text}\n> {act.options.strip()}" if text else f"> {act.options.strip()}"
        file, shown = self._file(act.file) if act.file else (None, [])
        fields: dict[str, Any] = {"user_id": int(bot_id or 0), "contact_id": act.user_id, "message": text}
        if act.author:
            fields["author"] = act.author
        call = self._call("message", fields, file)
        user.unread = 0
        message = self._remember(user, {"from": "operator", "text": text, "files": shown, "state": "sending"})
        async with user.lock:
            said = await self.kit.hooks.ask(call)
            if self.kit.switches.twice:
                await self.kit.hooks.ask(call)
        state = "sent" if said.status == 200 else "refused"
        message.update(state=state, status=said.status, answer=_sentence(said.words))
        self.kit.hub.publish("message", message)
        return {"id": message["id"], "state": state, "status": said.status, "answer": message["answer"]}

    def _file(self, given: AnswerFile) -> tuple[HookFile, list[dict[str, Any]]]:
        try:
            data = base64.b64decode(given.data, validate=True)
        except (binascii.Error, ValueError):
            raise ActionError("The file's data must be base64.") from None
        file = StoredFile(name=given.name, mime=given.mime, data=data)
        shown = {**_shown(file), "url": self._keep(file), "how": "attach", "size": len(data)}
        return HookFile(field="attach", filename=given.name, mime=given.mime, body=data), [shown]

    async def ask(self, act: AskAbout) -> dict[str, Any]:
        """The `user` and `media` webhooks; gives the user's card with what was answered."""
        user = self.users.get(str(act.user_id))
        if user is None:
            raise ActionError(f"There is no user {act.user_id} here yet.")
        await self._ask(user)
        return user.card()

    async def _ask(self, user: User) -> None:
        fields = {"user_id": int(user.id)}
        info = await self.kit.hooks.ask(self._call("user", fields))
        media = await self.kit.hooks.ask(self._call("media", fields))
        user.trouble = ""
        try:
            if info.status != 200 or media.status != 200:
                wrong = info if info.status != 200 else media
                raise ValueError(f"{wrong.status or 'No answer'}: {_sentence(wrong.words)}")
            user.info = _user_info(info.body)
            user.media = [self._of_address(url, "media", big) for url, big in _media(media.body)]
        except (ValueError, RecursionError) as e:
            user.trouble = str(e)
        self.kit.hub.publish("user", user.card())

    async def seen(self, act: Seen) -> dict[str, Any]:
        user = self.users.get(str(act.user_id))
        if user is not None and user.unread:
            user.unread = 0
            self.kit.hub.publish("user", user.card())
        return {"ok": user is not None}

    # --- files for the page -----------------------------------------------------------------------------------------

    async def get_file(self, request: web.Request) -> web.Response:
        """A file as the page may show it. Only addresses that the relay named are ever fetched."""
        file = self.files.get(request.match_info["id"])
        if file is None:
            raise web.HTTPNotFound(text="The panel no longer has this file.")
        data, mime = (file.data, file.mime) if file.data is not None else await self._fetch(file.url)
        mime = mime.partition(";")[0].strip().lower()
        shown = _SHOWN.fullmatch(mime) is not None
        name = re.sub(r"[^\w.-]+", "_", file.name)[:100] or "file"
        return web.Response(
            body=data,
            content_type=mime if shown else "application/octet-stream",
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Content-Disposition": "inline" if shown else f'attachment; filename="{name}"',
                "Cache-Control": "private, max-age=3600",
            },
        )

    async def _fetch(self, url: str) -> tuple[bytes, str]:
        if self.kit.options.fetch is None:
            raise web.HTTPBadGateway(text="This sandbox fetches no files.")
        try:
            file = await self.kit.options.fetch(url, FETCH_BYTES)
        except FetchRefused as e:
            raise web.HTTPBadGateway(text=f"The file cannot be fetched: {e}") from None
        return file.body, file.mime


def _shown(file: StoredFile) -> dict[str, Any]:
    kind = MediaKind.of_mime(file.mime) if file.mime else MediaKind.FILE
    if kind is MediaKind.FILE:
        kind = _BY_SUFFIX.get(file.name.rpartition(".")[2].lower(), MediaKind.FILE)
    return {"name": file.name, "kind": kind.value}


def _sentence(words: str) -> str:
    """What the relay answered, for the operator: the sentence of its JSON, else its words."""
    try:
        value = json.loads(words)
    except (ValueError, RecursionError):
        return words
    if isinstance(value, dict):
        return str(value.get("error") or "") if not value.get("ok") else ""
    return words


def _user_info(body: bytes) -> dict[str, Any]:
    """The `user` answer in the documented types; missing and null fields are empty. Raises ValueError."""
    value = json.loads(body)
    if not isinstance(value, dict) or not isinstance(value.get("id"), int):
        raise ValueError("The relay's answer about this user has no integer id.")
    words = {name: str(value.get(name) or "") for name in ("name", "gender", "avatar", "balance", "location", "about")}
    custom = value.get("custom")
    pairs = [
        {"name": str(item.get("name", "")), "value": str(item.get("value", ""))}
        for item in (custom if isinstance(custom, list) else [])
        if isinstance(item, dict)
    ]
    return {"id": value["id"], **words, "custom": pairs}


def _media(body: bytes) -> list[tuple[str, str]]:
    """[(url, big)] of the `media` answer. Raises ValueError."""
    value = json.loads(body)
    media = value.get("media") if isinstance(value, dict) else None
    if not isinstance(media, list):
        raise ValueError("The relay's answer about this user's media has no array `media`.")
    pairs = [(str(item.get("url", "")), str(item.get("big", ""))) for item in media if isinstance(item, dict)]
    return [(url, big) for url, big in pairs if urlsplit(url).scheme in ("http", "https")]


def build(options: SandboxOptions) -> Sandbox:
    return Panel(options).kit.sandbox()
