"""Deliveries as messages of a bot, and what its answers mean."""

from __future__ import annotations

import json

import pytest

from bridges.telegram.client import outcome_of
from bridges.telegram.outbound import fit_to_channel, render, split, units
from relay.contract.model import (
    Attachment,
    Contact,
    Content,
    Delivery,
    Kind,
    MediaKind,
    Part,
    RawResponse,
    Role,
    Verdict,
)


def delivery(**content: object) -> Delivery:
    contact = Contact(id=42, channel="tg", remote_id="555")
    return Delivery(id="1-1", destination="tg", kind=Kind.ANSWER, contact=contact, content=Content(**content))  # type: ignore[arg-type]


def test_lengths_are_counted_as_telegram_counts() -> None:
    text = "👍" * 4096
    assert units(text) == 8192
    pieces = split(text, 4096)
    assert all(units(piece) <= 4096 for piece in pieces) and "".join(pieces) == text


def test_a_text_goes_under_its_file_where_it_fits() -> None:
    file = Attachment(kind=MediaKind.IMAGE, mime="image/png", file_id="f.png")
    assert [p.text for p in fit_to_channel(delivery(text="short", attachments=(file,)))] == ["short"]
    assert [len(p.text) for p in fit_to_channel(delivery(text="x" * 1025, attachments=(file,)))] == [0, 1025]


def test_a_file_goes_as_bytes_and_an_svg_as_a_document() -> None:
    for mime, method, field in (("image/png", "sendPhoto", "photo"), ("image/svg+xml", "sendDocument", "document")):
        file = Attachment(kind=MediaKind.IMAGE, mime=mime, file_id="f", filename="a")
        request = render("https://t", "TOKEN", "555", delivery(), Part(attachments=(file,)))
        assert request.url == f"https://t/botTOKEN/{method}" and "TOKEN" not in request.safe_url
        assert [f.field for f in request.files] == [field]


def test_nothing_is_markup() -> None:
    body = json.loads(render("https://t", "T", "555", delivery(), Part(text="<b>*x*</b>")).body)
    assert "parse_mode" not in body and body["text"] == "<b>*x*</b>"


def said(code: int, description: str, role: Role = Role.CHANNEL, **more: object) -> tuple[Verdict, str]:
    body = json.dumps({"ok": False, "error_code": code, "description": description, **more}).encode()
    outcome = outcome_of(RawResponse(status=code, body=body), role)
    return outcome.verdict, outcome.reason


@pytest.mark.parametrize(
    ("code", "description", "channel", "desk"),
    [
        (401, "Unauthorized", Verdict.CREDENTIALS, Verdict.CREDENTIALS),
        (403, "Forbidden: bot was blocked by the user", Verdict.REJECTED, Verdict.CREDENTIALS),
        (400, "Bad Request: chat not found", Verdict.REJECTED, Verdict.CREDENTIALS),
        (400, "Bad Request: message is not modified", Verdict.ACCEPTED, Verdict.ACCEPTED),
        (400, "Bad Request: message is too long", Verdict.REJECTED, Verdict.REJECTED),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", Verdict.REJECTED, Verdict.CREDENTIALS),
        (502, "Bad Gateway", Verdict.RETRY, Verdict.RETRY),
    ],
)
def test_what_each_refusal_means(code: int, description: str, channel: Verdict, desk: Verdict) -> None:
    assert said(code, description)[0] is channel
    assert said(code, description, Role.DESK)[0] is desk


def test_too_many_requests_says_when() -> None:
    description = "Too Many Requests: retry after 14"
    answer = {"ok": False, "error_code": 429, "description": description, "parameters": {"retry_after": 14}}
    body = json.dumps(answer).encode()
    outcome = outcome_of(RawResponse(status=429, body=body), Role.DESK)
    assert (outcome.verdict, outcome.retry_after_s, outcome.certain) == (Verdict.RETRY, 14.0, True)
