"""What reaches people: a webhook that another's library verifies, a mail that a real mail server takes."""

from __future__ import annotations

import asyncio
import base64
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope
from standardwebhooks import Webhook

from relay.config.alarms import mail_server, secret_bytes
from relay.contract.model import OutboundRequest, RawResponse
from relay.observe.alarms import Alarm, AlarmKind, sentence
from relay.service.alarms import mail
from relay.service.alarms.tellers import DeskTeller, MailTeller, WebhookTeller
from relay.texts.notices import NOTICES
from relay.texts.templates import Templates
from tests.harness import free_port

TEXTS = Templates("en", None)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
FAILING = Alarm(kind=AlarmKind.FAILING, subject="shop", facts={"words": "HTTP 503", "count": 3, "minutes": 12})
SAMPLES: dict[AlarmKind, dict[str, str | int]] = {
    AlarmKind.CREDENTIALS: {"words": "no", "count": 1},
    AlarmKind.FAILING: {"words": "", "count": 1, "minutes": 2},
    AlarmKind.DEAD_LETTER: {"count": 1},
    AlarmKind.BACKLOG: {"count": 1, "minutes": 2},
    AlarmKind.ORPHANED: {"count": 1},
    AlarmKind.STORE: {"words": "It does not answer."},
    AlarmKind.HISTORY: {"words": "It does not answer."},
    AlarmKind.DISK: {"free_mb": 1},
    AlarmKind.CERTIFICATE: {"days": 1},
    AlarmKind.HOOK_SECRET: {"count": 1},
}


def sample(kind: AlarmKind) -> Alarm:
    """One alarm of that kind, about an account where it is about one."""
    subject = "shop" if "account" in NOTICES[f"alarm_{kind.value}"].facts else ""
    return Alarm(kind=kind, subject=subject, facts=SAMPLES[kind])


@pytest.mark.parametrize("kind", AlarmKind)
@pytest.mark.parametrize("locale", ["en", "ru"])
def test_every_alarm_has_a_sentence(kind: AlarmKind, locale: str):
    subject = (
        "shop" if kind in (AlarmKind.CREDENTIALS, AlarmKind.FAILING, AlarmKind.BACKLOG, AlarmKind.ORPHANED) else ""
    )
    subject = "shop" if kind is AlarmKind.HOOK_SECRET else subject
    text = sentence(Templates(locale, None), Alarm(kind=kind, subject=subject, facts=SAMPLES[kind]))
    assert len(text) > 30
    assert not subject or subject in text


async def test_the_public_library_verifies_our_webhooks():
    sent: list[OutboundRequest] = []

    async def http(request: OutboundRequest) -> RawResponse:
        sent.append(request)
        return RawResponse(status=204)

    teller = WebhookTeller(TEXTS, http, "https://user:pw@example.com/hook?key=1", SECRET)
    assert await teller.tell(FAILING, over=False, message_id="alarm_1")
    (request,) = sent
    found: Any = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert found["type"] == "alarm.raised"
    assert found["data"]["subject"] == "shop"
    assert "12 minutes" in found["data"]["text"]
    assert dict(request.headers)["webhook-id"] == "alarm_1"
    assert "pw" not in request.safe_url and "key" not in request.safe_url
    changed = request.body.replace(b"shop", b"shoq")
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(changed, dict(request.headers))


@pytest.mark.parametrize("status", [301, 400, 410, 500])
async def test_only_2xx_is_taken(status: int):
    async def http(request: OutboundRequest) -> RawResponse:
        return RawResponse(status=status)

    assert not await WebhookTeller(TEXTS, http, "https://example.com", SECRET).tell(FAILING, over=True, message_id="1")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_" + base64.b64encode(b"short").decode(), "я"])
def test_a_secret_that_is_none_is_refused_in_words(secret: str):
    with pytest.raises(ValueError, match="whsec_"):
        secret_bytes(secret)


class Inbox:
    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, server: Server, session: Any, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 OK"


async def test_a_real_mail_server_takes_it():
    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    await asyncio.to_thread(server.start)
    try:
        teller = MailTeller(TEXTS, mail_server(f"smtp://127.0.0.1:{port}"), "relay@example.com", ["anna@example.com"])
        assert await teller.tell(FAILING, over=True, message_id="1")
    finally:
        await asyncio.to_thread(server.stop)
    (got,) = inbox.mails
    assert isinstance(got.content, bytes)
    found = message_from_bytes(got.content, policy=default)
    assert got.rcpt_tos == ["anna@example.com"]
    assert found["Subject"] == "[relay] failing shop: over"
    assert "HTTP 503" in found.get_content()


def test_a_subject_is_one_line_whatever_comes():
    built = mail.message("a@example.com", ["b@example.com"], "x\r\nBcc: everybody@example.com\n" + "y" * 500, "text")
    assert "\n" not in built["Subject"]
    assert built["Bcc"] is None
    assert len(built["Subject"]) <= 150


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 587, False, "", "")),
        ("smtps://mail.example.com", ("mail.example.com", 465, True, "", "")),
        ("smtp://us%40er:p%3Aw@mail.example.com:2525", ("mail.example.com", 2525, False, "us@er", "p:w")),
    ],
)
def test_addresses_of_mail_servers(address: str, expected: tuple[Any, ...]):
    found = mail_server(address)
    assert (found.host, found.port, found.tls, found.username, found.password) == expected


@pytest.mark.parametrize("address", ["mail.example.com", "http://x", "smtp://", "smtp://u:secret@h:99999999"])
def test_a_wrong_address_is_refused_without_its_password(address: str):
    with pytest.raises(ValueError, match="smtp://") as caught:
        mail_server(address)
    assert "secret" not in str(caught.value)


async def test_desks_hear_only_what_they_are_not_told_otherwise():
    said: list[str] = []

    async def tell(text: str, once: str) -> None:
        said.append(text)

    teller = DeskTeller(TEXTS, tell)
    for kind in AlarmKind:
        subject = "shop" if "account" in TEXTS_FACTS(kind) else ""
        assert await teller.tell(Alarm(kind=kind, subject=subject, facts=SAMPLES[kind]), over=False, message_id="1")
    assert len(said) == len(AlarmKind) - 4


def TEXTS_FACTS(kind: AlarmKind) -> tuple[str, ...]:
    from relay.texts.notices import NOTICES

    return NOTICES[f"alarm_{kind.value}"].facts
