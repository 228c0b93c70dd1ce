"""What the server's answers come to. Each row is an answer of the documents, of FACTS 1.2, or of a proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.team.envelope import CODES, classify_response, read_envelope, result_of
from relay.contract.errors import RemoteError
from relay.contract.model import Outcome, RawResponse, Verdict

A, RETRY, REJECTED, CREDENTIALS = Verdict.ACCEPTED, Verdict.RETRY, Verdict.REJECTED, Verdict.CREDENTIALS
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def answer(body: Any, status: int = 200, **headers: str) -> RawResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawResponse(status=status, headers=tuple((k.replace("_", "-"), v) for k, v in headers.items()), body=raw)


def no(error: Any, **more: Any) -> dict[str, Any]:
    return {"ok": False, "error": error, **more}


@pytest.mark.parametrize(
    ("body", "status", "verdict", "reason"),
    [
        ({"ok": True}, 200, A, ""),
        ({"ok": True}, 500, A, ""),  # the body's ok decides
        ({"_time": "425 ms", "ok": True, "result": {"message_id": "1c93"}}, 200, A, ""),
        # codes, with their own status and with 200
        *[(no(code), status, CODES[code].verdict, CODES[code].reason) for code in CODES for status in (200, 418)],
        # free text
        (no("Invalid key"), 200, CREDENTIALS, "bad_key"),
        (no("unknown API key"), 400, CREDENTIALS, "bad_key"),
        (no("Неверный ключ"), 200, CREDENTIALS, "bad_key"),
        (no("Интеграция отключена"), 200, CREDENTIALS, "bad_key"),
        (no("The integration is disabled"), 500, CREDENTIALS, "bad_key"),
        (no("The account is suspended"), 200, CREDENTIALS, "unpaid"),
        (no("Аккаунт заблокирован"), 200, CREDENTIALS, "unpaid"),
        (no("Too many requests"), 200, RETRY, "rate_limited"),
        (no("Слишком много запросов"), 200, RETRY, "rate_limited"),
        (no("Message is too long"), 200, REJECTED, "bad_text"),
        (no("Слишком длинное сообщение"), 200, REJECTED, "bad_text"),
        (no("message is required"), 200, REJECTED, "bad_text"),
        (no("Пустое сообщение"), 200, REJECTED, "bad_text"),
        (no("Oops"), 200, RETRY, "refused_unclear"),
        (no("Oops"), 400, REJECTED, "refused"),
        (no("Oops"), 401, CREDENTIALS, "unauthorized"),
        (no("Oops"), 402, CREDENTIALS, "unpaid"),
        (no("Oops"), 404, REJECTED, "refused"),
        (no("Oops"), 410, REJECTED, "refused"),
        (no("Oops"), 429, RETRY, "rate_limited"),
        (no("Oops"), 503, RETRY, "server_error"),
        (no("NEW_CODE_OF_THE_TOKEN"), 200, RETRY, "refused_unclear"),
        (no(None), 200, RETRY, "refused_unclear"),
        ({"ok": False}, 200, RETRY, "refused_unclear"),
        # no answer of theirs
        (HTML, 200, RETRY, "not_their_answer"),
        (HTML, 502, RETRY, "server_error"),
        (HTML, 404, RETRY, "not_their_answer"),
        (HTML, 403, RETRY, "not_their_answer"),
        (b"", 200, RETRY, "not_their_answer"),
        (b"ok", 200, RETRY, "not_their_answer"),
        ({"result": 1}, 200, RETRY, "not_their_answer"),
        ({"ok": "maybe"}, 200, RETRY, "not_their_answer"),
        ({"ok": "true"}, 502, RETRY, "server_error"),
        ({"ok": 0, "error": "no"}, 200, RETRY, "refused_unclear"),
        ([{"ok": True}], 200, RETRY, "not_their_answer"),
        (None, 200, RETRY, "not_their_answer"),
        (b"", 302, RETRY, "not_their_answer"),
        (b"", 401, CREDENTIALS, "unauthorized"),
        (b"", 402, CREDENTIALS, "unpaid"),
        (HTML, 410, REJECTED, "gone"),
        (HTML, 413, REJECTED, "too_large"),
        (HTML, 429, RETRY, "rate_limited"),
        (b"[" * 100_000, 200, RETRY, "not_their_answer"),
    ],
)
def test_verdicts(body: Any, status: int, verdict: Verdict, reason: str):
    outcome = classify_response(answer(body, status))
    assert (outcome.verdict, outcome.reason, outcome.status) == (verdict, reason, status)


def test_every_documented_code_is_known():
    # FACTS 1.2, the whole row
    assert {code: meaning.status for code, meaning in CODES.items()} == {
        "EMPTY_TOKEN": 401,
        "INVALID_TOKEN": 401,
        "EMPTY_SESSION": 401,
        "ACCOUNT_SUSPENDED": 402,
        "ACCESS_DENIED": 403,
        "NOT_FOUND": 404,
        "INVALID_METHOD": 405,
        "INVALID_DATA": 422,
        "RATE_LIMIT": 429,
        "ACCOUNT_NOT_FOUND": 451,
        "ACCOUNT_BLOCKED": 451,
        "INTERNAL_SERVER_ERROR": 500,
        "NO_EMPTY_WORKPLACES": 400,
        "NOT_MODIFIED": 304,
    }


def test_message_id_is_remembered():
    assert classify_response(answer({"ok": True, "result": {"message_id": "1c93"}})).remote_id == "1c93"
    assert classify_response(answer({"ok": True, "result": {"message_id": 1}})).remote_id == ""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "9" * 30}, None),
        ({"retry_after": "Fri, 27 Sep 2019 01:00:30 GMT", "date": "Fri, 27 Sep 2019 01:00:00 GMT"}, 30.0),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None):
    assert classify_response(answer(no("RATE_LIMIT"), 429, **headers)).retry_after_s == seconds


@pytest.mark.parametrize(
    ("body", "status", "certain"),
    [
        (HTML, 502, False),
        (HTML, 504, False),
        (HTML, 200, False),
        (no("INTERNAL_SERVER_ERROR"), 500, False),
        (HTML, 404, True),
        (no("RATE_LIMIT"), 429, True),
        (no("Oops"), 200, True),
        (no("Invalid key"), 200, True),
    ],
)
def test_whether_it_may_have_arrived(body: Any, status: int, certain: bool):
    assert classify_response(answer(body, status)).certain is certain


def test_words_for_people():
    said = classify_response(answer(no("INVALID_DATA", details={"to": "unknown chat", "x": None}))).words
    assert said == "INVALID_DATA; to: unknown chat; x:"
    assert classify_response(answer(no("ACCESS_DENIED", reason="not yours"))).words == "ACCESS_DENIED; not yours"
    page = classify_response(answer(HTML, 502)).words
    assert page == "HTTP 502, a page instead of an answer: 502 Bad Gateway"
    assert len(classify_response(answer(no("x" * 10_000))).words) <= 300


def test_result_or_error_with_a_remedy():
    assert result_of(answer({"ok": True, "result": "pong"})) == "pong"
    with pytest.raises(RemoteError, match="relay team login") as caught:
        result_of(answer(no("INVALID_TOKEN"), 401))
    assert (caught.value.code, caught.value.status) == ("INVALID_TOKEN", 401)
    with pytest.raises(RemoteError, match="`url`"):
        result_of(answer(HTML, 200))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.binary(max_size=200)
    | st.fixed_dictionaries({}, optional={"ok": JSON, "error": JSON, "details": JSON, "reason": JSON, "result": JSON}),
    st.integers(100, 599),
    st.text(max_size=30),
)
def test_classify_never_raises(body: Any, status: int, header: str):
    response = answer(body, status, retry_after=header, content_type=header)
    outcome = classify_response(response)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict is Verdict.ACCEPTED) == bool(read_envelope(response).ok or outcome.reason == "not_modified")
    assert outcome.words.encode() is not None
    assert len(outcome.words) <= 300
