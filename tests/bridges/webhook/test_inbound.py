"""What a webhook says, read: signed events, simple messages, and everything that is neither."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from bridges.webhook import WebhookBridge, WebhookDeskBridge
from bridges.webhook.settings import WebhookDeskSettings, WebhookSettings
from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload, VerificationFailed
from relay.contract.model import (
    Answer,
    Attachment,
    Command,
    Content,
    Incoming,
    MediaKind,
    Report,
    ReportStatus,
    Unknown,
)
from tests.bridges.support import context

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a token for scripts"
URL = "https://crm.example.com/relay"


def channel(**more: Any) -> WebhookBridge:
    given = {"kind": "webhook", "url": URL, "secret": SECRET, **more}
    return WebhookBridge(WebhookSettings.model_validate(given), context("crm", URL))


def desk(**more: Any) -> WebhookDeskBridge:
    given = {"kind": "webhook_desk", "url": URL, "secret": SECRET, "token": TOKEN, **more}
    return WebhookDeskBridge(WebhookDeskSettings.model_validate(given), context("bot", URL))


def request(value: Any, *, signed: bool = True, tail: str = "", **headers: str) -> RawRequest:
    body = json.dumps(value, ensure_ascii=False)
    now = datetime.now(UTC)
    if signed:
        headers |= {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("evt_1", now, body),
        }
    return RawRequest(
        method="POST",
        tail=tail,
        headers=headers,
        query={},
        body=body.encode(),
        content_type="application/json",
        received_at=time.time(),
    )


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-11-28T08:00:00Z", "data": data}


def read(bridge: Any, given: RawRequest) -> Any:
    (found,) = bridge.parse(bridge.verify(given))
    return found


def test_golden_message_of_a_customer() -> None:
    value = event(
        "message.created",
        id="m-1",
        contact={"id": 7, "username": "anna", "name": "Anna\nBell"},
        text="Hello\r\nthere",
        attachments=[{"url": "https://cdn.example.com/1.jpg"}, {"url": "https://x.example.com/a", "mime": "video/mp4"}],
        created_at="2026-11-28T07:59:58+00:00",
    )
    assert read(channel(), request(value)) == Incoming(
        remote_user="7",
        remote_id="m-1",
        username="anna",
        name="Anna Bell",
        content=Content(
            text="Hello\nthere",
            attachments=(
                Attachment(kind=MediaKind.IMAGE, mime="image/jpeg", url="https://cdn.example.com/1.jpg"),
                Attachment(kind=MediaKind.VIDEO, mime="video/mp4", url="https://x.example.com/a"),
            ),
        ),
        sent_at=datetime(2026, 11, 28, 7, 59, 58, tzinfo=UTC),
    )


def test_the_event_id_stands_in_for_a_message_id() -> None:
    assert read(channel(), request(event("message.created", contact={"id": "u"}, text="x"))).remote_id == "evt_1"


def test_golden_answer_of_a_desk() -> None:
    value = event("message.created", conversation={"id": 42}, text="Today?\n> Yes | No", author="Olga")
    assert read(desk(), request(value)) == Answer(
        contact_id=42,
        content=Content(text="Today?", options=("Yes", "No")),
        author="Olga",
        identity=("event", "evt_1"),
        raw_text="Today?\n> Yes | No",
    )


@pytest.mark.parametrize("data", [{"conversation": {"id": "#42"}}, {"contact": {"id": "42"}}, {"conversation": 42}])
def test_a_conversation_is_named_in_every_natural_way(data: dict[str, Any]) -> None:
    assert read(desk(), request(event("message.created", text="x", **data))).contact_id == 42


def test_reports_and_closing() -> None:
    report = read(channel(), request(event("message.status", id="far-1", status="failed", reason="blocked")))
    assert report == Report(remote_id="far-1", status=ReportStatus.FAILED, words="blocked")
    closed = read(desk(), request(event("conversation.closed", conversation={"id": 42})))
    assert isinstance(closed, Command) and (closed.name, closed.argument) == ("close", "#42")


@pytest.mark.parametrize("kind", ["reaction.added", "typing", "message.updated", "anything.else"])
def test_other_types_are_left_alone(kind: str) -> None:
    assert read(channel(), request(event(kind))) == Unknown(type=kind)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "JSON object"),
        ({"data": {}}, "`type`"),
        ({"type": "message.created"}, "`data`"),
        (event("message.created", text="x"), "contact.id"),
        (event("message.created", contact={"id": "u"}, attachments=[{"url": "file:///etc/passwd"}]), "url"),
        (
            event("message.created", contact={"id": "u"}, attachments=[{"url": "https://a.example.com"}] * 21),
            "at most 20",
        ),
        (event("message.status", id="x", status="lost"), "pending"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(value: Any, words: str) -> None:
    with pytest.raises(MalformedPayload, match=words):
        read(channel(), request(value))


# --- simple mode ----------------------------------------------------------------------------------------------------


def test_a_script_with_the_token_may_be_simple() -> None:
    value = {"user": "42", "text": "On its way", "author": "n8n"}
    found = read(desk(), request(value, signed=False, authorization=f"Bearer {TOKEN}"))
    assert isinstance(found, Answer)
    assert (found.contact_id, found.content.text, found.author, found.within_s) == (42, "On its way", "n8n", 5.0)


def test_a_secret_address_may_be_simple_too() -> None:
    value = {"user": "u7", "text": "Hi", "name": "Anna", "file_url": "https://cdn.example.com/a.pdf", "id": "1"}
    found = read(channel(), request(value, signed=False, tail="<secret>"))
    assert (found.remote_user, found.remote_id, found.name) == ("u7", "1", "Anna")
    assert [a.mime for a in found.content.attachments] == ["application/pdf"]


def test_a_simple_form() -> None:
    given = RawRequest(
        method="POST",
        tail="<secret>",
        headers={},
        query={},
        body=b"user=u7&text=Hi",
        content_type="application/x-www-form-urlencoded",
        form=(("user", "u7"), ("text", "Hi")),
        received_at=time.time(),
    )
    assert read(channel(), given).content.text == "Hi"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
def test_a_wrong_token_proves_nothing(authorization: str) -> None:
    with pytest.raises(VerificationFailed):
        desk().verify(request({"user": "42", "text": "x"}, signed=False, authorization=authorization))


def test_without_a_token_in_the_settings_none_is_right() -> None:
    with pytest.raises(VerificationFailed):
        channel().verify(request({"user": "1", "text": "x"}, signed=False, authorization="Bearer "))


def test_a_wrong_signature_is_refused_even_on_the_secret_address() -> None:
    given = request({"user": "1", "text": "x"}, tail="<secret>")
    given.headers["webhook-signature"] = "v1,AAAA"  # type: ignore[index]
    with pytest.raises(VerificationFailed):
        channel().verify(given)


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": ""},
        {"secret": "whsec_c2hvcnQ="},
        {"secret": "not base64!"},
        {"url": "ftp://x.example.com"},
        {"url": "https://user:pass@x.example.com"},
        {"token": "short"},
    ],
)
def test_settings_that_could_be_guessed_or_used_by_nobody(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        channel(**wrong)
