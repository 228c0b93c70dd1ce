"""Requests to the panel (Operator API, "Send message to control panel"), and what its undocumented answers mean."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.operator import OperatorBridge
from bridges.operator.client import Photo, message_sent_request, multipart, outcome_of
from bridges.operator.settings import Attaching
from relay.contract.errors import SendError, UnsupportedContent
from relay.contract.model import (
    Attachment,
    Contact,
    Content,
    Delivery,
    FilePart,
    Kind,
    MediaKind,
    OutboundRequest,
    RawResponse,
    Verdict,
)
from tests.bridges.operator.conftest import TOKEN, URL

ANNA = Contact(id=42, channel="shop", remote_id="17841", username="anna", name="Анна 🌷")
CAT = Attachment(
    kind=MediaKind.IMAGE, mime="image/jpeg", filename="cat.jpg", url="https://cdn.example.com/cat.jpg?a=1&b"
)
HELD = Attachment(kind=MediaKind.VIDEO, mime="video/mp4", filename="a.mp4", url="https://relay/media/x", file_id="f1")


def delivery(kind: Kind = Kind.MESSAGE, text: str = "Привет", *files: Attachment, **more: Any) -> Delivery:
    more = {"contact": ANNA, "bot_id": 7, **more}
    options = more.pop("options", ())
    content = Content(text=text, attachments=files, options=options)
    return Delivery(id="d1", destination="panel", kind=kind, content=content, **more)


def taken_apart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The multipart body as another parser sees it."""
    message: Message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    assert message.is_multipart() and not message.defects
    fields = []
    for part in message.get_payload():
        assert isinstance(part, Message)
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        fields.append((str(part.get_param("name", header="content-disposition")), value.decode()))
    return fields


def fields_of(bridge: OperatorBridge, what: Delivery) -> dict[str, str]:
    [part] = bridge.fit(what)
    request = bridge.render(what, part)
    return dict(taken_apart(request.body, request.content_type))


def test_a_customers_words_golden(bridge: OperatorBridge):
    what = delivery()
    [part] = bridge.fit(what)
    request = bridge.render(what, part)
    assert (request.method, request.url, request.safe_url, request.files) == ("POST", URL, URL, ())
    assert taken_apart(request.body, request.content_type) == [
        ("token", TOKEN),
        ("action", "message_sent"),
        ("user_id", "42"),
        ("contact_id", "7"),
        ("message", "Привет"),
    ]
    assert TOKEN not in repr(request.safe_url)
    assert bridge.render(what, part) == request  # equal messages, equal requests


def test_media_in_brackets(bridge: OperatorBridge):
    fields = fields_of(bridge, delivery(Kind.MESSAGE, "", CAT, HELD))
    assert fields["message"] == ""
    assert fields["attaches[0][file_url]"] == fields["attaches[0][big]"] == CAT.url
    assert fields["attaches[1][file_url]"] == HELD.url


def test_media_as_json(make_bridge: Callable[..., OperatorBridge]):
    fields = fields_of(make_bridge(attaches="json"), delivery(Kind.MESSAGE, "", CAT))
    assert json.loads(fields["attaches"]) == [{"file_url": CAT.url, "big": CAT.url}]


def test_media_as_files_one_request_each(make_bridge: Callable[..., OperatorBridge]):
    bridge = make_bridge(attaches="file")
    what = delivery(Kind.MESSAGE, "two", CAT, HELD)
    first, second = (bridge.render(what, part) for part in bridge.fit(what))
    assert first.files == (FilePart(field="attach", filename="cat.jpg", mime="image/jpeg", url=CAT.url),)
    assert second.files == (FilePart(field="attach", filename="a.mp4", mime="video/mp4", file_id="f1"),)
    assert dict(first.fields)["message"] == "two" and dict(second.fields)["message"] == ""
    assert dict(first.fields)["token"] == TOKEN and first.body == b""


