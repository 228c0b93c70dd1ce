"""The Bot API for one bot, as its server behaves: query, form, JSON and multipart; hooks with the secret header, or
long polling with its conflicts; refusals in the server's own words."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import deque
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import Field

from bridges.sandbox_kit import ActionModel, HookCall, SandboxKit, SandboxSwitches, json_response
from bridges.telegram.settings import SANDBOX_CHAT, TelegramDeskSettings, TelegramSettings
from relay.contract import Sandbox, SandboxOptions
from relay.contract.model import Role

MAX_MESSAGES = 1000
BOT_ID = 100001
ANNA = 555
_FILES = {"sendphoto": "photo", "sendvideo": "video", "sendaudio": "audio", "senddocument": "document"}


class Switches(SandboxSwitches):
    """What can go wrong at Telegram."""

    busy: int = Field(0, ge=0, le=1000, title="429 for the next", description="With retry_after in the body.")
    retry_after_s: int = Field(3, ge=1, le=600, title="… for, s")
    blocked: bool = Field(False, title="Blocked", description="The person blocked the bot, or the group removed it.")
    broken: bool = Field(False, title="Answer 502 with a page")
    privacy: bool = Field(False, title="Privacy mode", description="A bot in a group sees only commands.")


class Write(ActionModel):
    """A person writes: in private (channel) or in the group (desk)."""

    text: str = Field(max_length=4096)
    user: int = ANNA
    name: str = Field("Anna", max_length=64)


class Photo(ActionModel):
    """A person sends a photo."""

    caption: str = Field("", max_length=1024)
    user: int = ANNA


class No(Exception):
    """A refusal of the server."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None) -> None:
        self.code, self.description, self.parameters = code, description, parameters
        super().__init__(description)


