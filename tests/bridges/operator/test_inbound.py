"""Hooks of the panel (Operator API, "Send message from control panel"): golden fields and what may go wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.operator import inbound
from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload, StoreUnavailable, VerificationFailed
from relay.contract.model import Answer, Unknown, Upload
from tests.bridges.operator.conftest import WEBHOOK_TOKEN, hook, json_hook


def parse(request: RawRequest, dedupe_s: float = 5.0) -> Answer:
    [event] = inbound.parse(inbound.verify(request, WEBHOOK_TOKEN), dedupe_s=dedupe_s)
    assert isinstance(event, Answer)
    return event


def upload(path: Path, data: bytes, field: str = "attach", filename: str = "cat.jpg") -> Upload:
    path.write_bytes(data)
    return Upload(field=field, filename=filename, mime="image/jpeg", path=path, size=len(data))


def test_the_documented_message_with_a_file(tmp_path: Path):
    file = upload(tmp_path / "1", b"\xff\xd8\xff")
    answer = parse(hook("message", file, user_id="7", contact_id="42", message="Hello\r\nthere"))
    assert (answer.contact_id, answer.username, answer.bot_id) == (42, "", 7)
    assert answer.content.text == answer.raw_text == "Hello\nthere"
    assert answer.uploads == (file,)
    assert answer.content.attachments == () and answer.content.options == ()
    assert answer.within_s == 5.0 and answer.author == ""


def test_form_and_json_say_the_same():
    form = parse(hook(user_id="7", contact_id="42", message="Hi", author="Anna"))
    body = {"token": WEBHOOK_TOKEN, "user_id": 7, "contact_id": 42, "message": "Hi", "author": "Anna"}
    assert parse(json_hook(json.dumps(body).encode())) == form
    as_text = {k: str(v) for k, v in body.items()}
    assert parse(json_hook(json.dumps(as_text).encode())) == form
    assert form.author == "Anna"


def test_the_last_line_gives_the_quick_replies():
    answer = parse(hook(contact_id="42", message="Shall we?\n> Yes | No | Later"))
    assert answer.content.text == "Shall we?"
    assert answer.content.options == ("Yes", "No", "Later")
    assert answer.raw_text.endswith("> Yes | No | Later")


def test_missing_extra_and_null_fields():
    body = {"token": WEBHOOK_TOKEN, "contact_id": 42, "message": None, "user_id": None, "novelty": [1, {"a": 2}]}
    answer = parse(json_hook(json.dumps(body).encode()))
    assert answer.content.text == "" and answer.bot_id is None  # an empty answer is refused in words by the core
    long = "слово " * 17_000
    assert parse(hook(contact_id="1", message=long)).content.text.strip() == long.strip()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"message": "for whom?"}, "contact_id is missing"),
        ({"contact_id": " ", "message": "x"}, "contact_id is missing"),
        ({"contact_id": "anna", "message": "x"}, "contact_id must be an integer, found 'anna'"),
        ({"contact_id": "1", "user_id": "1e9", "message": "x"}, "user_id must be an integer"),
        ({"contact_id": "9" * 5000, "message": "x"}, "contact_id must be an integer"),
        ({"contact_id": "1", "attach": "C:\\cat.jpg"}, "attach must be a file"),
    ],
)
def test_malformed_messages_get_a_sentence(fields: dict[str, str], says: str):
    with pytest.raises(MalformedPayload, match=says):
        parse(hook(**fields))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b'\xff\xfe{"token"', "not"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["token"]', "JSON object"),
        (b'{"token": {"a": 1}}', "token must be a string"),
    ],
)
def test_unreadable_json_gets_a_sentence(body: bytes, says: str):
    with pytest.raises(MalformedPayload, match=says):
        parse(json_hook(body))


@pytest.mark.parametrize("token", ["", "wrong", WEBHOOK_TOKEN + "x", WEBHOOK_TOKEN.upper(), "тёмный"])
def test_a_wrong_token(token: str):
    for request in (hook(token=token, contact_id="1"), json_hook(json.dumps({"token": token}).encode())):
        with pytest.raises(VerificationFailed) as caught:
            inbound.verify(request, WEBHOOK_TOKEN)
        assert WEBHOOK_TOKEN not in str(caught.value)


def test_an_unset_token_lets_nobody_in():
    with pytest.raises(VerificationFailed):
        inbound.verify(hook(token=""), "")


def test_repeats_are_told_by_every_field_and_the_files_bytes(tmp_path: Path):
    first = upload(tmp_path / "1", b"cat")
    same = upload(tmp_path / "2", b"cat", filename="copy.jpg")
    other = upload(tmp_path / "3", b"dog")
    fields = {"user_id": "7", "contact_id": "42", "message": "look"}
    known = parse(hook("message", first, **fields)).identity
    assert parse(hook("message", same, **dict(reversed(fields.items())))).identity == known
    assert WEBHOOK_TOKEN not in known
    different = [
        parse(hook("message", other, **fields)),
        parse(hook("message", **fields)),
        parse(hook("message", first, **{**fields, "message": "look!"})),
        parse(hook("message", first, **{**fields, "user_id": "8"})),
        parse(hook("message", first, **fields, extra="1")),
    ]
    assert len({known, *(a.identity for a in different)}) == 6


def test_an_upload_that_vanished_is_our_fault_not_the_panels(tmp_path: Path):
    gone = Upload(field="attach", filename="a.jpg", mime="", path=tmp_path / "gone", size=3)
    with pytest.raises(StoreUnavailable):
        parse(hook("message", gone, contact_id="1"))


def test_an_unset_file_input_is_no_file_but_an_empty_file_is_one(tmp_path: Path):
    unset = upload(tmp_path / "1", b"", filename="")
    empty = upload(tmp_path / "2", b"", filename="empty.jpg")
    assert parse(hook("message", unset, contact_id="1", message="x")).uploads == ()
    assert parse(hook("message", empty, contact_id="1", message="x")).uploads == (empty,)


def test_an_unknown_tail_is_unknown():
    assert list(inbound.parse(inbound.verify(hook("typing"), WEBHOOK_TOKEN), dedupe_s=5)) == [Unknown(type="typing")]


def test_dedupe_off_is_passed_on():
    assert parse(hook(contact_id="1", message="x"), dedupe_s=0.0).within_s == 0.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("contact_id", "user_id", "message", "attach", "author", "x"), json_values)
    )
)
def test_any_json_object_is_an_answer_or_a_sentence(body: dict[str, object]):
    try:
        answer = parse(json_hook(json.dumps({**body, "token": WEBHOOK_TOKEN}).encode()))
    except MalformedPayload as e:
        assert str(e).endswith(".")
    else:
        assert isinstance(answer.contact_id, int)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_of_two_ways(body: bytes):
    with pytest.raises((MalformedPayload, VerificationFailed)):
        parse(json_hook(body))


# --- what a panel may send besides the document's fields --------------------------------------------------------------


def test_a_panel_s_own_id_is_the_identity_and_nothing_else_is():
    one = parse(hook(contact_id="42", message="ok", client_id="m-1", author="Anna"))
    same = parse(hook(contact_id="42", message="ok (edited)", client_id=" m-1 "))
    other = parse(hook(contact_id="42", message="ok", client_id="m-2"))
    assert one.client_id == "m-1" and one.author == "Anna"
    assert one.identity == same.identity != other.identity
    assert one.within_s is None  # for as long as repeats are known at all: `dedupe` is for those who have no id
    with pytest.raises(MalformedPayload, match="client_id"):
        parse(hook(contact_id="42", message="ok", client_id="x" * 201))


def test_what_the_panel_has_shown():
    assert parse(hook(contact_id="42", message="ok")).after is None
    assert parse(hook(contact_id="42", message="ok", after="")).after == ""
    assert parse(hook(contact_id="42", message="ok", after=" 0661519e0c72e8f8c0fd ")).after == "0661519e0c72e8f8c0fd"
    assert parse(hook(contact_id="42", message="ok", after="", force="1")).after is None
    assert parse(hook(contact_id="42", message="ok", after="", force="0")).after == ""


@pytest.mark.parametrize(
    "name", ["attaches[0][file_url]", "attach[]", "file", "files[0]", "attachment", "Attaches", "attach[0][big]"]
)
def test_a_file_given_by_its_address_is_refused_as_a_whole(name: str):
    """Sending the words without their file would be half of what the operator meant, and nobody would know."""
    fields = {"contact_id": "1", "message": "the photo", name: "https://panel.example/a.jpg"}
    with pytest.raises(MalformedPayload, match="nothing was sent"):
        parse(hook(**fields))


@pytest.mark.parametrize("value", ["", "null", "[]", "{}", "undefined", "None", " null "])
@pytest.mark.parametrize("name", ["attach", "attaches", "attaches[]", "file"])
def test_no_file_is_no_file_however_it_is_written(name: str, value: str):
    assert parse(hook(**{"contact_id": "1", "message": "hi", name: value})).content.text == "hi"


def test_no_file_in_json():
    nothing: tuple[object, ...] = (None, [], {}, "null")
    for value in nothing:
        body = {"token": WEBHOOK_TOKEN, "contact_id": 1, "message": "hi", "attaches": value, "attach": None}
        assert parse(json_hook(json.dumps(body).encode())).content.text == "hi"


def test_a_token_with_blanks_around_it_is_the_token():
    assert inbound.verify(hook(contact_id="1", token=f" {WEBHOOK_TOKEN}\n"), WEBHOOK_TOKEN)
