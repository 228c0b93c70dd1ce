"""How an answer goes: to the comment, once and in time; else directly; else a sentence that says why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract import Limits
from relay.contract.model import Contact
from relay.routing.reply_path import CannotReply, OpenComment, ReplyPath, once_key, reply_paths
from relay.store.records import ContactCard

HOUR = 3_600_000
NOW = 100_000 * HOUR
COMMENTS = Limits(comment_window_s=86_400)
BOTH = Limits(comment_window_s=86_400, reply_window_s=7 * 86_400)
CONTACT = Contact(id=42, channel="shop", remote_id="u1")


def reply_path(who: ContactCard, limits: Limits, now: int, *, comment_answered: bool) -> ReplyPath | CannotReply:
    """The best way, for a contact with one comment."""
    comments = [OpenComment(id=who.comment_id, at_ms=who.comment_ms)] if who.comment_id and not comment_answered else []
    found = reply_paths(who, limits, now, comments=comments)
    return found if isinstance(found, CannotReply) else found[0]


def card(*, dm: float | None = None, comment: float | None = None, last: str = "message") -> ContactCard:
    """Hours ago that the customer wrote directly and commented."""
    return ContactCard(
        contact=CONTACT,
        last_kind=last,
        dm_ms=0 if dm is None else int(NOW - dm * HOUR),
        comment_id="" if comment is None else "c1",
        comment_ms=0 if comment is None else int(NOW - comment * HOUR),
    )


TO_COMMENT = ReplyPath(comment_id="c1", single_use_key="once:comment:shop:c1", deadline_ms=NOW + 23 * HOUR)
NUMBER = ("number", "42")


@pytest.mark.parametrize(
    ("who", "limits", "answered", "expected"),
    [
        (card(dm=1), COMMENTS, False, ReplyPath()),
        (card(dm=9_999), COMMENTS, False, ReplyPath()),
        (card(), COMMENTS, False, ReplyPath()),
        (card(comment=1, last="comment"), COMMENTS, False, TO_COMMENT),
        (card(comment=1, dm=5, last="comment"), COMMENTS, False, TO_COMMENT),
        (card(comment=1, dm=0.5), COMMENTS, False, ReplyPath()),
        (card(comment=1, dm=5, last="comment"), COMMENTS, True, ReplyPath()),
        (card(comment=25, dm=50, last="comment"), COMMENTS, False, ReplyPath()),
        (
            card(comment=1, last="comment"),
            COMMENTS,
            True,
            CannotReply(notice="comment_already_answered", facts=(NUMBER,)),
        ),
        (
            card(comment=25, last="comment"),
            COMMENTS,
            False,
            CannotReply(notice="comment_too_old", facts=(NUMBER, ("hours", "24"))),
        ),
        (card(dm=1), BOTH, False, ReplyPath(deadline_ms=NOW + 167 * HOUR)),
        # Only the channel knows for certain that its window has closed: it is tried, without a deadline.
        (card(dm=169), BOTH, False, ReplyPath()),
        (card(comment=1, dm=169, last="comment"), BOTH, False, TO_COMMENT),
        (
            card(comment=1, dm=169, last="comment"),
            BOTH,
            True,
            CannotReply(notice="comment_already_answered", facts=(NUMBER,)),
        ),
        (
            card(comment=9_999, last="comment"),
            Limits(),
            False,
            ReplyPath(comment_id="c1", single_use_key="once:comment:shop:c1"),
        ),
    ],
)
def test_table(who: ContactCard, limits: Limits, answered: bool, expected: ReplyPath | CannotReply) -> None:
    assert reply_path(who, limits, NOW, comment_answered=answered) == expected


def test_the_window_ends_to_the_millisecond() -> None:
    at_the_end = card(comment=24, last="comment")
    assert isinstance(reply_path(at_the_end, COMMENTS, NOW, comment_answered=False), CannotReply)
    assert isinstance(reply_path(at_the_end, COMMENTS, NOW - 1, comment_answered=False), ReplyPath)


def test_claims_of_two_channels_are_two() -> None:
    assert once_key("shop", "c1") != once_key("messenger", "c1")


@given(
    dm=st.none() | st.floats(0, 400),
    comment=st.none() | st.floats(0, 400),
    last=st.sampled_from(["message", "comment", ""]),
    answered=st.booleans(),
    limits=st.sampled_from([Limits(), COMMENTS, BOTH]),
)
def test_what_is_promised_is_in_time_and_a_comment_is_never_answered_twice(
    dm: float | None, comment: float | None, last: str, answered: bool, limits: Limits
) -> None:
    found = reply_path(card(dm=dm, comment=comment, last=last), limits, NOW, comment_answered=answered)
    if isinstance(found, ReplyPath):
        assert not found.deadline_ms or found.deadline_ms > NOW
        assert bool(found.comment_id) == bool(found.single_use_key)
        assert not (found.comment_id and answered)
    else:
        facts: dict[str, Any] = dict(found.facts)
        assert facts["number"] == "42"


def test_the_newest_comment_that_nobody_has_answered() -> None:
    two = [OpenComment(id="c2", at_ms=NOW - HOUR), OpenComment(id="c1", at_ms=NOW - 2 * HOUR)]
    who = card(comment=1, last="comment")
    (path,) = paths(who, two)
    assert (path.comment_id, path.single_use_key) == ("c2", "once:comment:shop:c2")
    (path,) = paths(who, two[1:])
    assert (path.comment_id, path.deadline_ms) == ("c1", NOW + 22 * HOUR)
    assert reply_paths(who, COMMENTS, NOW, comments=()) == CannotReply(
        notice="comment_already_answered", facts=(NUMBER,)
    )


def test_what_a_comment_cannot_take_may_go_directly_while_that_is_open() -> None:
    comment = [OpenComment(id="c1", at_ms=NOW - HOUR)]
    assert [p.comment_id for p in paths(card(comment=1, dm=5, last="comment"), comment)] == ["c1", ""]
    assert [p.comment_id for p in paths(card(comment=1, dm=500, last="comment"), comment, BOTH)] == ["c1"]
    assert [p.comment_id for p in paths(card(comment=1, last="comment"), comment)] == ["c1"]


def test_a_comment_without_an_id_can_only_be_answered_directly() -> None:
    who = ContactCard(contact=CONTACT, last_kind="comment", comment_ms=NOW - HOUR)
    assert reply_paths(who, COMMENTS, NOW, comments=()) == [ReplyPath()]


def paths(who: ContactCard, comments: list[OpenComment], limits: Limits = COMMENTS) -> list[ReplyPath]:
    found = reply_paths(who, limits, NOW, comments=comments)
    assert not isinstance(found, CannotReply)
    return list(found)
