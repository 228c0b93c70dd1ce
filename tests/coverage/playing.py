"""A sandbox over real HTTP as a deployment mounts it, with everything that makes each documented method succeed and
each documented event come."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

import bridges
from bridges.astrak.client import AstrakClient
from bridges.operator.client import OperatorClient
from bridges.team.settings import SANDBOX_GROUP, SANDBOX_TEAM, SANDBOX_TOKEN
from bridges.team.shapes import Device
from relay.contract import Bridge, ContactProfile, RawRequest, SandboxOptions
from relay.contract.model import Attachment, Contact, Event, MediaKind
from relay.contract.signatures import sign_standard
from tests.bridges.support import SessionHttp, context, fetch_anywhere
from tests.harness import ROOT, free_port, until

BRIDGES: dict[str, type[Bridge[Any]]] = {bridge.spec.kind: bridge for bridge in bridges.ALL}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "insta": {},
    "operator": {},
    "team": {"token": SANDBOX_TOKEN, "team": SANDBOX_TEAM},
    "astrak": {},
    "webhook": {},
    "webhook_desk": {},
    "telegram": {},
    "telegram_desk": {},
}
PHONE = "+7 (916) 6660002"  # the document's
BUSINESS_PHONE, NEW_PHONE = "+79160000001", "+79160000002"
ANNA_ASTRAK = 2  # the sandbox's first customer; 1 is the business account


class People:
    """A `Lookup` that knows one contact."""

    async def profile(self, contact_id: int) -> ContactProfile | None:
        return ContactProfile(contact=Contact(id=contact_id, channel="shop", remote_id="1", username="anna"))

    async def media(self, contact_id: int, limit: int = 100) -> Sequence[Attachment]:
        return [Attachment(kind=MediaKind.IMAGE, url="https://cdn.example.com/1.jpg")]


@dataclass
class Playing:
    """One sandbox, one account at it, and all hooks that came so far, as the core would hand them to the bridge."""

    kind: str
    url: str
    hook: str
    bridge: Any
    session: aiohttp.ClientSession
    http: SessionHttp
    hooks: list[RawRequest] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)  # arguments by name

    async def act(self, name: str, /, **arguments: Any) -> Any:
        return await self._post(f"act/{name}", arguments)

    async def switch(self, **changes: Any) -> None:
        await self._post("switches", changes)

    async def reset(self) -> None:
        """As if just started."""
        await self._post("reset", {})
        self.hooks.clear()
        self.known.clear()

    async def state(self) -> Any:
        async with self.session.get(f"{self.url}/_sandbox/state") as answer:
            return await answer.json()

    async def _post(self, path: str, value: Any) -> Any:
        async with self.session.post(f"{self.url}/_sandbox/{path}", json=value) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    def client(self) -> Any:
        """The client class over this sandbox."""
        if self.kind == "operator":
            return OperatorClient(self.http, self.url, self.bridge.settings.token.get_secret_value())
        if self.kind == "astrak":
            return AstrakClient(self.http, self.url)
        return self.bridge.client(self.http)

    def events(self, request: RawRequest) -> Sequence[Event]:
        """What the bridge makes of a hook."""
        found: Sequence[Event] = self.bridge.parse(self.bridge.verify(request))
        return found

    async def take(self, request: web.Request) -> web.Response:
        """The relay's hook addresses."""
        form: tuple[tuple[str, str], ...] = ()
        body = b""
        if request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
            form = tuple((k, v) for k, v in (await request.post()).items() if isinstance(v, str))
        else:
            body = await request.read()
        raw = RawRequest(
            method="POST",
            tail=request.match_info["tail"].replace("secret", "<secret>"),
            headers={k.lower(): v for k, v in request.headers.items()},
            query=dict(request.query),
            body=body,
            content_type=request.content_type,
            form=form,
            received_at=time.time(),
        )
        self.hooks.append(raw)
        if self.kind == "operator" and self.bridge.answers(raw.tail):
            status, value = await self.bridge.answer(self.bridge.verify(raw), People())
            return web.json_response(value, status=status)
        return web.json_response({"ok": True})


