"""The Insta API as a sandbox: every documented method with its documented answers, and the phone of its customers.

`/{token}/{method}` is the API, `/` the page on which one writes as a customer and sees what the business answers, and
`_sandbox/...` what scripts and tests use (see `bridges.sandbox_kit`). Actions, all POST JSON to `_sandbox/act/<name>`:

=============  ====================================================  ===============================================
`customer`     {"username", "name"}                                  a new customer; answers {"id"}
`rename`       {"customer_id", "username"?, "name"?}                 names change, ids do not
`write`        {"customer_id", "text"}                               a direct message; answers {"id", "queue_id"}
`send`         {"customer_id", "what": photo|film|voice, "text"?}    a sample; or "href", "mime", "filename", "type"
`unknown`      {"customer_id", "type", "text"?, "with_file"?}        a message of a type nobody has documented
`comment`      {"customer_id", "text"}                               under the post; answers {"comment_id", "queue_id"}
`tap`          {"message_id", "option"}                              taps a quick-reply button
`open`         {"customer_id" or null}                               which conversation is on the screen: it is read
`report`       {"message_id", "status"}                              a report by hand: pending, delivered, read, fail
`webhook`      {"url"}                                               as setWebHook does
`raw`          {"body", "content_type"?}                             any body at all to the webhook
=============  ====================================================  ===============================================

`_sandbox/state` also has `arrivals`, every sendMsg as it came, and `requests`, how often each method was called.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

from bridges.insta.sandbox import sample_files
from bridges.insta.sandbox.models import (
    PRESETS,
    NewCustomer,
    Open,
    Raw,
    Rename,
    ReportByHand,
    ReportName,
    SendFile,
    SendUnknown,
    SetWebHook,
    Switches,
    Tap,
    Write,
)
from bridges.insta.settings import SANDBOX_TOKEN, InstaSettings
from bridges.insta.spec import SPEC
from bridges.sandbox_kit import (
    ActionError,
    HookCall,
    SandboxKit,
    json_response,
    now_rfc3339,
)
from relay.contract import Sandbox, SandboxOptions, http_address
from relay.contract.errors import FetchRefused
from relay.contract.model import MediaKind
from relay.fitting.texts import byte_length

LIMITS = SPEC.limits
MESSAGES_KEPT = 5000
MESSAGES_ON_PAGE = 1000
ARRIVALS_KEPT = 20_000
CUSTOMERS_KEPT = 5000
FILES_KEPT_BYTES = 96 * 1024 * 1024

# The document's own sample account. Customers have fixed ids, so that they stay the same people after a restart.
CHANNEL = {"id": "235", "user_id": "47367670531", "username": "getcourseru"}
OTHER_CHANNEL = {"id": "236", "user_id": "50012345678", "username": "somebody.else"}
BUSINESS_NAMES = {"en": "Lake Tours", "ru": "Туры на озеро"}
FIRST_CUSTOMERS = (("47367670001", "anna.travels", "Анна Кузнецова"), ("47367670002", "mike_torres", "Mike Torres"))
PHONE = "79955069706"  # device.mdn in the document's reports
NO_DATE = "2020-00-00T00:00:00+00:00"  # createdAt in the document's reports
MOSCOW = timezone(timedelta(hours=3))

REPORTS = {  # our word -> (event name, status)
    "pending": ("whatsappSuccess", "pending"),
    "delivered": ("reportActionReceived", "delivered"),
    "read": ("reportActionExecuted", "read"),
    "fail": ("errorActionFail", "fail"),
}
STATES = {"pending": "pending", "delivered": "delivered", "read": "read", "fail": "failed"}
RANK = {"queued": 0, "pending": 1, "delivered": 2, "read": 3, "failed": 4}
SAMPLES = {
    "photo": ("image", "image/jpeg", "пример.jpg"),
    "film": ("video", "video/mp4", "пример.mp4"),
    "voice": ("voice", "audio/wav", "голосовое.wav"),
}


class ApiError(Exception):
    """An answer of the API that says no."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        self.words = words
        super().__init__(words)


