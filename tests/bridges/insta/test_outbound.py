"""What goes out, within the document's limits, and what the answers mean."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridges.insta.outbound import classify, fit
from bridges.insta.settings import InstaSettings
from bridges.insta.spec import SPEC
from relay.contract import Feature, Support
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Attachment, Kind, MediaKind, Outcome, Part, RawResponse, Verdict
from relay.fitting.files import MB
from relay.fitting.texts import byte_length
from tests.bridges.insta.conftest import CONTACT, TOKEN, URL, answer, make_bridge, settings

PHOTO = Attachment(kind=MediaKind.IMAGE, mime="image/png", filename="a.png", url="https://r.example/media/a", size=5)
SONG = Attachment(kind=MediaKind.AUDIO, mime="audio/mpeg", filename="b.mp3", url="https://r.example/media/b", size=5)


def refusals(*args, **kwargs) -> dict[str, dict[str, str]]:
    with pytest.raises(UnsupportedContent) as caught:
        fit(answer(*args, **kwargs))
    return {r.notice: dict(r.facts) for r in caught.value.refusals}


# --- fitting --------------------------------------------------------------------------------------------------------


def test_a_short_text_is_one_part():
    assert fit(answer("Здравствуйте")) == (Part(text="Здравствуйте"),)


def test_the_first_part_carries_the_file_and_the_last_the_options():
    text = "слово " * 300  # 3,300 bytes
    parts = fit(answer(text, PHOTO, options=("Да", "Нет")))
    assert len(parts) == 4
    assert [p.attachments for p in parts] == [(PHOTO,), (), (), ()]
    assert [p.options for p in parts] == [(), (), (), ("Да", "Нет")]
    assert " ".join(p.text for p in parts) == text.strip()


def test_several_files_go_first_and_the_text_begins_with_the_last():
    assert fit(answer("Look", PHOTO, SONG, options=("ok",))) == (
        Part(attachments=(PHOTO,)),
        Part(text="Look", attachments=(SONG,), options=("ok",)),
    )
    assert fit(answer("", PHOTO)) == (Part(attachments=(PHOTO,)),)


@given(st.text(min_size=1, max_size=6000))
def test_every_part_is_within_both_limits(text):
    delivery = answer(text)
    if not text.strip():
        assert "refused_empty" in refusals(text)
        return
    parts = fit(delivery)
    assert parts and parts == fit(delivery)
    assert all(len(p.text) <= 1000 and byte_length(p.text) <= 1000 for p in parts)
    assert "".join("".join(p.text for p in parts).split()) == "".join(text.split())


def test_everything_wrong_is_said_at_once():
    big = Attachment(kind=MediaKind.IMAGE, mime="image/jpeg", filename="big.jpg", size=26 * MB)
    svg = Attachment(kind=MediaKind.IMAGE, mime="image/svg+xml", filename="x.svg", size=9)
    empty = Attachment(kind=MediaKind.VIDEO, mime="video/mp4", filename="no.mp4", size=0)
    said = refusals("", big, svg, empty, options=("x" * 21, *["ok"] * 13))
    assert set(said) == {
        "refused_file_too_big", "refused_file_type", "refused_file_empty", "refused_too_many_options",
        "refused_option_too_long",
    }  # fmt: skip
    assert said["refused_file_too_big"] == {"filename": "big.jpg", "found": "26.0 MB", "allowed": "8.0 MB"}
    assert said["refused_too_many_options"] == {"found": "14", "allowed": "13"}
    assert refusals("  \n", options=("ok",)) == {"refused_empty": {}}


@pytest.mark.parametrize(
    ("kind", "mime", "megabytes"),
    [
        (MediaKind.IMAGE, "image/jpeg", 8),
        (MediaKind.IMAGE, "image/png", 8),
        (MediaKind.IMAGE, "image/x-icon", 8),
        (MediaKind.IMAGE, "image/vnd.microsoft.icon", 8),
        (MediaKind.IMAGE, "image/bmp", 8),
        (MediaKind.AUDIO, "audio/mpeg", 25),
        (MediaKind.AUDIO, "audio/aac", 25),
        (MediaKind.AUDIO, "audio/mp4", 25),
        (MediaKind.AUDIO, "audio/x-m4a", 25),
        (MediaKind.AUDIO, "audio/wav", 25),
        (MediaKind.VIDEO, "video/mp4", 25),
    ],
)
def test_the_documents_types_and_sizes(kind, mime, megabytes):
    fits = Attachment(kind=kind, mime=mime, filename="f", size=megabytes * MB)
    over = Attachment(kind=kind, mime=mime, filename="f", size=megabytes * MB + 1)
    assert fit(answer("", fits))
    assert set(refusals("", over)) == {"refused_file_too_big"}


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        (MediaKind.IMAGE, "image/gif"),
        (MediaKind.IMAGE, "image/webp"),
        (MediaKind.VIDEO, "video/webm"),
        (MediaKind.AUDIO, "audio/ogg"),
        (MediaKind.FILE, "application/pdf"),
        (MediaKind.IMAGE, ""),
    ],
)
def test_other_types_are_refused(kind, mime):
    said = refusals("", Attachment(kind=kind, mime=mime, filename="f", size=5))
    assert set(said) == {"refused_file_type"} and "jpg" in said["refused_file_type"]["allowed"]


def test_a_comment_is_answered_with_one_text():
    assert fit(answer(" Да! ", comment_id="c1")) == (Part(text="Да!"),)
    assert fit(answer("x" * 1000, comment_id="c1")) == (Part(text="x" * 1000),)
    assert refusals("x" * 1001, comment_id="c1") == {
        "refused_comment_too_long": {"found": "1001", "allowed": "1000", "unit": "characters"}
    }
    assert refusals("я" * 501, comment_id="c1") == {
        "refused_comment_too_long": {"found": "1002", "allowed": "1000", "unit": "bytes"}
    }
    assert set(refusals("hi", PHOTO, options=("a",), comment_id="c1")) == {
        "refused_file_to_comment",
        "refused_options_to_comment",
    }
    assert refusals(" ", comment_id="c1") == {"refused_empty": {}}


def test_nothing_can_be_taken_back():
    with pytest.raises(UnsupportedContent) as caught:
        fit(answer("x", kind=Kind.DELETE))
    assert caught.value.refusals == (Refusal("refused_unsupported", (("what", "delete"),)),)
    assert SPEC.support[Feature.DELETE] is Support.REFUSE


# --- requests -------------------------------------------------------------------------------------------------------


def test_the_request_is_the_documents(bridge):
    delivery = answer("Пример текста", PHOTO, options=("Да", "Нет"))
    request = bridge.render(delivery, fit(delivery)[0])
    assert (request.method, request.url) == ("POST", f"{URL}/{TOKEN}/sendMsg")
    assert request.content_type.startswith("application/json")
    assert json.loads(request.body) == {
        "username": "anna.travels",
        "user_id": "47367670001",
        "file": "https://r.example/media/a",
        "caption": "Пример текста",
        "options": ["Да", "Нет"],
    }
    assert TOKEN not in request.safe_url and request.safe_url == f"{URL}/***/sendMsg"
    assert "***" not in request.url


def test_what_is_not_there_is_left_out(bridge):
    delivery = answer("Привет")
    body = json.loads(bridge.render(delivery, Part(text="Привет")).body)
    assert body == {"username": "anna.travels", "user_id": "47367670001", "caption": "Привет"}
    assert json.loads(bridge.render(delivery, Part(attachments=(PHOTO,))).body).keys() == {
        "username",
        "user_id",
        "file",
    }


def test_an_answer_to_a_comment_names_the_comment(bridge):
    body = json.loads(bridge.render(answer("Да", comment_id="17900000000000001"), Part(text="Да")).body)
    assert body == {"username": "anna.travels", "user_id": "17900000000000001", "caption": "Да"}


def test_the_form_encoding_is_a_switch():
    request = make_bridge(encoding="form").render(answer("я", options=("a", "b")), Part(text="я", options=("a", "b")))
    assert request.content_type == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode()) == [
        ("username", "anna.travels"), ("user_id", "47367670001"), ("caption", "я"), ("options[]", "a"),
        ("options[]", "b"),
    ]  # fmt: skip


def test_a_broken_character_does_not_stop_a_message(bridge):
    body = json.loads(bridge.render(answer("a\ud83d"), Part(text="a\ud83d\0")).body)
    assert body["caption"] == "a\ufffd"


def test_the_token_is_secret_in_the_settings():
    assert TOKEN not in repr(settings()) and CONTACT.username not in repr(settings())


# --- answers --------------------------------------------------------------------------------------------------------


def said(status: int, body: bytes | dict[str, Any], **headers: str) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return classify(
        RawResponse(status=status, headers=tuple((k.replace("_", "-"), v) for k, v in headers.items()), body=raw)
    )


DOCUMENTED = (
    b'{\n"result": {\n"success": true,\n"queue_id": "035c10f2c99165a7f72683ffd0c01abcca1b2019"\n},\n"error": null\n}'
)


def test_the_documents_answer_is_accepted():
    outcome = said(200, DOCUMENTED)
    assert (outcome.verdict, outcome.remote_id) == (Verdict.ACCEPTED, "035c10f2c99165a7f72683ffd0c01abcca1b2019")


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason", "certain"),
    [
        (200, {"result": {"success": "true", "queue_id": 7}}, Verdict.ACCEPTED, "", True),
        (201, {"result": {"success": True}}, Verdict.ACCEPTED, "", True),
        (200, {"result": {"success": False}, "error": "нет такого"}, Verdict.REJECTED, "refused", True),
        (200, {"result": {"success": 0}, "error": {"message": "x"}}, Verdict.REJECTED, "refused", True),
        (
            200,
            {"result": {"success": False}, "error": "Нет активных каналов (оплаченных)"},
            Verdict.CREDENTIALS,
            "unpaid",
            True,
        ),
        (
            200,
            {"result": {"success": False}, "error": "Недействительный токен"},
            Verdict.CREDENTIALS,
            "bad_token",
            True,
        ),
        (200, b"<!doctype html><title>502</title>", Verdict.RETRY, "not_json", False),
        (200, b"", Verdict.RETRY, "not_json", False),
        (200, b"[]", Verdict.RETRY, "unexpected_answer", False),
        (200, {"result": None}, Verdict.RETRY, "unexpected_answer", False),
        (204, b"", Verdict.RETRY, "not_json", False),
        (400, {"result": {"success": False}, "error": "не верный запрос"}, Verdict.REJECTED, "bad_request", True),
        (401, {"error": "недействительный токен"}, Verdict.CREDENTIALS, "bad_token", True),
        (402, {"error": None}, Verdict.CREDENTIALS, "unpaid", True),
        (403, b"", Verdict.RETRY, "http_403", True),
        (404, b"", Verdict.RETRY, "http_404", True),
        (408, b"", Verdict.RETRY, "http_408", True),
        (410, b"", Verdict.REJECTED, "gone", True),
        (413, b"", Verdict.REJECTED, "too_large", True),
        (429, b"", Verdict.RETRY, "rate_limited", True),
        (500, b"", Verdict.RETRY, "server_error", False),
        (502, b"<html>", Verdict.RETRY, "server_error", False),
        (503, b"", Verdict.RETRY, "server_error", True),
        (504, b"", Verdict.RETRY, "server_error", False),
        (302, b"", Verdict.RETRY, "http_302", True),
    ],
)
def test_what_each_answer_means(status, body, verdict, reason, certain):
    outcome = said(status, body)
    assert (outcome.verdict, outcome.reason, outcome.certain, outcome.status) == (verdict, reason, certain, status)


def test_the_other_sides_words_are_kept():
    assert said(400, {"error": "caption: слишком длинно"}).words == "caption: слишком длинно"
    assert said(502, b"<html><head><title>Bad Gateway</title></head>").words == "Bad Gateway"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", None),
        ("-1", None),
        ("soon", None),
        ("Sat, 21 Nov 2026 10:01:00 GMT", 60.0),
        ("9" * 40, None),
    ],
)
def test_retry_after(header, seconds):
    outcome = said(429, b"", retry_after=header, date="Sat, 21 Nov 2026 10:00:00 GMT")
    assert outcome.retry_after_s == seconds


@given(
    st.integers(0, 999),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: (
            st.lists(v, max_size=3)
            | st.dictionaries(st.sampled_from(["result", "success", "queue_id", "error", "message"]), v, max_size=4)
        ),
    ).map(lambda v: json.dumps(v).encode()),
    st.text(max_size=30),
)
def test_any_answer_has_an_outcome(status, body, retry_after):
    headers = (("retry-after", retry_after), ("date", "Sat, 21 Nov 2026 10:00:00 GMT"))
    outcome = classify(RawResponse(status=status, headers=headers, body=body))
    assert isinstance(outcome.verdict, Verdict)
    assert outcome.verdict is Verdict.ACCEPTED or outcome.reason


def test_a_nesting_bomb_has_an_outcome():
    assert said(200, b'{"error":' + b"[" * 50_000).verdict is Verdict.RETRY
    assert said(400, b'{"error":' + b"[" * 900 + b"]" * 900 + b"}").verdict is Verdict.REJECTED


# --- settings -------------------------------------------------------------------------------------------------------


def test_the_sandbox_needs_no_token_and_anything_else_does():
    assert InstaSettings.model_validate({"kind": "insta", "url": "sandbox"}).token.get_secret_value()
    with pytest.raises(ValueError, match="token must be set"):
        InstaSettings.model_validate({"kind": "insta", "url": URL})
    with pytest.raises(ValueError, match="token must be set"):
        InstaSettings.model_validate({"kind": "insta", "url": URL, "token": " "})


@pytest.mark.parametrize(
    "url", ["api.getloo.ru", "ftp://x/insta", "https://", "https://u:p@x/", "https://x/?a=1", "http://["]
)
def test_addresses_that_cannot_be(url):
    with pytest.raises(ValueError, match="allowed is an address"):
        settings(url=url)


def test_a_token_with_a_slash_is_refused_without_being_repeated():
    with pytest.raises(ValidationError) as caught:
        settings(token="SECRET/../getInfo")
    assert "letters, digits" in caught.value.errors(include_input=False)[0]["msg"]


def test_unknown_keys_and_wrong_bot_ids_are_errors():
    for wrong in ({"colour": 1}, {"bot_id": 0}, {"bot_id": "x"}, {"encoding": "xml"}):
        with pytest.raises(ValueError):
            settings(**wrong)
    assert make_bridge(bot_id=7).bot_id == 7 and make_bridge().bot_id is None
    assert settings(url=URL + "/").url == URL