@contextlib.asynccontextmanager
async def playing(kind: str) -> AsyncIterator[Playing]:
    """A fresh sandbox of that kind."""
    bridge = BRIDGES[kind]
    settings = bridge.spec.settings.model_validate({"kind": kind, "url": "sandbox", **ACCOUNTS[kind]})
    url = f"http://127.0.0.1:{free_port()}/sandbox/desk"
    relay = web.Application()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        made = Playing(kind, url, "", bridge(settings, context("desk", url)), session, SessionHttp(session))
        relay.router.add_post("/hooks/desk{slash:/?}{tail:.*}", made.take)
        async with TestServer(relay) as hooks:
            made.hook = str(hooks.make_url("/hooks/desk"))
            addresses = {tail: f"{made.hook}/{tail.strip('<>')}" if tail else made.hook for tail in bridge.spec.hooks}
            options = SandboxOptions(
                name="desk",
                base_url=url,
                settings=settings,
                hooks=addresses,
                seed=1,
                fetch=fetch_anywhere,
                posts_to=lambda _: True,  # of tests alone: relays that know this sandbox as another's server
            )
            app = web.Application()
            app.add_subapp("/sandbox/desk", bridge.sandbox(options).app)
            async with TestServer(app, port=int(url.split(":")[2].split("/")[0])):
                yield made


# --- what methods need ----------------------------------------------------------------------------------------------


def _picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (400, 300), "navy").save(made, "PNG")
    return made.getvalue()


async def _prepare_insta(p: Playing) -> None:
    customer = (await p.state())["customers"][0]
    p.known |= {
        "username": customer["username"],
        "user_id": customer["id"],
        "url": f"{p.hook}/secret",
        "caption": "Пример текста",
    }


async def _prepare_operator(p: Playing) -> None:
    p.known |= {"user_id": 42, "contact_id": 7, "message": "Hello"}


async def _prepare_team(p: Playing) -> None:
    client = p.client()
    device = await client.save_device(Device(device_id="ABA-f923727d4093", name="ХромЪ", type="web"))
    integration = await client.create_integration(SANDBOX_TEAM, group=SANDBOX_GROUP)
    invitation = await client.create_invitation(SANDBOX_TEAM)
    qr = await client.qr_login()
    sent = await client.sms_login(PHONE)
    (code,) = [one["code"] for one in (await p.state())["sms"] if one["phone"] == sent.phone]
    p.known |= {
        "phone": PHONE,
        "code": code,
        "temp_token": qr.temp_token,
        "device": device,
        "device_id": device.device_id,
        "name": "иное название",
        "settings": {"zzzz": [1, 2, 3]},
        "contacts": [{"phones": ["+79162255059"]}],
        "team_uid": SANDBOX_TEAM,
        "uid": integration.uid,
        "invitation": invitation,
        "token": invitation.token,
        "image": _picture(),
        "to": SANDBOX_GROUP,
        "text": "пыщ!",
        "key": p.bridge.settings.keys[0],
        "message": "Ваше сообщение",
    }


async def _prepare_astrak(p: Playing) -> None:
    client = p.client()
    settings = p.bridge.settings
    login = await client.login(settings.username, settings.password.get_secret_value())
    await client.register("unconfirmed", "long enough", BUSINESS_PHONE)
    (code,) = [u["sms"] for u in (await p.state())["users"] if u["username"] == "unconfirmed"]
    await p.act("write", from_id=ANNA_ASTRAK, text="something to poll and to list")
    await client.send(login.token, str(ANNA_ASTRAK), "to be deleted")
    ours = [m["id"] for m in (await p.state())["messages"] if m["from_id"] == login.id]
    p.known |= {
        "token": login.token,
        "callback": f"{p.hook}/secret",
        "to": str(ANNA_ASTRAK),
        "user_id": str(ANNA_ASTRAK),
        "text": "Hello",
        "message_id": str(ours[-1]),
        "code": code,
        "phone": BUSINESS_PHONE,
        "username": settings.username,
        "password": settings.password.get_secret_value(),
    }


async def _prepare_webhook(p: Playing) -> None:
    data = {"conversation": {"id": 42, "channel": "desk"}, "text": "Hello"}
    p.known |= {"event_id": "evt_1", "kind": "message.created", "data": data, "at": "2026-11-28T08:00:00Z"}


async def _prepare_telegram(p: Playing) -> None:
    chat = p.bridge.chat or 555
    sent = await p.client().send_message(chat, "to be deleted")
    p.known |= {
        "url": p.hook,
        "secret_token": p.bridge.settings.hook_secret,
        "chat_id": chat,
        "text": "Hello",
        "message_id": sent["message_id"],
    }


