"""Who gets what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.contract.model import Kind
from relay.routing.accounts import Accounts
from relay.routing.routes import desks_of_message, is_for_channel, may_be_sent_to, mirrors_of_answer, told_of_failure

DESKS = ("panel", "sales", "silent")
ACCOUNTS = Accounts(
    by_name=cast(
        "Any",
        {n: SimpleNamespace(name=n, mirror=n != "silent", is_desk=True) for n in DESKS}
        | {"shop": SimpleNamespace(name="shop", mirror=True, is_desk=False)},
    ),
    desks_of={"shop": DESKS},
    channels_of=dict.fromkeys(DESKS, ("shop",)),
)


def test_a_message_goes_to_every_desk_and_an_answer_is_shown_to_the_others() -> None:
    assert desks_of_message(ACCOUNTS, "shop") == DESKS
    assert mirrors_of_answer(ACCOUNTS, "panel", "shop") == ("sales",)
    assert mirrors_of_answer(ACCOUNTS, "silent", "shop") == ("panel", "sales")


@pytest.mark.parametrize(
    ("kind", "origin", "destination", "told"),
    [
        (Kind.ANSWER, "panel", "shop", ("panel", "sales")),
        (Kind.ANSWER, "gone", "shop", ("panel", "sales")),
        (Kind.DELETE, "panel", "shop", ("panel",)),
        (Kind.MESSAGE, "shop", "sales", ("panel", "silent")),
        (Kind.COMMENT, "shop", "panel", ("sales", "silent")),
        (Kind.NOTICE, "", "panel", ()),
        (Kind.MIRROR, "panel", "sales", ()),
    ],
)
def test_who_is_told_of_a_failure(kind: Kind, origin: str, destination: str, told: tuple[str, ...]) -> None:
    assert told_of_failure(ACCOUNTS, kind, origin=origin, channel="shop", destination=destination) == told


@pytest.mark.parametrize(
    ("kind", "destination", "may"),
    [
        (Kind.ANSWER, "shop", True),
        (Kind.ANSWER, "messenger", False),  # another channel: somebody of the same number there is a stranger
        (Kind.ANSWER, "sales", True),  # shown
        (Kind.ANSWER, "elsewhere", False),
        (Kind.MESSAGE, "sales", True),
        (Kind.MESSAGE, "shop", False),  # a customer's words are not sent to a customer
        (Kind.MESSAGE, "elsewhere", False),
        (Kind.COMMENT, "shop", False),
        (Kind.NOTICE, "shop", False),
        (Kind.DELETE, "shop", True),
    ],
)
def test_where_a_dead_letter_may_go(kind: Kind, destination: str, may: bool) -> None:
    is_desk = destination in (*DESKS, "elsewhere")
    assert may_be_sent_to(kind, channel="shop", destination=destination, is_desk=is_desk, desks=DESKS) is may
    if not is_desk:
        assert is_for_channel(kind, channel="shop", destination=destination) is may