def test_a_file_without_an_address_goes_as_bytes(bridge: OperatorBridge):
    held = Attachment(kind=MediaKind.IMAGE, mime="image/png", filename="x.png", file_id="f9")
    what = delivery(Kind.MESSAGE, "", held)
    [part] = bridge.fit(what)
    assert bridge.render(what, part).files == (
        FilePart(field="attach", filename="x.png", mime="image/png", file_id="f9"),
    )


def test_words_of_each_kind(bridge: OperatorBridge, make_bridge: Callable[..., OperatorBridge]):
    def said(what: Delivery, by: OperatorBridge = bridge) -> str:
        [part] = by.fit(what)
        return part.text

    when = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
    assert said(delivery(text="<b>#1</b> & {{ x }}")) == "<b>#1</b> & {{ x }}"
    assert said(delivery(text="", placeholder="story_mention")) == "[story_mention: the relay cannot show this]"
    assert said(delivery(text="")) == "[empty message]"
    assert said(delivery(text="hi", late=True, created_at=when)) == "[late, 1 Mar 2026, 09:05 UTC] hi"
    assert said(delivery(Kind.COMMENT, "Nice!")) == "[public comment: can be answered once, with text only]\nNice!"
    mirrored = delivery(Kind.MIRROR, "Yes", origin="sales", author="Olga", options=("A", "B"))
    assert said(mirrored) == "[answered from sales, Olga]\nYes\n> A | B"
    assert said(delivery(Kind.MIRROR, "Yes", origin="sales")) == "[answered from sales]\nYes"
    assert said(delivery(Kind.NOTICE, "Not sent.")) == "[relay #42] Not sent."
    ru = make_bridge(locale="ru")
    assert said(delivery(Kind.NOTICE, "Не ушло."), ru) == "[релей #42] Не ушло."
    assert said(delivery(Kind.MIRROR, "Да", origin="sales"), ru) == "[ответ из sales]\nДа"
    assert said(delivery(text="", placeholder="share"), ru) == "[share: этого релей показать не может]"


def test_a_notice_about_no_conversation(bridge: OperatorBridge):
    fields = fields_of(bridge, delivery(Kind.NOTICE, "The channel is unpaid.", contact=None, bot_id=0))
    assert (fields["user_id"], fields["message"]) == ("0", "[relay] The channel is unpaid.")


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.DELETE])
def test_what_a_panel_cannot_be_told(bridge: OperatorBridge, kind: Kind):
    with pytest.raises(UnsupportedContent):
        bridge.fit(delivery(kind))


def test_safe_url_shows_no_secret_of_a_configured_address():
    url = "https://user:canary@panel.example.com:8443/api?key=canary"
    request = message_sent_request(url, TOKEN, user_id=1, contact_id=2, message="")
    assert request.safe_url == "https://panel.example.com:8443/api"


@given(st.lists(st.tuples(st.sampled_from(["message", "user_id", "attaches[0][big]"]), st.text()), min_size=1))
def test_multipart_survives_another_parser(fields: list[tuple[str, str]]):
    body, content_type = multipart(fields)
    boundary = content_type.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == len(fields) + 1
    pieces = body.split(b"--" + boundary)[1:-1]
    got = [piece.split(b"\r\n\r\n", 1)[1][:-2].decode() for piece in pieces]
    assert got == [value.encode("utf-8", "replace").decode() for _, value in fields]


def test_nobody_can_write_the_boundary():
    text = "hello"
    for _ in range(3):
        _, content_type = multipart([("message", text)])
        text += content_type.partition("boundary=")[2]
    body, content_type = multipart([("message", text)])
    assert body.count(content_type.partition("boundary=")[2].encode()) == 2


def test_lone_surrogates_do_not_break_the_body(bridge: OperatorBridge):
    assert fields_of(bridge, delivery(text="a\ud83d b"))["message"] == "a\ufffd b"