class InstaSandbox:
    """State and rules. Everything is kept in memory, within bounds."""

    def __init__(self, options: SandboxOptions) -> None:
        settings = options.settings
        token = settings.token.get_secret_value() if isinstance(settings, InstaSettings) else SANDBOX_TOKEN
        self.token = token
        self.kit = SandboxKit(
            options,
            title=f"Instagram · {options.name}",
            intro="You are the customer. What you write here reaches the relay as the Insta API would bring it.",
            switches=Switches(),
            presets=PRESETS,
            state=self.state,
            reset=self.begin,
            page_dir=Path(__file__).parent / "page",
        )
        self.switches: Switches = self.kit.switches
        self.hub, self.ids, self.hooks = self.kit.hub, self.kit.ids, self.kit.hooks
        self.hub.on_last_page_left = self._nobody_looks
        act = self.kit.action
        act("customer", NewCustomer, self.act_customer)
        act("rename", Rename, self.act_rename)
        act("write", Write, self.act_write)
        act("send", SendFile, self.act_send)
        act("unknown", SendUnknown, self.act_unknown)
        act("comment", Write, self.act_comment)
        act("tap", Tap, self.act_tap)
        act("open", Open, self.act_open)
        act("report", ReportByHand, self.act_report)
        act("webhook", SetWebHook, self.act_webhook)
        act("raw", Raw, self.act_raw)
        router = self.kit.app.router
        router.add_get("/_sandbox/files/{id}/{name}", self.get_file)
        router.add_route("*", "/{token}/{method}", self.api)
        self.begin()

    def begin(self) -> None:
        """The state of a fresh sandbox."""
        self.webhook = next((url for url in self.kit.options.hooks.values() if url), "")
        self.customers: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.messages: OrderedDict[str, dict[str, Any]] = OrderedDict()  # by our id, oldest first
        self.comments: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.arrivals: deque[dict[str, Any]] = deque(maxlen=ARRIVALS_KEPT)
        self.requests: Counter[str] = Counter()
        self.files: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self.open: str | None = None
        self._last_message = 0
        for user_id, username, name in FIRST_CUSTOMERS:
            self._add_customer(user_id, username, name)

    def state(self, for_page: bool) -> dict[str, Any]:
        shown = list(self.messages.values())
        shared = {
            "account": {**self._channel(), "name": BUSINESS_NAMES[self.kit.options.locale]},
            "webhook": self.webhook,
            "customers": list(self.customers.values()),
            "messages": shown[-MESSAGES_ON_PAGE:] if for_page else shown,
            "comments": list(self.comments.values()),
            "open": self.open,
        }
        return shared if for_page else {**shared, "arrivals": list(self.arrivals), "requests": dict(self.requests)}

    def _channel(self) -> dict[str, str]:
        return OTHER_CHANNEL if self.switches.other_account else CHANNEL

    # --- the documented API -----------------------------------------------------------------------------------------

    async def api(self, request: web.Request) -> web.StreamResponse:
        """One request of the API: first what a switch makes of it, then the token, then the method."""
        method = request.match_info["method"]
        self.requests[method] += 1
        switches = self.switches
        if switches.slow_s and not switches.slow_after:
            await asyncio.sleep(switches.slow_s)
        if switches.fail_next:
            switches.fail_next -= 1
            self.hub.publish("switches", switches.model_dump())
            headers = {"Retry-After": _header(switches.retry_after)} if switches.retry_after else None
            return json_response(_no("Временная ошибка сервера"), switches.fail_status, headers)
        if switches.html_next:
            switches.html_next -= 1
            self.hub.publish("switches", switches.model_dump())
            return web.Response(
                text="<!doctype html><title>Обслуживание</title><h1>Сервис временно недоступен</h1>",
                content_type="text/html",
                charset="utf-8",
            )
        try:
            if request.match_info["token"] != self.token or switches.token_rejected:
                raise ApiError(401, "Недействительный токен")
            if switches.unpaid == "402":
                raise ApiError(402, "Нет активных каналов (оплаченных или авторизованных)")
            answer = await self._method(method, request)
        except ApiError as e:
            return json_response(_no(e.words), e.status)
        if switches.slow_s and switches.slow_after:
            await asyncio.sleep(switches.slow_s)
        return json_response(answer)

    async def _method(self, method: str, request: web.Request) -> dict[str, Any]:
        allowed = {
            "getInfo": ("GET", "POST"),
            "sendMsg": ("POST",),
            "getUrl": ("GET",),
            "getWebHook": ("GET",),
            "setWebHook": ("POST",),
        }
        if method not in allowed:
            raise ApiError(400, f"Неизвестный метод {method[:50]}")
        if request.method not in allowed[method]:
            raise ApiError(400, f"Метод {method} вызывается через {' или '.join(allowed[method])}")
        channel = self._channel()
        if method == "getInfo":
            return _yes(channel={**channel, "status": self.switches.unpaid == "no"})
        if method == "getUrl":
            return _yes(channel={**channel, "url": f"https://ig.me/m/{channel['username']}"})
        if method == "setWebHook":
            url = _as_text((await _arguments(request)).get("url"))
            if http_address(url) is None:
                raise ApiError(400, "url: нужен адрес хука")
            self._set_webhook(url)
        if method in ("getWebHook", "setWebHook"):
            return _yes(channel={"id": channel["id"], "webhook": self.webhook})
        return await self._send_message(request)

    async def _send_message(self, request: web.Request) -> dict[str, Any]:
        arguments = await _arguments(request)
        arrival: dict[str, Any] = {
            "at": now_rfc3339(), "content_type": request.content_type, "status": 200, "error": None, "queue_id": None,
            **{name: arguments.get(name) for name in ("username", "user_id", "caption", "file", "options")},
        }  # fmt: skip
        self.arrivals.append(arrival)
        try:
            message = await self._accept(arguments)
        except ApiError as e:
            arrival.update(status=e.status, error=e.words)
            raise
        arrival["queue_id"] = message["queue_id"]
        if self.switches.report_order == "before_the_answer" and self.switches.auto_deliver:
            await self._reports_before_the_answer(message)
        else:
            self.kit.background(self._report_by_itself(message))
        return _yes(result={"success": True, "queue_id": message["queue_id"]})

    async def _accept(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a sendMsg as documented and puts the message into the conversation."""
        user_id, caption = _as_text(arguments.get("user_id")), _as_text(arguments.get("caption"))
        file, options = _as_text(arguments.get("file")), arguments.get("options")
        if not _as_text(arguments.get("username")).strip():
            raise ApiError(400, "username: обязательный параметр")
        if _as_text(arguments.get("username")).startswith("@"):
            raise ApiError(400, "username: без «@» вначале")
        if not user_id:
            raise ApiError(400, "user_id: обязательный параметр")
        buttons = _check_options(options)
        self._check_caption(caption)
        if not caption.strip() and not file:
            raise ApiError(400, "Нечего отправить: нет ни caption, ни file")
        if self.switches.refuse_next:
            self.switches.refuse_next -= 1
            self.hub.publish("switches", self.switches.model_dump())
            raise ApiError(200, self.switches.refuse_error)
        comment = self.comments.get(user_id)
        if comment is not None:
            if file or buttons:
                raise ApiError(400, "Ответить на комментарий можно только текстовым сообщением")
            if comment["answered"]:
                raise ApiError(200, "На комментарий уже дан ответ")
            customer_id = comment["customer_id"]
        else:
            customer_id = self._recipient(user_id, _as_text(arguments.get("username")))
        media = await self._fetch(file) if file else None
        if comment is not None:
            comment["answered"] = True
            self.hub.publish("comment", comment)
        return self._remember(
            customer_id=customer_id,
            mine=False,
            text=caption,
            media=media,
            options=buttons,
            comment_id=user_id if comment is not None else None,
            state="queued",
        )

    def _check_caption(self, caption: str) -> None:
        count = byte_length(caption) if self.switches.caption_limit == "bytes" else len(caption)
        if LIMITS.text_chars is not None and count > LIMITS.text_chars:
            raise ApiError(400, f"caption: максимальная длина {LIMITS.text_chars}, получено {count}")

    def _recipient(self, user_id: str, username: str) -> str:
        if user_id not in self.customers:
            if self.switches.strangers == "refuse":
                raise ApiError(200, "Получатель не найден")
            self.hub.publish("customer", self._add_customer(user_id, username, ""))
        return user_id

    async def _fetch(self, url: str) -> dict[str, Any]:
        """Takes the file from where we were told it is, as the network does: public address, type, size."""
        if http_address(url) is None:
            raise ApiError(400, "file: нужна ссылка на файл")
        name = unquote(urlsplit(url).path.rsplit("/", 1)[-1]).replace("/", "_") or "file"
        if not self.switches.fetch_files:
            return {"kind": "file", "url": url, "mime": "", "filename": name}
        body, claimed = await self._download(url)
        mime = sample_files.sniff(body, claimed)
        limit = LIMITS.files.get(MediaKind.of_mime(mime)) if mime else None
        if limit is None:
            raise ApiError(400, f"file: тип файла не поддерживается ({claimed or 'неизвестен'})")
        if limit.bytes is not None and len(body) > limit.bytes:
            raise ApiError(400, f"file: файл больше {limit.bytes // (1024 * 1024)} МБ")
        if not body:
            raise ApiError(400, "file: файл пуст")
        return {
            "kind": MediaKind.of_mime(mime).value,
            "url": self._keep(mime, body, name),
            "mime": mime,
            "filename": name,
        }

    async def _download(self, url: str) -> tuple[bytes, str]:
        """The file and its type. Raises ApiError."""
        if self.kit.options.fetch is None:
            raise ApiError(400, "file: файл недоступен (нет ответа)")
        most = max(limit.bytes or 0 for limit in LIMITS.files.values()) + 1
        try:
            file = await self.kit.options.fetch(url, most)
        except FetchRefused as e:
            raise ApiError(400, f"file: файл недоступен ({e})") from None
        return file.body, file.mime

    # --- delivery reports -------------------------------------------------------------------------------------------

    async def _report_by_itself(self, message: dict[str, Any]) -> None:
        """What happens to an accepted message while nobody touches it."""
        switches = self.switches
        if not switches.auto_deliver:
            return
        if switches.window_closed:
            await asyncio.sleep(switches.report_delay_s)
            self._report(message, "fail")
            return
        if switches.report_order == "shuffled":
            await asyncio.sleep(switches.report_delay_s)
            names: list[ReportName] = ["pending", "delivered"]
            if self._on_screen(message):
                names.append("read")
            self.ids.random.shuffle(names)
            for name in names:
                self._report(message, name, in_order=False)
            return
        steps: tuple[ReportName, ...] = ("pending", "delivered")
        for step in steps:
            await asyncio.sleep(switches.report_delay_s)
            if RANK[message["state"]] < RANK[step]:
                self._report(message, step)
        if self._on_screen(message):
            await asyncio.sleep(switches.report_delay_s)
            if self._on_screen(message) and message["state"] == "delivered":
                self._report(message, "read")

    async def _reports_before_the_answer(self, message: dict[str, Any]) -> None:
        """The hooks are answered before sendMsg is."""
        names: tuple[ReportName, ...] = ("fail",) if self.switches.window_closed else ("pending", "delivered")
        if names != ("fail",) and self._on_screen(message):
            names = (*names, "read")
        for name in names:
            self._reach(message, name)
            for call in self._report_calls(message, name):
                await self.hooks.ask(call)

    def _on_screen(self, message: dict[str, Any]) -> bool:
        return self.switches.auto_read and self.open == message["customer_id"]

    def _report(self, message: dict[str, Any], name: ReportName, *, in_order: bool = True) -> None:
        self._reach(message, name)
        for call in self._report_calls(message, name, lane=f"report {message['id']}" if in_order else ""):
            self.hooks.send(call)

    def _reach(self, message: dict[str, Any], name: ReportName) -> None:
        """The message's own state, which never goes back."""
        state = STATES[name]
        if RANK[state] > RANK[message["state"]]:
            message["state"] = state
            self.hub.publish("message", message)

    def _report_calls(self, message: dict[str, Any], name: ReportName, lane: str = "") -> list[HookCall]:
        """The hooks of one report: none if it is switched off, two if it comes twice."""
        switches = self.switches
        if switches.reports_missing in (name, "all"):
            return []
        event, status = REPORTS[name]
        customer = self.customers.get(message["customer_id"], {})
        device: dict[str, Any] = {"profileName": customer.get("name", "")}
        if switches.report_device == "mdn":
            device = {"mdn": PHONE, **device}
        elif switches.report_device == "user_id":
            device = {"user_id": self._id(message["customer_id"]), "username": customer.get("username", ""), **device}
        created = NO_DATE if switches.report_dates == "impossible" else _now_moscow()
        properties = {"queueId": message["queue_id"], "status": status}
        call = self._call(event, properties, device, created, lane)
        return [call] * (2 if switches.reports_twice else 1)

    # --- hooks ------------------------------------------------------------------------------------------------------

    def _call(
        self, event: str, properties: dict[str, Any], device: dict[str, Any], created: str, lane: str
    ) -> HookCall:
        """A hook in the document's shape, encoded as the switches say."""
        payload = {"event": {"name": event, "properties": properties, "createdAt": created}, "device": device}
        text = json.dumps(payload, ensure_ascii=False)
        if self.switches.trailing_commas:
            text = text[:-1] + ",}"
        label = f"{event} {properties.get('status') or properties.get('type') or ''}".strip()
        if self.switches.hook_encoding == "form":
            return HookCall(url=self.webhook, label=label, form=(("data", text),), lane=lane)
        raw = text.encode("utf-8", "replace")
        return HookCall(url=self.webhook, label=label, raw=raw, content_type="application/json", lane=lane)

    def _customer_says(self, message: dict[str, Any], kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Sends an incomingMessage; those of one customer go one after the other."""
        customer = self.customers[message["customer_id"]]
        device = {
            "user_id": self._id(customer["id"]),
            "username": customer["username"],
            "profileName": customer["name"],
        }
        properties = {"queueId": message["queue_id"], "type": kind, "content": content}
        call = self._call("incomingMessage", properties, device, _now_moscow(), lane=customer["id"])
        for _ in range(2 if self.switches.hooks_twice else 1):
            self.hooks.send(call)
        return {"id": message["id"], "queue_id": message["queue_id"]}

    def _id(self, value: str) -> str | int:
        return int(value) if self.switches.ids_as_numbers and value.isdigit() else value

    def _set_webhook(self, url: str) -> None:
        self.webhook = url
        self.hub.publish("webhook", url)

    # --- what customers do ------------------------------------------------------------------------------------------

    async def act_customer(self, act: NewCustomer) -> dict[str, Any]:
        username = act.username.strip().removeprefix("@") or f"guest_{self.ids.number(4)}"
        customer = self._add_customer(self.ids.number(11), username, act.name.strip())
        self.hub.publish("customer", customer)
        return {"id": customer["id"]}

    async def act_rename(self, act: Rename) -> dict[str, Any]:
        customer = self._customer(act.customer_id)
        if act.username is not None:
            customer["username"] = act.username.strip().removeprefix("@")
        if act.name is not None:
            customer["name"] = act.name.strip()
        self.hub.publish("customer", customer)
        return {"id": customer["id"]}

    async def act_write(self, act: Write) -> dict[str, Any]:
        self._customer(act.customer_id)
        if not act.text:
            raise ActionError("Write something first.")
        message = self._remember(customer_id=act.customer_id, mine=True, text=act.text)
        return self._customer_says(message, "text", {"body": act.text})

    async def act_send(self, act: SendFile) -> dict[str, Any]:
        self._customer(act.customer_id)
        kind, mime, filename = SAMPLES[act.what]
        if act.href:
            mime, filename = act.mime, act.filename or "file"
            kind = act.type or MediaKind.of_mime(mime).value
            url = act.href
        else:
            url = f"_sandbox/files/{act.what}-{self._last_message % 3}/{quote(filename)}"
        if act.type:
            kind = act.type
        elif kind == "video" and self.switches.video_as_image:
            kind = "image"
        media = {"kind": MediaKind.of_mime(mime).value, "url": url, "mime": mime, "filename": filename}
        message = self._remember(customer_id=act.customer_id, mine=True, text=act.text, media=media)
        content = {"body": act.text} if act.text else {}
        content |= {"mimeType": mime, "filename": filename, "href": url if act.href else self.kit.address(url)}
        return self._customer_says(message, kind, content)

    async def act_unknown(self, act: SendUnknown) -> dict[str, Any]:
        self._customer(act.customer_id)
        message = self._remember(customer_id=act.customer_id, mine=True, text=act.text, note=act.type)
        content: dict[str, Any] = {"body": act.text} if act.text else {}
        if act.with_file:
            _, mime, filename = SAMPLES["photo"]
            path = f"_sandbox/files/photo-0/{quote(filename)}"
            content |= {"mimeType": mime, "filename": filename, "href": self.kit.address(path)}
        return self._customer_says(message, act.type, content)

    async def act_comment(self, act: Write) -> dict[str, Any]:
        customer = self._customer(act.customer_id)
        if not act.text:
            raise ActionError("Write something first.")
        comment = {
            "id": self.ids.number(17), "customer_id": customer["id"], "text": act.text, "at": now_rfc3339(),
            "answered": False, "queue_id": self.ids.hex(40),
        }  # fmt: skip
        self.comments[comment["id"]] = comment
        _trim(self.comments, MESSAGES_KEPT)
        self.hub.publish("comment", comment)
        device = {
            "user_id": self._id(customer["id"]),
            "comment_id": self._id(comment["id"]),
            "username": customer["username"],
            "profileName": customer["name"],
        }
        properties = {"queueId": comment["queue_id"], "type": "comment", "content": {"body": act.text}}
        call = self._call("incomingComment", properties, device, _now_moscow(), lane=customer["id"])
        for _ in range(2 if self.switches.hooks_twice else 1):
            self.hooks.send(call)
        return {"comment_id": comment["id"], "queue_id": comment["queue_id"]}

    async def act_tap(self, act: Tap) -> dict[str, Any]:
        message = self._message(act.message_id)
        if act.option not in message["options"]:
            raise ActionError("There is no such button.")
        return await self.act_write(Write(customer_id=message["customer_id"], text=act.option))

    async def act_open(self, act: Open) -> dict[str, Any]:
        if act.customer_id is not None:
            self._customer(act.customer_id)
        self.open = act.customer_id
        read = 0
        if act.customer_id is not None and self.switches.auto_read:
            for message in self.messages.values():
                if message["customer_id"] == act.customer_id and message["state"] == "delivered":
                    self._report(message, "read")
                    read += 1
        return {"read": read}

    async def act_report(self, act: ReportByHand) -> dict[str, Any]:
        message = self._message(act.message_id)
        if message["mine"]:
            raise ActionError("Reports are about the business's answers.")
        self._report(message, act.status)
        return {"state": message["state"]}

    async def act_webhook(self, act: SetWebHook) -> dict[str, Any]:
        if act.url and http_address(act.url) is None:
            raise ActionError("The address must begin with http:// or https://.")
        self._set_webhook(act.url)
        return {"webhook": self.webhook}

    async def act_raw(self, act: Raw) -> dict[str, Any]:
        body = act.body.encode("utf-8", "replace")
        answer = await self.hooks.ask(HookCall(url=self.webhook, label="raw", raw=body, content_type=act.content_type))
        return {"status": answer.status, "answer": answer.words}

    def _nobody_looks(self) -> None:
        self.open = None

    # --- state ------------------------------------------------------------------------------------------------------

    def _customer(self, customer_id: str) -> dict[str, Any]:
        try:
            return self.customers[customer_id]
        except KeyError:
            raise ActionError("There is no such customer.") from None

    def _message(self, message_id: str) -> dict[str, Any]:
        try:
            return self.messages[message_id]
        except KeyError:
            raise ActionError("There is no such message.") from None

    def _add_customer(self, user_id: str, username: str, name: str) -> dict[str, Any]:
        customer = {"id": user_id, "username": username, "name": name}
        self.customers[user_id] = customer
        _trim(self.customers, CUSTOMERS_KEPT)
        return customer

    def _remember(
        self,
        *,
        customer_id: str,
        mine: bool,
        text: str,
        media: dict[str, Any] | None = None,
        options: list[str] | None = None,
        note: str = "",
        comment_id: str | None = None,
        state: str = "",
    ) -> dict[str, Any]:
        self._last_message += 1
        message: dict[str, Any] = {
            "id": str(self._last_message), "customer_id": customer_id, "mine": mine, "text": text, "media": media,
            "options": options or [], "note": note, "comment_id": comment_id, "state": state, "at": now_rfc3339(),
            "queue_id": self.ids.hex(40),
        }  # fmt: skip
        self.messages[message["id"]] = message
        _trim(self.messages, MESSAGES_KEPT)
        self.hub.publish("message", message)
        return message

    def _keep(self, mime: str, body: bytes, name: str) -> str:
        """Keeps a copy, as the network does, and gives its address on the page. The oldest make room."""
        file_id = self.ids.hex(16)
        self.files[file_id] = (mime, body)
        while sum(len(b) for _, b in self.files.values()) > FILES_KEPT_BYTES and len(self.files) > 1:
            self.files.popitem(last=False)
        return f"_sandbox/files/{file_id}/{quote(name[:100], safe='')}"

    async def get_file(self, request: web.Request) -> web.Response:
        """A sample, or the copy of what the business sent."""
        file_id = request.match_info["id"]
        what, _, number = file_id.partition("-")
        if what in SAMPLES and number.isdigit():
            mime = SAMPLES[what][1]
            body = await asyncio.to_thread(sample_files.sample, what, int(number))  # drawing one takes a while
        elif file_id in self.files:
            mime, body = self.files[file_id]
        else:
            raise web.HTTPNotFound(text="There is no such file.")
        return _file_response(request, mime, body)


def insta_sandbox(options: SandboxOptions) -> Sandbox:
    return InstaSandbox(options).kit.sandbox()


# --- small pure helpers ---------------------------------------------------------------------------------------------


def _yes(**parts: Any) -> dict[str, Any]:
    """The document's envelope, its keys in the document's order."""
    return {"result": {"success": True}, **parts, "error": None}


def _no(words: str) -> dict[str, Any]:
    return {"result": {"success": False}, "error": words}


def _file_response(request: web.Request, mime: str, body: bytes) -> web.Response:
    """Whole, or the one range that players ask for."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
    }
    wanted = re.fullmatch(r"bytes=(\d{1,12})-(\d{0,12})", request.headers.get("Range", ""))
    if wanted is None:
        return web.Response(body=body, content_type=mime, headers=headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
    if first > last:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return web.Response(status=206, body=body[first : last + 1], content_type=mime, headers=headers)


async def _arguments(request: web.Request) -> dict[str, Any]:
    """The parameters of a POST: a JSON object, or a form with `options[]`, `options[0]` or JSON in `options`."""
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        form = await request.post()
        fields: dict[str, Any] = {}
        buttons: list[str] = []
        for name, value in form.items():
            if re.fullmatch(r"options\[\d*\]", name):
                buttons.append(_as_text(value))
            else:
                fields[name] = value if isinstance(value, str) else ""
        if isinstance(fields.get("options"), str):
            try:
                fields["options"] = json.loads(fields["options"])
            except ValueError:
                raise ApiError(400, "options: нужен массив") from None
        return {**fields, "options": buttons} if buttons else fields
    try:
        value = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ApiError(400, "Неверный запрос: тело не является JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, "Неверный запрос: нужен JSON-объект")
    return value


def _check_options(options: Any) -> list[str]:
    if options is None or options == []:
        return []
    if not isinstance(options, list) or not all(isinstance(o, str) and o.strip() for o in options):
        raise ApiError(400, "options: нужен массив непустых строк")
    if LIMITS.options is not None and len(options) > LIMITS.options:
        raise ApiError(400, f"options: до {LIMITS.options} кнопок, получено {len(options)}")
    if LIMITS.option_chars is not None and any(len(o) > LIMITS.option_chars for o in options):
        raise ApiError(400, f"options: текст до {LIMITS.option_chars} символов")
    return options


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _header(value: str) -> str:
    return "".join(c for c in value if c.isprintable() and c.isascii())


def _now_moscow() -> str:
    """As the document writes times: `2022-12-07T12:29:21+03:00`."""
    return datetime.now(MOSCOW).isoformat(timespec="seconds")


def _trim(kept: OrderedDict[str, dict[str, Any]], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