class Far:
    """One bot's world: one group, and whoever writes in private."""

    def __init__(self, options: SandboxOptions, role: Role) -> None:
        assert isinstance(options.settings, TelegramSettings | TelegramDeskSettings)
        self.role = role
        self.token = options.settings.token.get_secret_value()
        self.group = options.settings.chat if isinstance(options.settings, TelegramDeskSettings) else SANDBOX_CHAT
        # As a deployment finds it after `provision`.
        self.first_hook = options.hooks.get("", "") if options.settings.receive == "webhook" else ""
        self.first_secret = options.settings.hook_secret
        self.kit = SandboxKit(
            options,
            title="Telegram group" if role is Role.DESK else "Telegram bot",
            intro="The Bot API for one bot. Write to it as a person.",
            switches=Switches(),
            page_dir=Path(__file__).parent / "page",
            state=self.state,
            reset=self.reset,
        )
        self.reset()
        self.kit.action("write", Write, self.write)
        self.kit.action("photo", Photo, self.photo)
        self.kit.app.router.add_route("*", "/bot{token}/{method}", self.method)

    def reset(self) -> None:
        self.messages: deque[dict[str, Any]] = deque(maxlen=MAX_MESSAGES)
        self.updates: deque[dict[str, Any]] = deque(maxlen=MAX_MESSAGES)
        self.numbers = itertools.count(1)
        self.update_numbers = itertools.count(1)
        self.hook, self.secret = self.first_hook, self.first_secret
        self.news = asyncio.Event()
        self.polling = 0

    def state(self, for_page: bool) -> dict[str, Any]:
        return {"role": self.role.value, "messages": list(self.messages), "webhook": self.hook}

    # the API

    async def method(self, request: web.Request) -> web.Response:
        """Any method, in any case, by any of the four encodings."""
        if self.kit.switches.broken:
            return web.Response(text="<html><body>502 Bad Gateway</body></html>", status=502, content_type="text/html")
        try:
            if request.match_info["token"] != self.token:
                raise No(401, "Unauthorized")
            name = request.match_info["method"].lower()
            handler = getattr(self, f"do_{name}", None)
            if handler is None and name in _FILES:
                handler = self.send_file
            if handler is None:
                raise No(404, "Not Found")
            fields = await _fields(request)
            return json_response({"ok": True, "result": await handler({**fields, "_method": name})})
        except No as e:
            answer: dict[str, Any] = {"ok": False, "error_code": e.code, "description": e.description}
            if e.parameters:
                answer["parameters"] = e.parameters
            return json_response(answer, e.code)

    async def do_getme(self, fields: dict[str, Any]) -> Any:
        return {
            "id": BOT_ID,
            "is_bot": True,
            "first_name": "Relay",
            "username": "relay_sandbox_bot",
            "can_join_groups": True,
            "can_read_all_group_messages": not self.kit.switches.privacy,
            "supports_inline_queries": False,
        }

    async def do_getchat(self, fields: dict[str, Any]) -> Any:
        return {**self.chat(fields), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {}}

    async def do_setwebhook(self, fields: dict[str, Any]) -> Any:
        self.hook, self.secret = str(fields.get("url", "")), str(fields.get("secret_token", ""))
        return True

    async def do_deletewebhook(self, fields: dict[str, Any]) -> Any:
        self.hook = self.secret = ""
        return True

    async def do_getwebhookinfo(self, fields: dict[str, Any]) -> Any:
        waiting = len(self.updates) if not self.hook else 0
        return {"url": self.hook, "has_custom_certificate": False, "pending_update_count": waiting}

    async def do_getupdates(self, fields: dict[str, Any]) -> Any:
        if self.hook:
            raise No(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete "
                     "the webhook first")  # fmt: skip
        if offset := int(fields.get("offset") or 0):
            while self.updates and self.updates[0]["update_id"] < offset:
                self.updates.popleft()
        self.polling += 1
        mine = self.polling
        until = time.monotonic() + min(50, int(fields.get("timeout") or 0))
        while not self.updates and (left := until - time.monotonic()) > 0:
            self.news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), min(left, 0.5))
            if self.polling != mine:
                raise No(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance "
                         "is running")  # fmt: skip
        return list(self.updates)[: int(fields.get("limit") or 100)]

    async def do_sendmessage(self, fields: dict[str, Any]) -> Any:
        text = str(fields.get("text", "")).strip()
        chat = self.checked(fields)
        if not text:
            raise No(400, "Bad Request: message text is empty")
        if len(text) > 4096:
            raise No(400, "Bad Request: message is too long")
        return self.keep(chat, {"text": text}, fields)

    async def send_file(self, fields: dict[str, Any]) -> Any:
        kind = _FILES[fields["_method"]]
        chat = self.checked(fields)
        file = fields.get(kind)
        caption = str(fields.get("caption", ""))
        if len(caption) > 1024:
            raise No(400, "Bad Request: message caption is too long")
        if not file:
            raise No(400, f"Bad Request: there is no {kind} in the request")
        size = len(file["data"]) if isinstance(file, dict) else 0
        made: dict[str, Any] = {
            "file_id": f"f{time.time_ns():x}",
            "file_unique_id": f"u{time.time_ns():x}",
            "file_size": size,
        }
        if kind == "photo":
            shown: Any = [{**made, "width": 90, "height": 90}]
        elif kind == "video":
            shown = {**made, "width": 90, "height": 90, "duration": 1}
        elif kind == "audio":
            shown = {**made, "duration": 1}
        else:
            shown = {**made, "file_name": file["name"] if isinstance(file, dict) else "file"}
        return self.keep(chat, {kind: shown, **({"caption": caption} if caption else {})}, fields)

    async def do_deletemessage(self, fields: dict[str, Any]) -> Any:
        return self.forget({int(fields.get("message_id") or 0)}, fields) or self.missing()

    async def do_deletemessages(self, fields: dict[str, Any]) -> Any:
        self.forget(set(map(int, fields.get("message_ids") or [])), fields)
        return True

    def missing(self) -> Any:
        raise No(400, "Bad Request: message to delete not found")

    def forget(self, ids: set[int], fields: dict[str, Any]) -> bool:
        chat = self.chat(fields)["id"]
        gone = [m for m in self.messages if m["chat"]["id"] == chat and m["message_id"] in ids]
        for message in gone:
            self.messages.remove(message)
        self.kit.hub.publish("resync")
        return bool(gone)

    def chat(self, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            number = int(fields.get("chat_id", ""))
        except (TypeError, ValueError):
            raise No(400, "Bad Request: chat not found") from None
        if number == self.group:
            return {"id": number, "type": "supergroup", "title": "Colleagues"}
        if number <= 0:
            raise No(400, "Bad Request: chat not found")
        return {"id": number, "type": "private", "first_name": "Anna"}

    def checked(self, fields: dict[str, Any]) -> dict[str, Any]:
        switches = self.kit.switches
        chat = self.chat(fields)
        if switches.busy > 0:
            self.kit.change_switches({"busy": switches.busy - 1})
            wait = switches.retry_after_s
            raise No(429, f"Too Many Requests: retry after {wait}", {"retry_after": wait})
        if switches.blocked:
            private = chat["type"] == "private"
            raise No(403, "Forbidden: bot was blocked by the user" if private
                     else "Forbidden: bot was kicked from the supergroup chat")  # fmt: skip
        return chat

    def keep(self, chat: dict[str, Any], content: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        sender = {"id": BOT_ID, "is_bot": True, "first_name": "Relay", "username": "relay_sandbox_bot"}
        message = {"message_id": next(self.numbers), "from": sender, "chat": chat, "date": int(time.time()), **content}
        shown = dict(message)
        if markup := fields.get("reply_markup"):
            shown["reply_markup"] = markup
        self.messages.append(shown)
        self.kit.hub.publish("message", shown)
        return message

    # people

    async def write(self, act: Write) -> dict[str, Any]:
        return self.say(act.user, act.name, {"text": act.text})

    async def photo(self, act: Photo) -> dict[str, Any]:
        photo = [{"file_id": "p1", "file_unique_id": "p1", "width": 90, "height": 90, "file_size": 1000}]
        return self.say(act.user, "Anna", {"photo": photo, **({"caption": act.caption} if act.caption else {})})

    def say(self, user: int, name: str, content: dict[str, Any]) -> dict[str, Any]:
        group = self.role is Role.DESK
        message = {
            "message_id": next(self.numbers),
            "from": {"id": user, "is_bot": False, "first_name": name, "username": name.lower()},
            "chat": {"id": self.group, "type": "supergroup", "title": "Colleagues"}
            if group
            else {"id": user, "type": "private", "first_name": name},
            "date": int(time.time()),
            **content,
        }
        self.messages.append(message)
        self.kit.hub.publish("message", message)
        if group and self.kit.switches.privacy and not str(content.get("text", "")).startswith("/"):
            return {"message_id": message["message_id"]}
        update = {"update_id": next(self.update_numbers), "message": message}
        if self.hook:
            headers = (("X-Telegram-Bot-Api-Secret-Token", self.secret),) if self.secret else ()
            lane = str(message["chat"]["id"])
            self.kit.hooks.send(HookCall(url=self.hook, label="message", headers=headers, json=update, lane=lane))
        else:
            self.updates.append(update)
            self.news.set()
        return {"message_id": message["message_id"]}


async def _fields(request: web.Request) -> dict[str, Any]:
    """Query and body together; what is a JSON string in a form becomes what it says."""
    fields: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        value = json.loads(await request.read() or b"{}")
        return {**fields, **value}
    for name, item in (await request.post()).items():
        if isinstance(item, web.FileField):
            fields[name] = {"name": item.filename, "mime": item.content_type, "data": item.file.read()}
        else:
            fields[name] = item
    for name, item in fields.items():
        if isinstance(item, str) and item[:1] in ("{", "["):
            with contextlib.suppress(ValueError):
                fields[name] = json.loads(item)
    for name, item in list(fields.items()):  # "attach://file0" names another part of the form
        if isinstance(item, str) and item.startswith("attach://"):
            fields[name] = fields.get(item.removeprefix("attach://"))
    return fields


def build(options: SandboxOptions, role: Role) -> Sandbox:
    return Far(options, role).kit.sandbox()