def test_attaches_by_the_client_may_have_a_thumbnail():
    photos = [Photo("https://a/1", "https://a/1s")]
    for attaching in (Attaching.BRACKETS, Attaching.JSON):
        request = message_sent_request(
            URL, TOKEN, user_id=1, contact_id=2, message="", photos=photos, attaching=attaching
        )
        assert b"https://a/1s" in request.body


# --- answers --------------------------------------------------------------------------------------------------------

HTML = b"<!doctype html><html><head><title>Log in</title></head><body><form>...</form></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "content_type", "verdict", "reason", "certain"),
    [
        (200, b"", "", Verdict.ACCEPTED, "", True),
        (204, b"", "", Verdict.ACCEPTED, "", True),
        (200, b'{"ok": true}', "application/json", Verdict.ACCEPTED, "", True),
        (200, b'{"status": "ok", "errors": []}', "text/html", Verdict.ACCEPTED, "", True),
        (200, b"[]", "text/html", Verdict.ACCEPTED, "", True),
        (200, b"OK", "text/html", Verdict.ACCEPTED, "", True),
        (200, b"null", "", Verdict.ACCEPTED, "", True),
        (200, b"false", "", Verdict.REJECTED, "refused", True),
        (200, b'{"error": "no such user"}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"errors": ["no such user"]}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"error": {"message": "no such user"}}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"success": false, "message": "no such user"}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"status": "Error", "description": "no such user"}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"success": 0, "message": "no such user"}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"ok": 0, "description": {"text": "no such user"}}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"error": {"code": 7, "detail": "no such user"}}', "", Verdict.REJECTED, "refused", True),
        (200, b'{"status": 500, "message": "Internal error"}', "", Verdict.RETRY, "http_500", False),
        (200, b'{"status": "503"}', "", Verdict.RETRY, "http_503", False),
        (200, b'{"code": 403, "message": "Forbidden"}', "", Verdict.CREDENTIALS, "unauthorised", True),
        (200, b'{"code": 429}', "", Verdict.RETRY, "rate_limited", True),
        (200, b'{"error": "0"}', "", Verdict.ACCEPTED, "", True),
        (200, b'{"error": "none", "ok": "1"}', "", Verdict.ACCEPTED, "", True),
        (200, b'{"error_code": 0, "error_message": "OK"}', "", Verdict.ACCEPTED, "", True),
        (200, b'{"code": 0}', "", Verdict.ACCEPTED, "", True),
        (200, b'{"status": 200}', "", Verdict.ACCEPTED, "", True),
        (200, b'{"result": 417}', "", Verdict.ACCEPTED, "", True),  # an id, say
        (200, HTML, "text/html; charset=utf-8", Verdict.RETRY, "html", False),
        (200, b"\n <br /><b>Fatal error</b>: x", "text/plain", Verdict.RETRY, "html", False),
        (200, b"PHP Fatal error: out of memory", "text/plain", Verdict.RETRY, "not_json", False),
        (302, b"", "", Verdict.RETRY, "redirected", True),
        (400, b"bad", "", Verdict.REJECTED, "bad_request", True),
        (401, b"", "", Verdict.CREDENTIALS, "unauthorised", True),
        (403, HTML, "text/html", Verdict.CREDENTIALS, "unauthorised", True),
        (404, b"", "", Verdict.REJECTED, "not_found", True),
        (408, b"", "", Verdict.RETRY, "timeout", False),
        (410, b"", "", Verdict.REJECTED, "gone", True),
        (413, b"", "", Verdict.REJECTED, "too_large", True),
        (418, b"", "", Verdict.REJECTED, "http_418", True),
        (422, b'{"error": "no such user"}', "", Verdict.REJECTED, "invalid", True),
        (429, b"", "", Verdict.RETRY, "rate_limited", True),
        (500, b"", "", Verdict.RETRY, "http_500", False),
        (502, HTML, "text/html", Verdict.RETRY, "http_502", False),
        (503, b"", "", Verdict.RETRY, "http_503", True),
    ],
)
def test_what_an_answer_means(
    bridge: OperatorBridge, status: int, body: bytes, content_type: str, verdict: Verdict, reason: str, certain: bool
):
    headers = (("content-type", content_type), ("location", "https://panel.example.com/login?next=canary"))
    outcome = bridge.classify(RawResponse(status=status, headers=headers, body=body))
    assert (outcome.verdict, outcome.reason, outcome.certain, outcome.status) == (verdict, reason, certain, status)
    if b"no such user" in body:
        assert outcome.words == "no such user"
    if body is HTML:
        assert "Log in" in outcome.words
    assert "canary" not in outcome.words


