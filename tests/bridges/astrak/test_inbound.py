"""Events of the messenger: the document's sample word for word, its variations, and anything else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.astrak.inbound import WITHOUT_TEXT
from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload
from relay.contract.model import AccountWarning, Content, Event, Incoming, Unknown
from tests.bridges.astrak.far import account, as_json

# "Указание Callback для получения событий", the document's sample.
SAMPLE = {
    "type": "new_message",
    "event": {
        "message_id": 12,
        "to_id": 1,
        "from_id": 2,
        "created_at": 1581110027,
        "text": "this is a new message!",
    },
}
EXPECTED = Incoming(
    remote_user="2",
    remote_id="12",
    content=Content(text="this is a new message!"),
    sent_at=datetime(2020, 2, 7, 21, 13, 47, tzinfo=UTC),
)


def parse(request: RawRequest, **changes: Any) -> list[Event]:
    bridge = account(**changes)
    return list(bridge.parse(bridge.verify(request)))


def form(*fields: tuple[str, str]) -> RawRequest:
    return RawRequest(method="POST", tail="<secret>", headers={}, query={}, body=b"", content_type="x", form=fields)


def event(**changes: Any) -> dict[str, Any]:
    inner = {**SAMPLE["event"], **changes}  # type: ignore[dict-item]
    return {"type": "new_message", "event": {k: v for k, v in inner.items() if v is not ...}}


def test_the_documents_sample_golden():
    assert parse(as_json(SAMPLE)) == [EXPECTED]


@pytest.mark.parametrize(
    "request_",
    [
        form(("type", "new_message"), ("event", json.dumps(SAMPLE["event"]))),
        form(("type", "new_message"), *((f"event[{k}]", str(v)) for k, v in event()["event"].items())),
        form(("type", "new_message"), *((k, str(v)) for k, v in event()["event"].items())),
        as_json({"type": "new_message", "event": json.dumps(SAMPLE["event"]), "extra": [1]}),
        as_json(event(message_id="12", from_id="2", created_at="1581110027", novelty={"a": 1})),
        as_json(event(created_at=1581110027000)),
    ],
)
def test_the_same_in_other_encodings(request_: RawRequest):
    assert parse(request_) == [EXPECTED]


@pytest.mark.parametrize("text", [..., None, "", "  \n"])
def test_an_event_without_text_is_a_named_placeholder(text: Any):
    [incoming] = parse(as_json(event(text=text)))
    assert isinstance(incoming, Incoming)
    assert incoming.placeholder == WITHOUT_TEXT and incoming.remote_id == "12"


@pytest.mark.parametrize("created_at", [..., None, "yesterday", -1, 0, 10**30, True, [], 1e300])
def test_an_impossible_time_is_no_time(created_at: Any):
    [incoming] = parse(as_json(event(created_at=created_at)))
    assert isinstance(incoming, Incoming) and incoming.sent_at is None


def test_without_an_id_the_fields_tell_messages_apart():
    [first] = parse(as_json(event(message_id=...)))
    [other] = parse(as_json(event(message_id=None, text="another")))
    assert isinstance(first, Incoming) and isinstance(other, Incoming)
    assert first.remote_id == "" and first.identity != other.identity and "" not in first.identity


def test_without_a_sender_nobody_can_be_answered():
    with pytest.raises(MalformedPayload, match="no from_id"):
        parse(as_json(event(from_id=None)))


def test_own_messages_are_ignored_by_the_id_in_our_address():
    request = as_json(event(from_id=1, to_id=2))
    [taken] = parse(request)
    assert isinstance(taken, Incoming)  # nobody has told this process who we are
    known = RawRequest(
        method="POST",
        tail="<secret>",
        headers={},
        query={"me": "1"},
        body=request.body,
        content_type="application/json",
    )
    assert parse(known) == []


@pytest.mark.parametrize(
    "inner",
    [
        {"old": "https://relay.example.com/hooks/messenger/ours", "new": "https://else.example:8443/theirs?key=canary"},
        {"old_callback": "https://a.example/x", "new_callback": "https://else.example:8443/canary"},
    ],
)
def test_a_callback_taken_by_another_server(inner: dict[str, str]):
    expected = [AccountWarning(notice="callback_taken", facts=(("new", "else.example:8443"),))]
    assert parse(as_json({"type": "callback_deprecated", "event": inner})) == expected
    assert parse(as_json({"type": "callback_deprecated", **inner})) == expected
    assert parse(as_json({"type": "callback_deprecated", "event": inner}), receive="polling") == [
        Unknown(type="callback_taken")
    ]


@pytest.mark.parametrize("inner", [None, {}, {"new": 5}, {"new": "not an address"}, {"servers": ["a", "b"]}])
def test_a_callback_taken_by_nobody_knows_whom(inner: Any):
    request = as_json({"type": "callback_deprecated", "event": inner})
    assert parse(request) == [AccountWarning(notice="callback_taken", facts=(("new", ""),))]


def test_a_callback_that_we_replaced_ourselves_is_no_warning():
    body = as_json(
        {"type": "callback_deprecated", "event": {"new": "https://relay.example.com/hooks/messenger/new?me=1"}}
    )
    at = {"host": "relay.example.com"}
    ours = RawRequest(method="POST", tail="<secret>", headers=at, query={}, body=body.body, content_type="")
    [known] = parse(ours)
    assert isinstance(known, Unknown)
    elsewhere = RawRequest(
        method="POST", tail="<secret>", headers={"host": "relay.example.org"}, query={}, body=body.body, content_type=""
    )
    assert isinstance(parse(elsewhere)[0], AccountWarning)


@pytest.mark.parametrize("kind", ["message_read", "", None, 5, {"a": 1}, "x" * 500])
def test_other_types_are_unknown(kind: Any):
    [unknown] = parse(as_json({"type": kind, "event": {}}))
    assert isinstance(unknown, Unknown) and 0 < len(unknown.type) <= 80


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 50_000, b'{"type":"new_message","event":"{"}']
)
def test_what_cannot_be_read_gets_a_sentence(body: bytes):
    request = RawRequest(method="POST", tail="<secret>", headers={}, query={}, body=body, content_type="")
    with pytest.raises(MalformedPayload):
        parse(request)


def test_long_strange_and_broken_texts_pass():
    for text in ("слово " * 20_000, "\u202eمرحبا 👨‍👩‍👧", "#1 not a number", "a\ud83db"):
        [incoming] = parse(as_json(event(text=text)))
        assert isinstance(incoming, Incoming)
        incoming.content.text.encode()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["message_id", "from_id", "to_id", "created_at", "text", "old", "new"])


@given(st.sampled_from(["new_message", "callback_deprecated", "x"]) | values, st.dictionaries(names, values) | values)
def test_any_event_is_read_or_refused_with_a_sentence(kind: Any, inner: Any):
    try:
        [found] = parse(as_json({"type": kind, "event": inner}))
    except MalformedPayload as e:
        assert str(e)
    else:
        assert isinstance(found, Incoming | Unknown | AccountWarning)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=20)), min_size=1, max_size=5))
def test_any_form_is_read_or_refused(fields: list[tuple[str, str]]):
    try:
        parse(form(("type", "new_message"), *fields))
    except MalformedPayload as e:
        assert str(e)
