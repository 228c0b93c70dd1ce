"""Reading any answer at all: nothing here may raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract.model import RawResponse
from relay.contract.responses import (
    WORDS_MAX,
    bare_address,
    is_html,
    json_value,
    reason_words,
    retry_after_s,
    short_words,
    yes_or_no,
)

AT = ("date", "Sun, 01 Mar 2026 10:00:00 GMT")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30", 30.0),
        ("Sun, 01 Mar 2026 10:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 09:59:00 GMT", None),
        ("0", None),
        ("-1", None),
        ("1e3", None),
        ("9" * 400, None),
        ("soon", None),
        ("", None),
        ("²", None),
    ],
)
def test_retry_after(value: str, expected: float | None):
    assert retry_after_s(RawResponse(status=503, headers=[("retry-after", value), AT])) == expected


def test_a_date_without_the_answers_own_date_is_not_guessed_at():
    assert retry_after_s(RawResponse(status=503, headers=[("retry-after", "Sun, 01 Mar 2026 10:01:00 GMT")])) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:canary@host:8443/a/b?token=canary#canary", "https://host:8443/a/b"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://[::1", "(unreadable address)"),
        ("http://host:canary/", "(unreadable address)"),
    ],
)
def test_bare_address_shows_no_secret(url: str, expected: str):
    assert bare_address(url) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<html>", "", True),
        (b"\xef\xbb\xbf\n <!doctype html>", "application/json", True),
        (b"ok", "text/html", False),
        (b"Warning: <b>x</b>", "text/html; charset=utf-8", True),
        (b"a < b", "text/plain", False),
        (b"", "text/html", False),
    ],
)
def test_what_is_a_page(body: bytes, content_type: str, expected: bool):
    assert is_html(RawResponse(status=200, headers=[("content-type", content_type)], body=body)) is expected


def test_words_of_a_page_are_its_title_or_its_text():
    assert short_words(b"<html><head><title> Log\n in </title></head><body>x</body>") == "Log in"
    assert short_words("<style>p{}</style><p>Fatal <b>error</b></p><script>x()</script>") == "Fatal error"


@given(st.binary(max_size=2000) | st.text(max_size=2000), st.text(max_size=30))
def test_nothing_raises(body: bytes | str, header: str):
    raw = body if isinstance(body, bytes) else body.encode()
    response = RawResponse(status=200, headers=[("retry-after", header), ("date", header)], body=raw)
    json_value(response)
    is_html(response)
    assert len(short_words(body)) <= WORDS_MAX
    assert "\n" not in short_words(body)
    wait = retry_after_s(response)
    assert wait is None or wait > 0
    bare_address(header)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, True), (1, True), ("1", True), (" OK ", True), ("true", True), ("success", True), (1.0, True),
        (False, False), (0, False), ("0", False), ("False", False), ("error", False), ("нет", False),
        (None, None), ("", None), (2, None), ("maybe", None), ([], None), ({}, None), ([1], None),
    ],
)  # fmt: skip
def test_yes_and_no_are_read_in_one_way(value: object, said: bool | None):
    assert yes_or_no(value) is said


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no such user", "no such user"),
        ({"message": "no such user", "code": 3}, "no such user"),
        ({"error": {"text": "no such user"}}, "no such user"),
        ({"code": 551}, '{"code": 551}'),
        (["one", {"message": "two"}], "one; two"),
        (551, "551"),
        (None, ""),
        (True, ""),
        ({}, ""),
        ([], ""),
        ("a\nb\x1b[2J", "a b [2J"),
    ],
)
def test_a_reason_is_words_whatever_it_is_given_as(value: object, words: str):
    assert reason_words(value) == words


def test_a_reason_nested_too_deeply_is_said_to_be():
    value: object = "x"
    for _ in range(5000):
        value = {"message": value}
    assert "deeply" in reason_words(value)