def test_an_id_in_the_answer_is_kept():
    assert outcome_of(RawResponse(status=200, body=b'{"message_id": 991}')).remote_id == "991"
    assert outcome_of(RawResponse(status=200, body=b'{"id": true}')).remote_id == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30", 30.0),
        ("Sun, 01 Mar 2026 10:01:00 GMT", 60.0),
        ("-1", None),
        ("0", None),
        ("1000000000", None),
        ("x", None),
    ],
)
def test_retry_after(value: str, expected: float | None):
    """PITFALLS experiment 17: seconds, a date against the answer's own date, and nonsense."""
    headers = (("retry-after", value), ("date", "Sun, 01 Mar 2026 10:00:00 GMT"))
    assert outcome_of(RawResponse(status=503, headers=headers)).retry_after_s == expected


bodies = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ok", "error", "errors", "status", "message", "id", "success"]), inner, max_size=4
        )
    ),
    max_leaves=8,
).map(lambda v: json.dumps(v).encode())
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "retry-after", "date", "location"]),
        st.sampled_from(["text/html", "http://[", "Sun, 01 Mar 2026 10:00:00", "1e5", "²"]) | st.text(max_size=20),
    ),
    max_size=4,
)


@given(st.integers(-1, 1000), headers, bodies)
def test_no_answer_makes_classify_raise(status: int, head: list[tuple[str, str]], body: bytes):
    outcome = outcome_of(RawResponse(status=status, headers=head, body=body))
    assert outcome.status == status
    assert (outcome.verdict is Verdict.ACCEPTED) <= (200 <= status < 300)
    assert len(outcome.words) <= 700
    assert outcome.retry_after_s is None or outcome.retry_after_s > 0


# --- probing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "ok", "says"),
    [
        ([405], True, "HTTP 405"),
        ([501, 200], True, "HTTP 200"),
        ([500, 502], False, "HTTP 502"),
        ([None], False, "no way"),
    ],
)
def test_probe_tells_what_can_be_told(bridge: OperatorBridge, answers: list[int | None], ok: bool, says: str):
    asked: list[OutboundRequest] = []

    async def http(request: OutboundRequest) -> RawResponse:
        asked.append(request)
        status = answers[len(asked) - 1]
        if status is None:
            raise SendError("connect", "no way there", certain=True)
        return RawResponse(status=status)

    [check] = asyncio.run(_probe(bridge, http))
    assert check.ok is ok and says in check.found
    assert ok or check.remedy
    assert all(r.method in ("OPTIONS", "GET") and TOKEN not in repr(r) for r in asked)


async def _probe(bridge: OperatorBridge, http: Any) -> Any:
    return await bridge.probe(http)


@pytest.mark.parametrize("name", ["success", "ok", "result", "status"])
@pytest.mark.parametrize("value", ["0", "false", "FALSE", "no", "error", 0, False, 0.0])
def test_no_is_no_however_it_is_written(name: str, value: object):
    outcome = outcome_of(RawResponse(status=200, body=json.dumps({name: value}).encode()))
    assert (outcome.verdict, outcome.reason) == (Verdict.REJECTED, "refused")
