"""Golden payloads, the document's own among them, and everything a hook may get wrong."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.insta.inbound import events, moment, without_trailing_commas
from relay.contract.errors import MalformedPayload
from relay.contract.model import Incoming, Report, Unknown
from tests.bridges.insta.conftest import hook, make_bridge

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = sorted(p.stem for p in PAYLOADS.glob("*.json") if not p.stem.endswith(".expected"))


def nested(value: Any) -> Any:
    """A value and the values in it as dicts."""
    if isinstance(value, msgspec.Struct):
        return {name: nested(getattr(value, name)) for name in value.__struct_fields__}
    return tuple(map(nested, value)) if isinstance(value, tuple) else value


def plain(event: Any) -> dict[str, Any]:
    """An event as JSON: its type and every field that says something."""
    fields = {k: v for k, v in nested(event).items() if v not in ("", (), None, False)}
    if isinstance(event, Incoming):
        fields["content"] = {k: v for k, v in fields["content"].items() if v not in ("", ())}
        for file in fields["content"].get("attachments", ()):
            for name in [k for k, v in file.items() if v in ("", None)]:
                del file[name]
    value: dict[str, Any] = json.loads(
        json.dumps(
            {"is": type(event).__name__, **fields},
            default=lambda v: v.decode() if isinstance(v, bytes) else v.isoformat(),
        )
    )
    return value


@pytest.mark.parametrize("name", NAMES)
def test_golden(name, bridge):
    body = (PAYLOADS / f"{name}.json").read_bytes()
    found = [plain(e) for e in bridge.parse(bridge.verify(hook(body)))]
    assert found == json.loads((PAYLOADS / f"{name}.expected.json").read_bytes())


def test_the_documents_samples_are_all_there():
    documented = {"message_text", "comment", "message_image", "message_video"}
    documented |= {f"report_{status}" for status in ("pending", "delivered", "read", "fail")}
    assert documented <= set(NAMES)
    for name in ("message_image", "message_video"):  # the two that are no valid JSON
        with pytest.raises(ValueError):
            json.loads((PAYLOADS / f"{name}.json").read_bytes())


@pytest.mark.parametrize("field", ["data", "payload", "json"])
def test_a_form_with_a_json_field(field):
    text = (PAYLOADS / "message_image.json").read_text("utf-8")
    form = (("other", "1"), (field, text))
    (event,) = events(hook(content_type="application/x-www-form-urlencoded", form=form))
    assert isinstance(event, Incoming) and event.content.text == "Подпись к картинке"


def test_json_that_was_labelled_as_a_form_is_its_first_name():
    text = (PAYLOADS / "message_text.json").read_text("utf-8")
    (event,) = events(hook(content_type="application/x-www-form-urlencoded", form=((text, ""),)))
    assert isinstance(event, Incoming) and event.content.text == "Отправленный текст"


def test_a_form_with_bracketed_names():
    form = (
        ("event[name]", "reportActionReceived"),
        ("event[properties][queueId]", "q1"),
        ("event[properties][status]", "delivered"),
        ("device[mdn]", "79955069706"),
    )
    (event,) = events(hook(content_type="application/x-www-form-urlencoded", form=form))
    assert isinstance(event, Report) and (event.remote_id, event.status) == ("q1", "delivered")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not"),
        ("Привет".encode("cp1251"), "not UTF-8"),
        (b"null", "must be a JSON object, not null"),
        (b'"text"', "must be a JSON object, not a text"),
        (b"5", "must be a JSON object, not a number"),
        (b'{"event": []}', "`event` must be an object, not an array"),
        (b'{"event": "incomingMessage"}', "`event` must be an object"),
        (b'{"event": {"name": "incomingMessage"}, "device": {"username": "anna"}}', "no device.user_id"),
        (b'{"event": {"name": "incomingMessage"}}', "no device.user_id"),
        (b'{"event": {"name": "reportActionReceived", "properties": {}}}', "needs event.properties.queueId"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"event":' * 100_000, "nested too deeply"),
        (b"[" + b"{}," * 1000 + b"{}]", "1001 events"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(body, sentence):
    with pytest.raises(MalformedPayload, match=sentence):
        events(hook(body))


def test_a_form_without_json_is_told():
    with pytest.raises(MalformedPayload, match="no field that holds"):
        events(hook(content_type="application/x-www-form-urlencoded", form=(("a", "b"), ("c", "{broken"))))
    with pytest.raises(MalformedPayload, match="empty"):
        events(hook(content_type="application/x-www-form-urlencoded"))


def test_reports_can_be_switched_off():
    bridge = make_bridge(reports=False)
    body = (PAYLOADS / "report_read.json").read_bytes()
    assert bridge.parse(bridge.verify(hook(body))) == (Unknown(type="report: read"),)


def test_a_long_text_stays_whole():
    text = "я" * 100_000
    body = {
        "event": {"name": "incomingMessage", "properties": {"queueId": "q", "type": "text", "content": {"body": text}}}
    }
    (event,) = events(hook(json.dumps({**body, "device": {"user_id": "1"}}).encode()))
    assert isinstance(event, Incoming) and event.content.text == text


def test_two_messages_without_id_are_told_apart_by_what_they_say():
    def identity(text: str) -> tuple[str, ...]:
        body = {
            "event": {"name": "incomingMessage", "properties": {"content": {"body": text}}},
            "device": {"user_id": 1},
        }
        (event,) = events(hook(json.dumps(body).encode()))
        assert isinstance(event, Incoming) and event.remote_id == ""
        return event.identity

    assert identity("a") != identity("b") and identity("a") == identity("a")


def test_trailing_commas_inside_texts_stay():
    text = '{"a": "x,}", "b": ["y,]\\",}", 1,\n ], }'
    assert json.loads(without_trailing_commas(text)) == {"a": "x,}", "b": ['y,]",}', 1]}


@pytest.mark.parametrize("text", ['"' * 500_000, '"\\' * 250_000, "," * 500_000, ",\n" * 250_000])
def test_leniency_takes_linear_time(text):
    started = time.perf_counter()
    without_trailing_commas(text)
    assert time.perf_counter() - started < 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
hooks = st.fixed_dictionaries(
    {},
    optional={
        "event": st.fixed_dictionaries(
            {"name": st.sampled_from(["incomingMessage", "incomingComment", "errorActionFail", "other"]) | json_values},
            optional={
                "properties": json_values
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "queueId": json_values,
                        "type": json_values,
                        "status": json_values,
                        "content": json_values
                        | st.dictionaries(st.sampled_from(["body", "mimeType", "filename", "href"]), json_values),
                    },
                ),
                "createdAt": json_values,
            },
        )
        | json_values,
        "device": json_values
        | st.dictionaries(st.sampled_from(["user_id", "mdn", "username", "profileName", "comment_id"]), json_values),
    },
)


@given(hooks)
def test_any_json_gives_events_or_a_sentence(value):
    try:
        found = events(hook(json.dumps(value).encode()))
    except MalformedPayload as e:
        assert str(e)
        return
    for event in found:
        assert isinstance(event, Incoming | Report | Unknown)
        json.dumps(plain(event)).encode("utf-8")
        if isinstance(event, Incoming):
            assert event.remote_user and (event.remote_id or event.identity)
            assert event.content.text.strip() or event.content.attachments or event.placeholder
            event.content.text.encode("utf-8")


@given(st.binary(max_size=300))
def test_any_bytes_give_events_or_a_sentence(body):
    try:
        events(hook(body))
    except MalformedPayload as e:
        assert str(e)


@given(st.text())
def test_any_date_is_a_time_or_none(text):
    found = moment(text)
    assert found is None or found.utcoffset() is not None
