"""The Astrak messenger, played: every method of its API, and a page on which one is its users.

The wire is as the one client saw it (FACTS 3): forms, forms in the bodies of GETs, `code` below 0 for errors, tokens
that are JWTs with the password inside, one event a poll, and a page of the platform when a poll is idle for long. What
is documented nowhere (error codes, the answer to a message, the shape of `callback_deprecated`) is the sandbox's own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from pydantic import Field

from bridges.astrak.client import CALLBACK_SET, PASSWORD_MIN, USERNAME_MAX
from bridges.astrak.sandbox.presets import PRESETS
from bridges.astrak.settings import AstrakSettings
from bridges.sandbox_kit import (
    ActionError,
    ActionModel,
    HookCall,
    SandboxKit,
    SandboxSwitches,
    json_response,
    now_rfc3339,
)
from relay.contract import Sandbox, SandboxOptions

MAX_USERS = 300
MAX_MESSAGES = 20_000
MAX_EVENTS = 1000  # waiting for somebody's next poll
CUSTOMERS = ("anna", "boris", "Ольга")
BUSINESS_ID = 1

# The sandbox's own codes; the document names none below 0.
BAD_REQUEST, WRONG_LOGIN, DEAD_TOKEN, NO_SUCH_USER, NO_SUCH_MESSAGE, TOO_LONG, TAKEN, WRONG_CODE, SWITCHED = range(
    -1, -10, -1
)

PLATFORM_PAGE = """<!DOCTYPE html><html><head><title>Application error</title></head>
<body><p>An error occurred in the application and your page could not be served.</p></body></html>"""


class Switches(SandboxSwitches):
    """What can go wrong at the messenger."""

    get_body_only: bool = Field(
        True,
        title="GET: parameters in the body only",
        description="As the real server was seen to take them. Off: in the query, too.",
        json_schema_extra={"group": "API"},
    )
    check_by: Literal["both", "post", "get"] = Field(
        "both", title="users/check answers to", json_schema_extra={"group": "API"}
    )
    names_message_id: bool = Field(
        True,
        title="A sent message's id is answered",
        description="The document does not say what messages/send answers.",
        json_schema_extra={"group": "API"},
    )
    max_text: int = Field(
        4000, ge=10, le=1_000_000, title="Longest text", description="Characters.", json_schema_extra={"group": "API"}
    )
    failing: int = Field(0, ge=0, le=100_000, title="Fail the next", json_schema_extra={"group": "API"})
    failing_as: Literal["negative_code", "html_503", "html_500", "html_200", "json_500"] = Field(
        "negative_code", title="… as", json_schema_extra={"group": "API"}
    )
    slow_s: float = Field(0.0, ge=0, le=120, title="Wait before answering, s", json_schema_extra={"group": "API"})
    hold_s: float = Field(25.0, ge=0, le=300, title="An idle poll is held, s", json_schema_extra={"group": "Events"})
    idle: Literal["html_503", "json_error"] = Field(
        "html_503", title="… and then answered", json_schema_extra={"group": "Events"}
    )
    lose_next: int = Field(
        0,
        ge=0,
        le=1000,
        title="Lose the next polled events",
        description="The connection drops as the event is answered.",
        json_schema_extra={"group": "Events"},
    )
    echo_own: bool = Field(
        True,
        title="Senders hear of their own messages",
        json_schema_extra={"group": "Events"},
    )
    callback_form: bool = Field(
        False, title="Callbacks are forms", description="Instead of JSON.", json_schema_extra={"group": "Events"}
    )
    callback_again: bool = Field(
        False,
        title="Repeat failed callbacks",
        description="Off: a callback that is not answered 2xx is lost.",
        json_schema_extra={"group": "Events"},
    )


class Write(ActionModel):
    """A customer writes to the business account. Without `text` the event has none."""

    from_id: int
    text: str | None = Field("", max_length=200_000)


class Join(ActionModel):
    """A new customer."""

    username: str = Field(min_length=1, max_length=USERNAME_MAX)


class TakeCallback(ActionModel):
    """Another server takes the business account's callback."""

    callback: str = Field("https://somebody.else.example/astrak/their-secret", max_length=2000)


class Nothing(ActionModel):
    """An action without arguments."""


class Refusal(Exception):
    """A "no" of the messenger: code below 0 and words."""

    def __init__(self, code: int, words: str) -> None:
        self.code = code
        self.words = words
        super().__init__(words)


