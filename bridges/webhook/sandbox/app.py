"""The other side of a webhook, in either role: it checks every signature it gets, and signs what it sends."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from bridges.sandbox_kit import (
    ActionError,
    ActionModel,
    HookCall,
    SandboxKit,
    SandboxSwitches,
    json_response,
    now_rfc3339,
)
from bridges.webhook.settings import WebhookDeskSettings, WebhookSettings
from relay.contract import Sandbox, SandboxOptions
from relay.contract.errors import VerificationFailed
from relay.contract.model import Role
from relay.contract.signatures import sign_standard, verify_standard

MAX_EVENTS = 1000
SECRET_TAIL = "<secret>"  # noqa: S105 - the word in a spec, no secret


class Switches(SandboxSwitches):
    """What can go wrong at the other side, and what it may send wrong."""

    failing: int = Field(
        0,
        ge=0,
        le=100000,
        title="Fail the next",
        description="That many events get the status below.",
        json_schema_extra={"group": "Events from the relay"},
    )
    failing_status: Literal[301, 400, 401, 404, 408, 410, 425, 429, 500, 502, 503] = Field(
        500, title="… with status", json_schema_extra={"group": "Events from the relay"}
    )
    retry_after_s: int = Field(
        0, ge=0, le=3600, title="… and Retry-After, s", json_schema_extra={"group": "Events from the relay"}
    )
    names: Literal["webhook", "svix"] = Field(
        "webhook", title="Header names", json_schema_extra={"group": "Events to the relay"}
    )
    spoilt: Literal["", "changed_byte", "old", "unsigned", "other_secret"] = Field(
        "", title="Spoil the signature", json_schema_extra={"group": "Events to the relay"}
    )
    twice: bool = Field(False, title="Send each twice", json_schema_extra={"group": "Events to the relay"})


class Write(ActionModel):
    """A customer writes (channel), or somebody answers conversation `user` (desk)."""

    user: str = Field(max_length=200)
    text: str = Field("", max_length=100_000)
    name: str = Field("", max_length=200)
    file_url: str = Field("", max_length=2000)
    options: list[str] = Field(default_factory=list, max_length=50)
    simple: bool = False


class Status(ActionModel):
    """Says what became of an event we received (channel)."""

    id: str
    status: Literal["pending", "delivered", "read", "failed"]
    reason: str = Field("", max_length=500)


class Close(ActionModel):
    """Closes a conversation (desk)."""

    number: int


class Other(ActionModel):
    """An event of any type."""

    type: str = Field(max_length=200)
    data: dict[str, Any] = Field(default_factory=dict)


class Far:
    """One endpoint: what came, and what was sent."""

    def __init__(self, options: SandboxOptions, role: Role) -> None:
        assert isinstance(options.settings, WebhookSettings | WebhookDeskSettings)
        self.role = role
        self.keys = options.settings.keys
        self.events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self.seen: dict[str, str] = {}  # event id -> the id we answered
        self.kit = SandboxKit(
            options,
            title="Webhook channel" if role is Role.CHANNEL else "Webhook desk",
            intro="A system of yours: it receives the relay's signed events and sends its own.",
            switches=Switches(),
            page_dir=Path(__file__).parent / "page",
            state=self.state,
            reset=self.reset,
        )
        for name, model, handler in (
            ("write", Write, self.write),
            ("status", Status, self.status),
            ("close", Close, self.close),
            ("other", Other, self.other),
        ):
            self.kit.action(name, model, handler)  # type: ignore[arg-type]
        for path in ("", "/"):
            self.kit.app.router.add_post(path, self.receive)

    def state(self, for_page: bool) -> dict[str, Any]:
        return {"role": self.role.value, "events": list(self.events)}

    def reset(self) -> None:
        self.events.clear()
        self.seen.clear()

    def note(self, entry: dict[str, Any]) -> None:
        self.events.append(entry)
        self.kit.hub.publish("event", entry)

    # what the relay posts

    async def receive(self, request: web.Request) -> web.Response:
        """Any event. 401 for a signature that is not right, which a receiver owes its sender."""
        switches = self.kit.switches
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            event_id = verify_standard(self.keys, headers, body, now_s=time.time())
        except VerificationFailed as e:
            return json_response({"error": str(e)}, 401)
        if switches.failing > 0:
            self.kit.change_switches({"failing": switches.failing - 1})
            more = {"Retry-After": str(switches.retry_after_s)} if switches.retry_after_s else {}
            more |= {"Location": "https://elsewhere.example.com/"} if switches.failing_status < 400 else {}
            return json_response({"error": "This is not a good time."}, switches.failing_status, more)
        try:
            event = json.loads(body)
            kind, data = event["type"], event["data"]
        except (ValueError, KeyError, TypeError):
            return json_response({"error": "This is no event."}, 400)
        if event_id in self.seen:
            return json_response({"id": self.seen[event_id]})
        ours = self.seen[event_id] = f"far-{event_id}"
        self.note({"id": ours, "event_id": event_id, "from": "relay", "type": kind, "data": data, "at": now_rfc3339()})
        return json_response({"id": ours})

    # what this side does

    async def write(self, act: Write) -> dict[str, Any]:
        if not act.text.strip() and not act.file_url:
            raise ActionError("There is nothing to send: neither text nor a file.")
        number = self.number()
        if act.simple:
            value = {"user": act.user, "text": act.text, "name": act.name, "file_url": act.file_url, "id": number}
            self.post("simple", number, {k: v for k, v in value.items() if v})
            return {"id": number}
        data: dict[str, Any] = {
            "id": number,
            "text": act.text,
            "attachments": [{"url": act.file_url}] if act.file_url else [],
            "options": act.options,
            "created_at": now_rfc3339(),
        }
        if self.role is Role.CHANNEL:
            data |= {"direction": "in", "contact": {"id": act.user, "name": act.name}}
        else:
            data |= {"direction": "out", "conversation": {"id": act.user}, "author": act.name}
        self.event("message.created", data)
        return {"id": number}

    async def status(self, act: Status) -> dict[str, Any]:
        self.event("message.status", {"id": act.id, "status": act.status, "reason": act.reason})
        return {"id": act.id}

    async def close(self, act: Close) -> dict[str, Any]:
        self.event("conversation.closed", {"conversation": {"id": act.number}})
        return {"number": act.number}

    async def other(self, act: Other) -> dict[str, Any]:
        self.event(act.type, act.data)
        return {"type": act.type}

    def number(self) -> str:
        return f"far-{time.time_ns():x}"

    def event(self, kind: str, data: dict[str, Any]) -> None:
        self.post(kind, f"evt_{self.number()}", {"type": kind, "timestamp": now_rfc3339(), "data": data})

    def post(self, label: str, event_id: str, value: dict[str, Any]) -> None:
        """Posts it, signed unless it is a simple message, which goes to the secret path."""
        switches = self.kit.switches
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        url = self.kit.hook(SECRET_TAIL if label == "simple" else "")
        headers: tuple[tuple[str, str], ...] = ()
        if label != "simple" and switches.spoilt != "unsigned":
            at = int(time.time()) - (3600 if switches.spoilt == "old" else 0)
            keys = (b"another secret altogether",) if switches.spoilt == "other_secret" else self.keys
            proof = (("id", event_id), ("timestamp", str(at)), ("signature", sign_standard(keys, event_id, at, body)))
            headers = tuple((f"{switches.names}-{name}", text) for name, text in proof)
        if switches.spoilt == "changed_byte":
            body += b" "
        self.note({"id": event_id, "from": "us", "type": label, "data": value.get("data", value), "at": now_rfc3339()})
        for _ in range(2 if switches.twice else 1):
            self.kit.hooks.send(
                HookCall(
                    url=url, label=label, headers=headers, raw=body, content_type="application/json", lane="events"
                )
            )


def build(options: SandboxOptions, role: Role) -> Sandbox:
    return Far(options, role).kit.sandbox()
