"""The way in: golden hooks, and whatever else may come."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract import RawRequest, VerifiedRequest
from relay.contract.errors import MalformedPayload, VerificationFailed
from relay.contract.model import Answer, Command, Event, Misaddressed, Note
from tests.bridges.team.samples import FORM, KEY, bridge, hook

BRIDGE = bridge()

# The six fields of the document, with values as in its examples.
FIELDS = {
    "chat": "g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad",
    "chat_display_name": "Sales",
    "created": "2019-09-27T01:00:04.005231Z",
    "sender": "d-a2d94e8e-74aa-4b0b-b55d-0b4fc1ce07f4",
    "sender_display_name": "Контакт №2",
    "text": "#42 hello",
}


def read(request: RawRequest) -> Event:
    (event,) = BRIDGE.parse(BRIDGE.verify(request))
    return event


def said(text: str) -> Event:
    return read(hook(FIELDS | {"text": text}))


def answered(text: str) -> Answer:
    event = said(text)
    assert isinstance(event, Answer)
    return event


def test_golden_hook_every_field():
    event = read(hook(FIELDS))
    assert event == Answer(
        contact_id=42,
        content=event.content,  # type: ignore[union-attr]
        author="Контакт №2",
        identity=(FIELDS["chat"], FIELDS["sender"], FIELDS["created"], "#42 hello"),
        within_s=None,
        raw_text="#42 hello",
    )
    assert isinstance(event, Answer)
    assert (event.content.text, event.content.options, event.content.attachments) == ("hello", (), ())


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(FIELDS).encode(), "application/json"),
        (json.dumps(FIELDS, ensure_ascii=False).encode(), ""),  # FACTS 1.4: no Content-Type at all
        (json.dumps(FIELDS).encode(), "text/plain"),
        ("&".join(f"{k}={quote_from_bytes(v.encode())}" for k, v in FIELDS.items()).encode(), ""),
        ("&".join(f"{k}={quote_from_bytes(v.encode())}" for k, v in FIELDS.items()).encode(), FORM),
    ],
)
def test_every_encoding_says_the_same(body: bytes, content_type: str):
    assert read(hook(body=body, content_type=content_type)) == read(hook(FIELDS))


@pytest.mark.parametrize(
    ("text", "number", "words"),
    [
        ("#42 hello", 42, "hello"),
        ("#42: hello", 42, "hello"),
        ("#42:hello", 42, "hello"),
        ("#42\nhello\nworld", 42, "hello\nworld"),
        ("  #42   hello  ", 42, "hello"),
        ("#42\u00a0hello", 42, "hello"),
        ("#42, hello", 42, "hello"),
        ("№42 hello", 42, "hello"),  # a Russian keyboard's Shift-3
        ("＃42: hello", 42, "hello"),
        ("\u200e#42 hello", 42, "hello"),  # marks that nobody sees do not count
        ("\ufeff\u200b \u2066#42 hello", 42, "hello"),
        ("#42 :) thanks", 42, ":) thanks"),
        ("#007 hello", 7, "hello"),
        ("#42 #43 is waiting too", 42, "#43 is waiting too"),
        ("#42", 42, ""),  # an empty answer is still one: the core tells the desk
        ("#42:", 42, ""),
        ("#42 \n ", 42, ""),
        ("#0 hello", 0, "hello"),
        ("#42 سلام 👋🏽", 42, "سلام 👋🏽"),
    ],
)
def test_number_addresses_a_customer(text: str, number: int, words: str):
    event = answered(text)
    assert (event.contact_id, event.username, event.content.text) == (number, "", words)
    assert event.raw_text == text


@pytest.mark.parametrize(
    ("text", "username", "words"),
    [
        ("@anna: hello", "anna", "hello"),
        ("@anna.b_c-9: hello", "anna.b_c-9", "hello"),
        ("@Анна:\nпривет", "Анна", "привет"),
        ("@anna:", "anna", ""),
        ("\u200f@anna: hello", "anna", "hello"),
    ],
)
def test_username_addresses_a_customer(text: str, username: str, words: str):
    event = answered(text)
    assert (event.contact_id, event.username, event.content.text) == (None, username, words)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        "#42… (2/3) the rest of a long text",  # how our own posts go on
        "#42... (2/3) the rest of a long text",  # and what a chat server makes of it
        "→ #42 Olga (panel): hello",  # another desk's answer, as we show it
        "ℹ️ #42: not delivered",
        "the customer #42 waits",
        "##42 hello",
        "#٤٢ hello",  # digits, but not the ones we write
        "@ anna hello",
        "@anna. hello",
        "anna@example.com wrote",
        "/italic/ text",
        "/path/to/file",
        "/",
    ],
)
def test_other_talk_is_a_note(text: str):
    assert said(text) == Note(text=text)


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/help", "help", ""),
        ("/HELP ", "help", ""),
        ("/list", "list", ""),
        ("/who #42", "who", "#42"),
        (" /status   #42 ", "status", "#42"),
        ("/close\n#42", "close", "#42"),
        ("/delete #42\nplease", "delete", "#42"),
        ("/who @anna", "who", "@anna"),
        ("/lsit", "lsit", ""),  # the core answers what it does not know
        ("/Помощь мне", "помощь", "мне"),
        ("/help@relay_bot", "help", ""),
    ],
)
def test_commands(text: str, name: str, argument: str):
    event = said(text)
    assert isinstance(event, Command)
    assert (event.name, event.argument, event.raw_text) == (name, argument, text)
    assert event.author == "Контакт №2"
    assert event.identity == (FIELDS["chat"], FIELDS["sender"], FIELDS["created"], text)


@pytest.mark.parametrize(
    ("text", "notice", "number", "username", "other"),
    [
        ("#42hello", "nearly_an_address", 42, "", 0),
        ("#42nd street", "nearly_an_address", 42, "", 0),
        ("# 42 hello", "nearly_an_address", 42, "", 0),
        ("№ 42 hello", "nearly_an_address", 42, "", 0),
        ("#42/hello", "nearly_an_address", 42, "", 0),
        ("#42… hello", "nearly_an_address", 42, "", 0),
        ("@anna hello", "name_without_colon", None, "anna", 0),
        ("@anna, look", "name_without_colon", None, "anna", 0),
        ("@anna", "name_without_colon", None, "anna", 0),
        ("#42 hello\n#43 and you", "two_addresses", 42, "", 43),
        ("#42 hello\n\n  №43, and you\nbye", "two_addresses", 42, "", 43),
        ("#42\n#43 hello", "two_addresses", 42, "", 43),
    ],
)
def test_what_only_looks_like_an_address_is_worth_a_hint(
    text: str, notice: str, number: int | None, username: str, other: int
):
    event = said(text)
    assert isinstance(event, Misaddressed)
    assert (event.notice, event.contact_id, event.username, event.other) == (notice, number, username, other)
    assert (event.raw_text, event.identity[3]) == (text, text)


def test_options_come_off_the_last_line():
    event = answered("#42 When?\n> Today | Tomorrow|Later")
    assert (event.content.text, event.content.options) == ("When?", ("Today", "Tomorrow", "Later"))


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "#42 hello"},
        {"text": "#42 hello", "created": "", "sender": "d-1"},
        {"text": "#42 hello", "attachment": "x", "chat": ""},  # missing and extra fields
    ],
)
def test_missing_and_extra_fields(fields: dict[str, str]):
    event = read(hook(fields))
    assert isinstance(event, Answer)
    assert event.content.text == "hello"
    # Without a time, equal words of one person are a repeat only for a short while.
    assert event.within_s is not None


def test_text_missing_is_a_note():
    # FACTS 1.8: an attachment alone is invisible in the hook
    assert read(hook({"chat": "g-1", "sender": "d-1"})) == Note(text="")


@pytest.mark.parametrize("value", [None, {"a": 1}, ["#42 x"], True])
def test_json_text_of_another_type(value: Any):
    assert read(hook(body=json.dumps({"text": value, "chat": "g-1"}).encode())) == Note(text="")


def test_json_numbers_are_text():
    assert read(hook(body=b'{"text": 42, "chat": 1}')) == Note(text="42")


def test_half_a_surrogate_pair_can_be_stored():
    event = read(hook(body=b'{"text": "#42 a\\ud83d b", "chat": "g-1"}'))
    assert isinstance(event, Answer)
    assert event.content.text.encode("utf-8").startswith(b"a")
    assert "".join(event.identity).encode("utf-8")


def test_first_of_a_repeated_field_counts():
    request = hook(FIELDS)
    repeated = RawRequest(
        method="POST",
        tail="",
        headers=request.headers,
        query={},
        body=b"",
        content_type=FORM,
        form=(*request.form, ("text", "#43 other")),
    )
    event = read(repeated)
    assert isinstance(event, Answer)
    assert event.contact_id == 42


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "empty"),
        (b"   ", "empty"),
        (b"{", "not JSON"),
        (b"[]", "must be an object"),
        (b'{"other": 1}', "None of the fields"),
        (b"other=1", "None of the fields"),
        (b"\xff\xfe=1", "not UTF-8"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_unreadable_bodies_are_refused_with_a_sentence(body: bytes, sentence: str):
    with pytest.raises(MalformedPayload, match=sentence):
        read(hook(body=body, content_type=""))


# --- who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", KEY[:-1], KEY.lower(), "ключ", "\udcff"])
def test_wrong_key_is_refused(key: str):
    with pytest.raises(VerificationFailed):
        BRIDGE.verify(hook(FIELDS, key=key))


def test_no_key_is_refused():
    with pytest.raises(VerificationFailed):
        BRIDGE.verify(RawRequest(method="POST", tail="", headers={}, query={}, body=b"x", content_type=""))


def test_each_of_several_keys_is_taken():
    both = bridge(key="first, second")
    for key in ("first", "second"):
        assert isinstance(both.verify(hook(FIELDS, key=key)), VerifiedRequest)
    for key in ("first, second", "", "third"):
        with pytest.raises(VerificationFailed):
            both.verify(hook(FIELDS, key=key))


def test_desk_without_a_key_lets_nobody_in(tmp_path):
    keyless = bridge(key=None, key_file=str(tmp_path / "none.yet"))
    with pytest.raises(VerificationFailed):
        keyless.verify(hook(FIELDS, key=""))


# --- properties -----------------------------------------------------------------------------------------------------


@given(st.text())
def test_any_text_is_one_event_that_can_be_stored(text: str):
    event = said(text)
    assert isinstance(event, Answer | Command | Misaddressed | Note)
    if isinstance(event, Answer):
        assert (event.contact_id is None) != (event.username == "")
        assert event.raw_text.encode()
        assert event.content.text in text


@given(st.binary(max_size=300), st.sampled_from(["", FORM, "application/json", "text/plain"]))
def test_any_body_is_read_or_refused(body: bytes, content_type: str):
    try:
        assert isinstance(read(hook(body=body, content_type=content_type)), Answer | Command | Misaddressed | Note)
    except MalformedPayload as e:
        assert str(e).endswith(".")