PREPARE: dict[str, Callable[[Playing], Awaitable[None]]] = {
    "insta": _prepare_insta,
    "operator": _prepare_operator,
    "team": _prepare_team,
    "astrak": _prepare_astrak,
    "webhook": _prepare_webhook,
    "webhook_desk": _prepare_webhook,
    "telegram": _prepare_telegram,
    "telegram_desk": _prepare_telegram,
}
# Arguments that mean something else for one method than for the others, by (client method, argument).
INSTEAD: dict[tuple[str, str], Callable[[Playing], Any]] = {
    ("invitation", "uid"): lambda p: p.known["invitation"].uid,
    ("delete_invitation", "uid"): lambda p: p.known["invitation"].uid,
    ("register", "username"): lambda p: "newcomer",
    ("register", "password"): lambda p: "long enough",
    ("register", "phone"): lambda p: NEW_PHONE,
}


# --- how events come ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Has the sandbox send an event; `shows` tells it among all hooks."""

    act: Callable[[Playing], Awaitable[Any]]
    shows: Callable[[RawRequest], bool]

    async def __call__(self, p: Playing) -> RawRequest:
        await self.act(p)
        found: RawRequest = await until(
            lambda: next((hook for hook in p.hooks if self.shows(hook)), None), what="the sandbox sent it"
        )
        return found


def _insta_shows(name: str, mime: str = "", status: str = "") -> Callable[[RawRequest], bool]:
    def shows(hook: RawRequest) -> bool:
        event = hook.json()["event"]
        properties = event["properties"]
        content = properties.get("content", {})
        return bool(
            event["name"] == name
            and content.get("mimeType", "").startswith(mime)
            and properties.get("status", "") == status
        )

    return shows


def _customer_acts(action: str, **arguments: Any) -> Callable[[Playing], Awaitable[Any]]:
    async def act(p: Playing) -> None:
        await p.act(action, customer_id=(await p.state())["customers"][0]["id"], **arguments)

    return act


def _reports(status: str) -> Callable[[Playing], Awaitable[Any]]:
    async def act(p: Playing) -> None:
        await p.switch(auto_deliver=False)
        customer = (await p.state())["customers"][0]
        await p.client().send_message(username=customer["username"], user_id=customer["id"], caption="Hello")
        await p.act("report", message_id=(await p.state())["messages"][-1]["id"], status=status)

    return act


async def _say(p: Playing) -> None:
    await p.act("say", text="#1 hello")


async def _answer(p: Playing) -> None:
    await p.act("answer", user_id=42, text="Good day", bot_id=7)


async def _ask(p: Playing) -> None:
    await p.client().message_sent(user_id=42, contact_id=7, message="Hello")
    await p.act("ask", user_id=42)


async def _callback(p: Playing) -> None:
    settings, client = p.bridge.settings, p.client()
    login = await client.login(settings.username, settings.password.get_secret_value())
    await client.start_callback(login.token, f"{p.hook}/secret")


async def _write(p: Playing) -> None:
    await _callback(p)
    await p.act("write", from_id=ANNA_ASTRAK, text="this is a new message!")


async def _take_callback(p: Playing) -> None:
    await _callback(p)
    await p.act("take_callback")


def _astrak_shows(kind: str) -> Callable[[RawRequest], bool]:
    def shows(hook: RawRequest) -> bool:
        return (hook.field("type") or (hook.json()["type"] if hook.body else "")) == kind

    return shows


def _webhook_shows(kind: str) -> Callable[[RawRequest], bool]:
    return lambda hook: hook.json().get("type") == kind


def _webhook_acts(action: str, **arguments: Any) -> Callable[[Playing], Awaitable[Any]]:
    async def act(p: Playing) -> None:
        await p.act(action, **arguments)

    return act


PLAYS: dict[str, Play] = {
    "telegram message": Play(_webhook_acts("write", text="Hello"), lambda hook: "message" in hook.json()),
    "telegram answer": Play(_webhook_acts("write", text="#42 Yes"), lambda hook: "message" in hook.json()),
    "webhook message": Play(_webhook_acts("write", user="u7", text="Hello"), _webhook_shows("message.created")),
    "webhook status": Play(_webhook_acts("status", id="1", status="read"), _webhook_shows("message.status")),
    "webhook simple": Play(
        _webhook_acts("write", user="u7", text="Hello", simple=True), lambda hook: hook.tail == "<secret>"
    ),
    "webhook answer": Play(_webhook_acts("write", user="42", text="Yes"), _webhook_shows("message.created")),
    "webhook closed": Play(_webhook_acts("close", number=42), _webhook_shows("conversation.closed")),
    "insta text": Play(_customer_acts("write", text="Отправленный текст"), _insta_shows("incomingMessage")),
    "insta image": Play(_customer_acts("send", what="photo"), _insta_shows("incomingMessage", "image/")),
    "insta video": Play(_customer_acts("send", what="film"), _insta_shows("incomingMessage", "video/")),
    "insta comment": Play(_customer_acts("comment", text="Комментарий"), _insta_shows("incomingComment")),
    "insta pending": Play(_reports("pending"), _insta_shows("whatsappSuccess", status="pending")),
    "insta delivered": Play(_reports("delivered"), _insta_shows("reportActionReceived", status="delivered")),
    "insta read": Play(_reports("read"), _insta_shows("reportActionExecuted", status="read")),
    "insta fail": Play(_reports("fail"), _insta_shows("errorActionFail", status="fail")),
    "operator message": Play(_answer, lambda hook: hook.tail == "message" and hook.field("message") == "Good day"),
    "operator user": Play(_ask, lambda hook: hook.tail == "user"),
    "operator media": Play(_ask, lambda hook: hook.tail == "media"),
    "team webhook": Play(_say, lambda hook: hook.field("text") == "#1 hello" and "key" in hook.headers),
    "astrak new_message": Play(_write, _astrak_shows("new_message")),
    "astrak callback_deprecated": Play(_take_callback, _astrak_shows("callback_deprecated")),
}


