"""What a webhook is told: signed, the same at each try, and what each answer of it means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from relay.contract.errors import UnsupportedContent
from relay.contract.model import (
    Attachment,
    Contact,
    Content,
    Delivery,
    Kind,
    MediaKind,
    OutboundRequest,
    RawResponse,
    Verdict,
)
from tests.bridges.support import DictMemory
from tests.bridges.webhook.test_inbound import SECRET, URL, channel, desk

OLD = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
DELIVERY = Delivery(
    id="0660d02029f3bde41285-1",
    destination="crm",
    kind=Kind.ANSWER,
    contact=Contact(id=42, channel="crm", remote_id="u7", username="anna", name="Анна"),
    content=Content(
        text="Yes",
        attachments=(
            Attachment(kind=MediaKind.IMAGE, mime="image/png", filename="a.png", url="https://f.example.com/1"),
        ),
        options=("Yes", "No"),
    ),
    origin="bot",
    author="Olga",
    created_at=datetime(2026, 11, 28, 8, 0, tzinfo=UTC),
)


class Catching:
    """An `Http` that answers the same to all."""

    def __init__(self, response: RawResponse) -> None:
        self.response = response
        self.sent: list[OutboundRequest] = []

    async def __call__(self, request: OutboundRequest) -> RawResponse:
        self.sent.append(request)
        return self.response


async def test_golden_event_that_the_public_library_verifies() -> None:
    bridge, http = channel(secret=f"{SECRET} {OLD}"), Catching(RawResponse(status=200, body=b'{"id": 77}'))
    (part,) = bridge.fit(DELIVERY)
    outcome = await bridge.send(DELIVERY, part, http, DictMemory())
    assert (outcome.verdict, outcome.remote_id) == (Verdict.ACCEPTED, "77")
    (request,) = http.sent
    assert request.url == URL and request.public_only
    for secret in (SECRET, OLD):
        assert Webhook(secret).verify(request.body, dict(request.headers)) == {
            "type": "message.created",
            "timestamp": "2026-11-28T08:00:00Z",
            "data": {
                "id": "0660d02029f3bde41285-1",
                "conversation": {"id": 42, "channel": "crm"},
                "contact": {"id": 42, "remote_id": "u7", "username": "anna", "name": "Анна"},
                "direction": "out",
                "text": "Yes",
                "attachments": [
                    {"kind": "image", "mime": "image/png", "filename": "a.png", "size": None,
                     "url": "https://f.example.com/1"}
                ],
                "options": ["Yes", "No"],
                "comment_id": None,
                "placeholder": None,
                "author": "Olga",
                "desk": "bot",
                "late": False,
                "created_at": "2026-11-28T08:00:00Z",
            },
        }  # fmt: skip


async def test_the_id_stays_and_the_time_moves_from_try_to_try() -> None:
    bridge, http = channel(), Catching(RawResponse(status=500))
    (part,) = bridge.fit(DELIVERY)
    for now in (1_800_000_000.0, 1_800_000_600.0):
        bridge.now = lambda now=now: now  # type: ignore[misc]
        await bridge.send(DELIVERY, part, http, DictMemory())
    first, second = (dict(r.headers) for r in http.sent)
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1800000000", "1800000600")
    assert first["webhook-signature"] != second["webhook-signature"]


def test_taking_back_names_what_the_other_side_called_it() -> None:
    delivery = Delivery(
        id="1-1", destination="crm", kind=Kind.DELETE, contact=DELIVERY.contact, content=Content(), remote_ids=("77",)
    )
    (part,) = channel().fit(delivery)
    event = json.loads(channel().render(delivery, part).body)
    assert (event["type"], event["data"]["ids"]) == ("message.deleted", ["77"])


def test_nothing_is_refused_in_words() -> None:
    with pytest.raises(UnsupportedContent):
        channel().fit(Delivery(id="1-1", destination="crm", kind=Kind.ANSWER, contact=None, content=Content(text=" ")))


@pytest.mark.parametrize(
    ("kind", "type_", "direction"),
    [
        (Kind.MESSAGE, "message.created", "in"),
        (Kind.COMMENT, "message.created", "in"),
        (Kind.MIRROR, "message.created", "out"),
        (Kind.NOTICE, "notice.created", None),
    ],
)
def test_what_a_desk_is_told(kind: Kind, type_: str, direction: str | None) -> None:
    delivery = Delivery(id="1-1", destination="bot", kind=kind, contact=DELIVERY.contact, content=Content(text="Hi"))
    (part,) = desk().fit(delivery)
    event = json.loads(desk().render(delivery, part).body)
    assert (event["type"], event["data"].get("direction"), event["data"]["text"]) == (type_, direction, "Hi")
    assert event["data"]["conversation"] == {"id": 42, "channel": "crm"}


VERDICTS = {
    Verdict.ACCEPTED: (200, 201, 202, 204),
    Verdict.RETRY: (408, 425, 429, 500, 502, 503, 504),
    Verdict.CREDENTIALS: (401, 403, 410),
    Verdict.REJECTED: (301, 302, 307, 400, 404, 409, 413, 422),
}


@pytest.mark.parametrize(("verdict", "status"), [(v, s) for v, statuses in VERDICTS.items() for s in statuses])
def test_what_each_status_means(verdict: Verdict, status: int) -> None:
    assert channel().classify(RawResponse(status=status)).verdict is verdict


def test_gone_and_retry_after() -> None:
    assert channel().classify(RawResponse(status=410)).reason == "gone"
    assert channel().classify(RawResponse(status=429, headers=(("retry-after", "17"),))).retry_after_s == 17
    assert not channel().classify(RawResponse(status=502)).certain


def test_private_targets_only_by_setting() -> None:
    (part,) = channel().fit(DELIVERY)
    assert channel().render(DELIVERY, part).public_only
    assert not channel(private=True).render(DELIVERY, part).public_only
