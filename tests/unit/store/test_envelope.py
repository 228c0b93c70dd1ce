"""The journalled envelope: nothing is lost on the way in and out, and older ones are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract.model import Attachment, Content, Kind, MediaKind
from relay.store.envelope import Envelope, delivery, dump, load
from relay.store.records import Head

# What cannot be UTF-8 is cleaned where it comes in (relay.fitting.texts.clean).
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(MediaKind),
    mime=texts,
    filename=texts,
    url=texts,
    file_id=texts,
    size=st.none() | st.integers(0, 2**40),
)
contents = st.builds(
    Content,
    text=texts,
    attachments=st.lists(attachments, max_size=3).map(tuple),
    options=st.lists(texts, max_size=3).map(tuple),
)
envelopes = st.builds(
    Envelope,
    content=contents,
    author=texts,
    comment_id=texts,
    placeholder=texts,
    late=st.booleans(),
    sent_at=texts,
    reply_deadline_ms=st.integers(0, 2**50),
    remote_ids=st.lists(texts, max_size=3).map(tuple),
    source_id=texts,
)


@given(envelopes)
def test_what_goes_in_comes_out(e: Envelope) -> None:
    assert load(dump(e)) == e
    assert load(orjson.loads(dump(e))) == e, "also where it has been read already"


@given(envelopes, st.dictionaries(texts.map(lambda t: "x_" + t), texts, max_size=3))
def test_a_newer_versions_fields_are_ignored(e: Envelope, more: dict[str, Any]) -> None:
    assert load({**orjson.loads(dump(e)), **more}) == e


@pytest.mark.parametrize("old", [{}, {"text": "hi"}, {"text": "hi", "files": [{"kind": "image"}], "options": ["a"]}])
def test_an_older_versions_envelope_is_read(old: dict[str, Any]) -> None:
    """PITFALLS experiment 38."""
    e = load(orjson.dumps(old))
    assert e.content.text == old.get("text", "") and len(e.content.attachments) == len(old.get("files", ()))


def test_the_smallest_is_small() -> None:
    assert dump(Envelope(content=Content(text="hi"))) == b'{"text":"hi"}'


def head(**changes: Any) -> Head:
    known: dict[str, Any] = {
        "delivery_id": "m-1",
        "tries": 2,
        "part": 0,
        "kind": "message",
        "origin": "shop",
        "envelope": b"",
        "at_ms": 1_700_000_000_000,
        "channel": "shop",
        "remote_id": "u1",
        "username": "anna",
        "name": "Анна",
        "tried_before": True,
    }
    return Head(**(known | changes))


def test_a_delivery_has_what_a_bridge_needs() -> None:
    e = Envelope(content=Content(text="hi"), author="Olga", comment_id="c1", late=True, remote_ids=("q1",))
    found = delivery(head(), e, "sales", 42, is_desk=True, bot_id=7)
    assert found.contact is not None and (found.contact.id, found.contact.name) == (42, "Анна")
    assert (found.id, found.destination, found.origin, found.kind) == ("m-1", "sales", "shop", Kind.MESSAGE)
    assert (found.author, found.comment_id, found.late, found.remote_ids) == ("Olga", "c1", True, ("q1",))
    assert found.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (found.bot_id, found.attempt, found.content) == (7, 2, e.content)


def test_an_answer_is_a_mirror_at_a_desk_and_an_answer_in_a_channel() -> None:
    e = Envelope(content=Content(text="hi"))
    assert delivery(head(kind="answer"), e, "panel", 1, is_desk=True, bot_id=1).kind is Kind.MIRROR
    assert delivery(head(kind="answer"), e, "shop", 1, is_desk=False, bot_id=1).kind is Kind.ANSWER
    assert delivery(head(kind="notice"), e, "panel", 1, is_desk=True, bot_id=1).kind is Kind.NOTICE


def test_a_notice_about_no_conversation_has_no_contact() -> None:
    e = Envelope(content=Content(text="hi"))
    found = delivery(head(kind="notice", channel="", at_ms=0), e, "panel", 0, is_desk=True, bot_id=0)
    assert found.contact is None and found.created_at is None