# --- the documents' own samples -------------------------------------------------------------------------------------

_FORM = "application/x-www-form-urlencoded"


def sample(name: str, p: Playing) -> RawRequest:
    """A documented payload as the core hands it over, with this account's proof."""
    kind, _, what = name.partition("/")
    if kind == "insta":
        body = Path(ROOT / "tests" / "bridges" / "insta" / "payloads" / f"{what}.json").read_bytes()
        return _hook("<secret>", body)
    if kind in ("webhook", "webhook_desk"):
        return _webhook_sample(what, p)
    if kind in ("telegram", "telegram_desk"):
        chat = p.bridge.chat
        message = {
            "message_id": 5,
            "from": {"id": 555, "is_bot": False, "first_name": "Anna"},
            "chat": {"id": chat, "type": "supergroup"} if chat else {"id": 555, "type": "private"},
            "date": 1700000001,
            "text": "#42 Yes" if chat else "hi",
        }
        proof = {"x-telegram-bot-api-secret-token": p.bridge.settings.hook_secret}
        return _hook("", orjson.dumps({"update_id": 11, "message": message}), headers=proof)
    if kind == "astrak":
        event: dict[str, Any] = {"message_id": 12, "to_id": 1, "from_id": 2, "created_at": 1581110027}
        event["text"] = "this is a new message!"
        if what == "callback_deprecated":
            event = {"old": "https://10.0.0.1:80/", "new": "https://10.0.0.2:80/"}
        return _hook("<secret>", orjson.dumps({"type": what, "event": event}))
    if kind == "team":
        fields = {
            "chat": SANDBOX_GROUP,
            "chat_display_name": "Sales",
            "created": "2019-09-27T01:00:04.005231Z",
            "sender": "d-a2d94e8e-74aa-4b0b-b55d-0b4fc1ce07f4",
            "sender_display_name": "Контакт №2",
            "text": "#42 hello",
        }
        return _hook("", form=fields, headers={"key": p.bridge.settings.keys[0]})
    fields = {"token": p.bridge.settings.webhook_token.get_secret_value(), "user_id": "7"}
    if what == "message":
        fields |= {"contact_id": "42", "message": "Good day"}
    return _hook(what, form=fields)


_WEBHOOK_SAMPLES: dict[str, dict[str, Any]] = {
    "message": {"type": "message.created", "data": {"contact": {"id": "u7"}, "text": "Hello"}},
    "status": {"type": "message.status", "data": {"id": "1", "status": "read"}},
    "simple": {"user": "u7", "text": "Hello"},
    "answer": {"type": "message.created", "data": {"conversation": {"id": 42}, "text": "Yes"}},
    "closed": {"type": "conversation.closed", "data": {"conversation": {"id": 42}}},
}


def _webhook_sample(what: str, p: Playing) -> RawRequest:
    body = json.dumps(_WEBHOOK_SAMPLES[what]).encode()
    if what == "simple":
        return _hook("<secret>", body)
    at = int(time.time())
    signature = sign_standard(p.bridge.settings.keys, "evt_1", at, body)
    proof = {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": signature}
    return _hook("", body, headers=proof)


def _hook(
    tail: str, body: bytes = b"", *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> RawRequest:
    return RawRequest(
        method="POST",
        tail=tail,
        headers=headers or {},
        query={},
        body=body or urlencode(form or {}).encode(),
        content_type=_FORM if form else "application/json",
        form=tuple((form or {}).items()),
        received_at=time.time(),
    )
