"""Answers to users of the messenger: pieces of text, files as links, deletions; and what answers to them mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.astrak.client import hide
from bridges.astrak.outbound import outcome_of
from relay.contract.errors import UnsupportedContent
from relay.contract.model import Attachment, Kind, MediaKind, Outcome, Part, RawResponse, Verdict
from tests.bridges.astrak.far import URL, account, answer

CAT = Attachment(kind=MediaKind.IMAGE, mime="image/jpeg", filename="cat.jpg", url="https://relay/media/x", size=5)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjp7InBhc3N3b3JkIjoiY2FuYXJ5In19.c2lnbmF0dXJl"


def test_golden_request_has_no_token_until_it_is_sent():
    bridge = account()
    what = answer("Привет & пока", to=9)
    [part] = bridge.fit(what)
    request = bridge.render(what, part)
    assert (request.method, request.url, request.safe_url) == ("POST", f"{URL}/messages/send", f"{URL}/messages/send")
    assert request.content_type == "application/x-www-form-urlencoded"
    assert request.body == (b"token=&text=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82+%26+%D0%BF%D0%BE%D0%BA%D0%B0&to=9")


def test_long_text_is_split_and_files_follow_as_links():
    bridge = account(max_text=20)
    what = answer("one two three four five six seven", files=(CAT,))
    parts = bridge.fit(what)
    assert [p.text for p in parts] == ["one two three four", "five six seven", ""]
    assert parts[2].attachments == (CAT,)
    assert b"cat.jpg%3A+https%3A%2F%2Frelay%2Fmedia%2Fx" in bridge.render(what, parts[2]).body


def test_the_same_parts_before_the_file_has_an_address():
    bridge = account()
    held = Attachment(kind=MediaKind.IMAGE, mime="image/jpeg", filename="cat.jpg", file_id="f1", size=5)
    assert bridge.fit(answer("x", files=(held,)))[0] == bridge.fit(answer("x", files=(CAT,)))[0]


def test_options_become_lines():
    [part] = account().fit(answer("When?", options=("Today", "Later")))
    assert part.text == "When?\n\n• Today\n• Later"
    [part] = account().fit(answer("", options=("Today", "Later")))
    assert part.text == "• Today\n• Later"


def test_a_deletion_is_a_request_for_each_message():
    bridge = account()
    what = answer("", kind=Kind.DELETE, remote_ids=("12", "13"))
    assert bridge.fit(what) == [Part(text="12"), Part(text="13")]
    request = bridge.render(what, Part(text="12"))
    assert (request.url, request.body) == (f"{URL}/messages/delete", b"token=&message_id=12")


@pytest.mark.parametrize(
    ("what", "notices"),
    [
        (answer(""), ["refused_empty"]),
        (answer(" \n"), ["refused_empty"]),
        (answer("x", options=("", "a")), ["refused_option_empty"]),
        (
            answer("", files=(Attachment(kind=MediaKind.FILE, filename="e.pdf", size=0),), options=("",)),
            ["refused_option_empty", "refused_file_empty"],
        ),
        (answer("x", kind=Kind.MIRROR), ["refused_unsupported"]),
        (answer("", kind=Kind.DELETE), ["refused_unsupported"]),
        (answer("x", comment_id="c1"), ["refused_unsupported"]),
    ],
)
def test_what_cannot_be_sent_is_refused_with_every_reason(what: Any, notices: list[str]):
    with pytest.raises(UnsupportedContent) as caught:
        account().fit(what)
    assert [r.notice for r in caught.value.refusals] == notices


@given(st.text(min_size=1), st.integers(20, 60))
def test_no_piece_is_longer_than_the_setting_and_no_word_is_lost(text: str, limit: int):
    try:
        parts = account(max_text=limit).fit(answer(text))
    except UnsupportedContent:
        assert not text.strip()
        return
    assert all(0 < len(p.text) <= limit for p in parts)
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    assert sorted("".join("".join(p.text for p in parts).split())) == sorted("".join(whole.split()))


def outcome(status: int, body: Any, *headers: tuple[str, str]) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome_of(RawResponse(status=status, headers=headers, body=raw), "canary-password-1")


HTML = b"<!DOCTYPE html><html><head><title>Application error</title></head></html>"


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason", "certain"),
    [
        (200, {"code": 6}, Verdict.ACCEPTED, "", True),
        (200, {"code": 0, "response": "sent"}, Verdict.ACCEPTED, "", True),
        (200, {"response": None}, Verdict.ACCEPTED, "", True),
        (200, {"code": -5, "response": "no such user"}, Verdict.REJECTED, "refused", True),
        (200, {"code": "-5", "response": "no such user"}, Verdict.REJECTED, "refused", True),
        (400, {"code": -5, "response": "no such user"}, Verdict.REJECTED, "refused", True),
        (200, HTML, Verdict.RETRY, "not_json", False),
        (200, b"", Verdict.RETRY, "not_json", False),
        (200, b"[]", Verdict.RETRY, "not_json", False),
        (302, b"", Verdict.RETRY, "not_json", False),
        (401, {"error": "x"}, Verdict.CREDENTIALS, "unauthorised", True),
        (403, HTML, Verdict.CREDENTIALS, "unauthorised", True),
        (404, HTML, Verdict.RETRY, "http_404", True),
        (408, b"", Verdict.RETRY, "http_408", False),
        (413, HTML, Verdict.REJECTED, "http_413", True),
        (429, b"", Verdict.RETRY, "rate_limited", True),
        (500, {"error": "x"}, Verdict.RETRY, "http_500", False),
        (503, HTML, Verdict.RETRY, "http_503", True),
    ],
)
def test_what_an_answer_means(status: int, body: Any, verdict: Verdict, reason: str, certain: bool):
    found = outcome(status, body)
    assert (found.verdict, found.reason, found.certain, found.status) == (verdict, reason, certain, status)
    if b"no such user" in json.dumps(body if isinstance(body, dict) else "").encode():
        assert found.words == "no such user"


def test_only_a_message_id_by_that_name_is_believed():
    assert outcome(200, {"code": 1, "message_id": 7}).remote_id == "7"
    assert outcome(200, {"code": 1, "response": {"message_id": "8"}}).remote_id == "8"
    assert outcome(200, {"code": 1, "response": 9, "id": 1}).remote_id == ""


def test_retry_after_is_kept():
    assert outcome(503, HTML, ("retry-after", "7")).retry_after_s == 7
    assert outcome(200, {"code": -1}, ("retry-after", "7")).retry_after_s is None


def test_words_never_hold_a_token_or_the_password():
    for body in (
        {"code": -3, "response": f"bad token {JWT} of canary-password-1"},
        f"<p>{JWT} canary-password-1".encode(),
    ):
        words = outcome(200, body).words
        assert "eyJ" not in words and "canary" not in words and "…" in words
    assert hide("eyJhbGciOiJIUzI1Ni") == "…"
    assert hide("eyJ is how they begin") == "eyJ is how they begin"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "response", "message_id", "error", "x"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(st.integers(-1, 1000), st.binary(max_size=100) | values.map(lambda v: json.dumps(v).encode()))
def test_no_answer_makes_classify_raise(status: int, body: bytes):
    found = account().classify(RawResponse(status=status, body=body))
    assert found.status == status and len(found.words) <= 500
    assert (found.verdict is Verdict.ACCEPTED) <= (status < 400)