@dataclass(slots=True)
class User:
    id: int
    username: str
    password: str
    phone: str = ""
    confirmed: bool = True
    sms: str = ""
    callback: str = ""
    tokens_from: int = 0  # tokens with a lower number are revoked
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


@dataclass(slots=True)
class Message:
    id: int
    from_id: int
    to_id: int
    created_at: int
    text: str | None
    read: bool = False
    at: str = ""

    def event(self) -> dict[str, Any]:
        """As in the document's sample; a message without text has no such field."""
        event = {
            "message_id": self.id,
            "to_id": self.to_id,
            "from_id": self.from_id,
            "created_at": self.created_at,
            "text": self.text,
        }
        return {k: v for k, v in event.items() if v is not None}


class Messenger:
    """The messenger's state and rules."""

    def __init__(self, options: SandboxOptions) -> None:
        if not isinstance(options.settings, AstrakSettings):
            raise TypeError("The Astrak sandbox needs an Astrak channel's settings.")
        self.settings = options.settings
        self.users: dict[int, User] = {}
        self.messages: OrderedDict[int, Message] = OrderedDict()
        self._next_user = BUSINESS_ID
        self._next_message = 1
        self._tokens = 0
        self.kit = SandboxKit(
            options,
            title=f"Astrak · {options.name}",
            intro="You are the users of the messenger; the business account answers through the relay.",
            switches=Switches(),
            presets=PRESETS,
            state=self.state,
            reset=self.reset,
            page_dir=Path(__file__).parent / "page",
        )
        seeded = hashlib.sha256(f"{options.name}/{options.seed}".encode()).digest()
        self._signing_key = os.urandom(32) if options.seed is None else seeded
        self._closing = False
        self.kit.hooks.pauses_s = ()
        self.kit.on_switches = self._switched
        self.kit.action("write", Write, self.write)
        self.kit.action("join", Join, self.join)
        self.kit.action("revoke", Nothing, self.revoke)
        self.kit.action("take_callback", TakeCallback, self.take_callback)
        for method, path, handler in (
            ("POST", "/users/register", self.register),
            ("POST", "/users/confirm", self.confirm),
            ("POST", "/users/login", self.login),
            ("*", "/users/check", self.check),
            ("POST", "/events/callback/start", self.callback_start),
            ("POST", "/events/polling", self.polling),
            ("POST", "/messages/send", self.send),
            ("GET", "/messages/dialogs", self.dialogs),
            ("GET", "/messages/dialog", self.dialog),
            ("POST", "/messages/delete", self.delete),
        ):
            self.kit.app.router.add_route(method, path, self._method(handler))
        self.kit.app.on_shutdown.append(self._let_go)
        self.reset()

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self, _for_page: bool) -> dict[str, Any]:
        """No password, no token, and of a callback only its host."""
        return {
            "business": BUSINESS_ID,
            "users": [self._card(user) for user in self.users.values()],
            "messages": [self._shown(m) for m in list(self.messages.values())[-1000:]],
        }

    def _card(self, user: User) -> dict[str, Any]:
        return {
            "id": user.id,
            "username": user.username,
            "confirmed": user.confirmed,
            "sms": user.sms,
            "callback": urlsplit(user.callback).netloc if user.callback else "",
            "polling": len(user.waiting),
        }

    def _shown(self, message: Message) -> dict[str, Any]:
        return {
            "id": message.id,
            "from_id": message.from_id,
            "to_id": message.to_id,
            "text": message.text,
            "at": message.at,
            "read": message.read,
        }

    def reset(self) -> None:
        for user in self.users.values():
            self._wake(user)
        self.users.clear()
        self.messages.clear()
        self._next_user, self._next_message = BUSINESS_ID, 1
        self._tokens += 1  # tokens from before a reset are dead
        self._add_user(self.settings.username, self.settings.password.get_secret_value())
        for name in CUSTOMERS:
            self._add_user(name, self.kit.ids.hex(16))

    def _add_user(self, username: str, password: str, phone: str = "") -> User:
        while len(self.users) >= MAX_USERS:
            self.users.pop(next(i for i in self.users if i != BUSINESS_ID))
        user = User(id=self._next_user, username=username, password=password, phone=phone)
        user.tokens_from = self._tokens + 1
        self._next_user += 1
        self.users[user.id] = user
        return user

    @property
    def business(self) -> User:
        return self.users[BUSINESS_ID]

    def _publish(self, user: User) -> None:
        self.kit.hub.publish("user", self._card(user))

    def _switched(self) -> None:
        self.kit.hooks.pauses_s = (1.0, 5.0, 15.0, 60.0) if self.kit.switches.callback_again else ()

    async def _let_go(self, _: web.Application) -> None:
        self._closing = True
        for user in self.users.values():
            self._wake(user)

    # --- tokens -----------------------------------------------------------------------------------------------------

    def _token(self, user: User) -> str:
        """HS256, the password inside, no expiry: as real ones are. `n` makes each one different."""
        self._tokens += 1
        inner = {"id": user.id, "username": user.username, "password": user.password}
        head = _b64(b'{"alg":"HS256","typ":"JWT"}')
        body = _b64(json.dumps({"user": inner, "iat": int(time.time()), "n": self._tokens}).encode())
        return f"{head}.{body}.{self._signature(f'{head}.{body}')}"

    def _signature(self, signed: str) -> str:
        return _b64(hmac.new(self._signing_key, signed.encode(), hashlib.sha256).digest())

    def _owner(self, token: str) -> User:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(signed).encode()):
            raise Refusal(DEAD_TOKEN, "Invalid token")
        claims = json.loads(_unb64(signed.partition(".")[2]))
        user = self.users.get(claims["user"]["id"])
        if user is None or claims["n"] < user.tokens_from or claims["user"]["password"] != user.password:
            raise Refusal(DEAD_TOKEN, "Invalid token")
        return user

    # --- one call ---------------------------------------------------------------------------------------------------

    def _method(
        self, handler: Callable[[web.Request, dict[str, str]], Awaitable[web.StreamResponse | dict[str, Any]]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            switches: Switches = self.kit.switches
            fields = await self._fields(request)
            if switches.slow_s:
                await asyncio.sleep(switches.slow_s)
            if switches.failing > 0:
                switches.failing -= 1
                self.kit.hub.publish("switches", switches.model_dump())
                return _failure(switches.failing_as)
            try:
                result = await handler(request, fields)
            except Refusal as e:
                return json_response({"code": e.code, "response": e.words})
            return json_response(result) if isinstance(result, dict) else result

        return answer

    async def _fields(self, request: web.Request) -> dict[str, str]:
        """The parameters: a form, for GETs too. Multipart is taken as well, JSON is not."""
        if request.content_type == "multipart/form-data":
            fields = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        elif request.content_type == "application/json":
            fields = {}  # the document shows JSON; the real server reads forms
        else:
            # aiohttp's own post() never reads the body of a GET.
            text = (await request.read()).decode("utf-8", "replace")
            fields = dict(parse_qsl(text, keep_blank_values=True))
        if request.method == "GET" and not self.kit.switches.get_body_only:
            fields = {**request.query, **fields}
        return fields

    # --- users ------------------------------------------------------------------------------------------------------

    async def register(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        username, password, phone = _needed(fields, "username", "password", "phone")
        if len(password) < PASSWORD_MIN:
            raise Refusal(BAD_REQUEST, f"Password must be at least {PASSWORD_MIN} characters")
        if len(username) > USERNAME_MAX:
            raise Refusal(BAD_REQUEST, f"Username must be at most {USERNAME_MAX} characters")
        user = next((u for u in self.users.values() if u.username == username), None)
        if user is not None and (user.confirmed or user.password != password):
            raise Refusal(TAKEN, "Username is taken")
        if not re.fullmatch(r"\+?[0-9]{7,15}", phone):
            raise Refusal(BAD_REQUEST, "Wrong phone number")
        if user is None:
            user = self._add_user(username, password)
        # Again with another number: a new code is sent there.
        user.phone, user.confirmed, user.sms = phone, False, self.kit.ids.number(5)
        self._publish(user)
        return {"code": 1, "id": user.id, "token": self._token(user)}

    async def confirm(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        code, phone = _needed(fields, "code", "phone")
        user = next((u for u in self.users.values() if u.phone == phone and not u.confirmed), None)
        if user is None or not hmac.compare_digest(user.sms.encode(), code.encode("utf-8", "replace")):
            raise Refusal(WRONG_CODE, "Wrong code")
        user.confirmed, user.sms = True, ""
        self._publish(user)
        return {"code": 2, "response": "confirmed"}

    async def login(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        username, password = _needed(fields, "username", "password")
        user = next((u for u in self.users.values() if u.username == username), None)
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode("utf-8", "replace")):
            raise Refusal(WRONG_LOGIN, "Wrong username or password")
        if not user.confirmed:
            raise Refusal(WRONG_LOGIN, "Account is not confirmed")
        return {"code": 3, "token": self._token(user), "id": user.id, "username": user.username}

    async def check(self, request: web.Request, fields: dict[str, str]) -> web.StreamResponse | dict[str, Any]:
        allowed = {"post": ("POST",), "get": ("GET",)}.get(self.kit.switches.check_by, ("GET", "POST"))
        if request.method not in allowed:
            return web.Response(status=404, text=PLATFORM_PAGE, content_type="text/html")
        user = self._owner(fields.get("token", ""))
        return {"code": 4, "response": {"id": user.id, "username": user.username}}

    # --- events -----------------------------------------------------------------------------------------------------

    async def callback_start(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        user = self._owner(fields.get("token", ""))
        (callback,) = _needed(fields, "callback")
        self._set_callback(user, callback)
        return {"code": CALLBACK_SET, "response": "callback started"}

    def _set_callback(self, user: User, callback: str) -> None:
        old, user.callback = user.callback, callback
        if old and old != callback:
            event = {"old_callback": old, "new_callback": callback}
            self._post(user, old, {"type": "callback_deprecated", "event": event})
        self._publish(user)

    async def polling(self, request: web.Request, fields: dict[str, str]) -> web.StreamResponse | dict[str, Any]:
        user = self._owner(fields.get("token", ""))
        switches: Switches = self.kit.switches
        try:
            async with asyncio.timeout(switches.hold_s):
                while not user.events:
                    if self._closing:
                        return web.Response(status=503, text=PLATFORM_PAGE, content_type="text/html")
                    await self._next_event(user)
                    user = self._owner(fields.get("token", ""))  # revoked, or gone with a reset
        except TimeoutError:
            if switches.idle == "json_error":
                raise Refusal(SWITCHED, "The sandbox's switch says no") from None
            return web.Response(status=503, text=PLATFORM_PAGE, content_type="text/html")
        event = user.events.popleft()
        if switches.lose_next > 0:
            switches.lose_next -= 1
            self.kit.hub.publish("switches", switches.model_dump())
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return {"code": 5, **event}

    async def _next_event(self, user: User) -> None:
        waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        user.waiting.append(waits)
        self._publish(user)
        try:
            await waits
        finally:
            if waits in user.waiting:
                user.waiting.remove(waits)
            self._publish(user)

    def _wake(self, user: User) -> None:
        while user.waiting:
            waits = user.waiting.popleft()
            if not waits.done():
                waits.set_result(None)

    def _tell(self, user: User, event: dict[str, Any]) -> None:
        """By callback where there is one; else it waits for the next poll."""
        if user.callback:
            self._post(user, user.callback, event)
            return
        user.events.append(event)
        self._wake(user)

    def _post(self, user: User, url: str, event: dict[str, Any]) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            return  # "никто не запрещает просто написать туда произвольный текст"
        label, lane = str(event["type"]), f"user {user.id}"
        if self.kit.switches.callback_form:
            form = [("type", label), *((f"event[{k}]", str(v)) for k, v in event["event"].items())]
            self.kit.hooks.send(HookCall(url=url, label=label, lane=lane, form=tuple(form)))
        else:
            self.kit.hooks.send(HookCall(url=url, label=label, lane=lane, json=event))

    # --- messages ---------------------------------------------------------------------------------------------------

    async def send(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        user = self._owner(fields.get("token", ""))
        text, to = _needed(fields, "text", "to")
        if len(text) > self.kit.switches.max_text:
            raise Refusal(TOO_LONG, f"Text is longer than {self.kit.switches.max_text} characters")
        message = self._say(user, self._somebody(to), text)
        if not self.kit.switches.names_message_id:
            return {"code": 6, "response": "sent"}
        return {"code": 6, "response": {"message_id": message.id}}

    def _somebody(self, user_id: str) -> User:
        user = self.users.get(int(user_id)) if re.fullmatch(r"[0-9]{1,15}", user_id) else None
        if user is None:
            raise Refusal(NO_SUCH_USER, "No such user")
        return user

    def _say(self, sender: User, recipient: User, text: str | None) -> Message:
        message = Message(
            id=self._next_message,
            from_id=sender.id,
            to_id=recipient.id,
            created_at=int(time.time()),
            text=text,
            at=now_rfc3339(),
        )
        self._next_message += 1
        while len(self.messages) >= MAX_MESSAGES:
            self.messages.popitem(last=False)
        self.messages[message.id] = message
        self.kit.hub.publish("message", self._shown(message))
        event = {"type": "new_message", "event": message.event()}
        self._tell(recipient, event)
        if self.kit.switches.echo_own and sender is not recipient:
            self._tell(sender, event)
        return message

    async def dialogs(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        me = self._owner(fields.get("token", ""))
        dialogs: dict[int, dict[str, Any]] = {}
        for message in self.messages.values():
            if me.id not in (message.from_id, message.to_id):
                continue
            other = message.to_id if message.from_id == me.id else message.from_id
            unread = dialogs.get(other, {}).get("unread_count", 0)
            dialogs[other] = {
                "id": other,
                "username": self.users[other].username if other in self.users else "",
                "last_message": message.text or "",
                "time": message.created_at,
                "last_user": message.from_id,
                "unread_count": unread + (message.to_id == me.id and not message.read),
            }
        return {"code": 7, "response": sorted(dialogs.values(), key=lambda d: d["time"], reverse=True)}

    async def dialog(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        me = self._owner(fields.get("token", ""))
        other = self._somebody(_needed(fields, "id")[0])
        found = []
        for message in self.messages.values():
            if {message.from_id, message.to_id} == {me.id, other.id}:
                found.append({"read": message.read, **message.event(), "text": message.text or ""})
                if message.to_id == me.id and not message.read:
                    message.read = True
                    self.kit.hub.publish("message", self._shown(message))
        return {"code": 8, "response": found}

    async def delete(self, _: web.Request, fields: dict[str, str]) -> dict[str, Any]:
        me = self._owner(fields.get("token", ""))
        (message_id,) = _needed(fields, "message_id")
        message = self.messages.get(int(message_id)) if re.fullmatch(r"[0-9]{1,15}", message_id) else None
        if message is None or message.from_id != me.id:
            raise Refusal(NO_SUCH_MESSAGE, "No such message of yours")
        del self.messages[message.id]
        self.kit.hub.publish("deleted", {"id": message.id})
        return {"code": 9, "response": "deleted"}

    # --- what the page does -----------------------------------------------------------------------------------------

    async def write(self, act: Write) -> dict[str, Any]:
        sender = self.users.get(act.from_id)
        if sender is None or sender.id == BUSINESS_ID:
            raise ActionError(f"There is no customer {act.from_id}.")
        return self._shown(self._say(sender, self.business, act.text))

    async def join(self, act: Join) -> dict[str, Any]:
        if any(u.username == act.username for u in self.users.values()):
            raise ActionError(f"The name {act.username!r} is taken.")
        user = self._add_user(act.username, self.kit.ids.hex(16))
        self._publish(user)
        return self._card(user)

    async def revoke(self, _: Nothing) -> dict[str, Any]:
        """Every token of the business account dies; its password stays good."""
        self.business.tokens_from = self._tokens + 1
        self._wake(self.business)
        return {"ok": True}

    async def take_callback(self, act: TakeCallback) -> dict[str, Any]:
        self._set_callback(self.business, act.callback)
        return self._card(self.business)


def _needed(fields: dict[str, str], *names: str) -> tuple[str, ...]:
    missing = [name for name in names if not fields.get(name, "").strip()]
    if missing:
        raise Refusal(BAD_REQUEST, f"Missing: {', '.join(missing)}")
    return tuple(fields[name] for name in names)


def _failure(how: str) -> web.Response:
    if how == "negative_code":
        return json_response({"code": SWITCHED, "response": "The sandbox's switch says no"})
    if how == "json_500":
        return json_response({"error": "internal"}, 500)
    status = int(how.rpartition("_")[2])
    return web.Response(status=status, text=PLATFORM_PAGE, content_type="text/html")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def build(options: SandboxOptions) -> Sandbox:
    return Messenger(options).kit.sandbox()
