"""Who is told of a delivery that was given up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.contract.model import Contact, Content, Delivery, Kind
from relay.outbound.attempt import Attempts
from relay.routing.accounts import Accounts
from relay.store.envelope import Envelope

ANNA = Contact(id=7, channel="shop", remote_id="u1", name="Anna")


def attempts() -> Attempts:
    return Attempts(
        Accounts(
            by_name=cast(
                "Any", {name: SimpleNamespace(bridge=None, mirror=True) for name in ("shop", "panel", "sales")}
            ),
            desks_of={"shop": ("panel", "sales")},
            channels_of={},
        ),
        cast("Any", None),
        cast("Any", SimpleNamespace(notice=lambda name, **facts: f"{name} {facts}")),
        {},
        lambda destination, attachment: "",
        retries=8,
        pause_s=lambda k: 5.0,
    )


@pytest.mark.parametrize(
    ("kind", "origin", "destination", "to"),
    [
        (Kind.ANSWER, "sales", "shop", ("sales", "panel")),  # who wrote it, and who was shown it
        (Kind.DELETE, "panel", "shop", ("panel",)),
        (Kind.ANSWER, "gone", "shop", ("panel", "sales")),  # a desk that is no longer configured
        (Kind.MESSAGE, "shop", "panel", ("sales",)),  # the customer's words reached the others: they know them
        (Kind.COMMENT, "shop", "sales", ("panel",)),
        (Kind.NOTICE, "", "sales", ()),  # never a notice about a notice
        (Kind.MIRROR, "panel", "sales", ()),
    ],
)
def test_who_is_told_of_a_dead_letter(kind: Kind, origin: str, destination: str, to: tuple[str, ...]):
    content = Content(text="Yes, in blue")
    delivery = Delivery(id="m-0", destination=destination, kind=kind, contact=ANNA, content=content, origin=origin)
    notice, told = attempts().failure_notice(delivery, Envelope(content=content), "gave_up", "HTTP 500", 9)
    assert told == to
    assert (notice is not None) == bool(to)
    if notice is not None:
        assert kind is Kind.DELETE or b"Yes, in blue" in notice.envelope
        assert b"HTTP 500" in notice.envelope
        assert (b"failed_elsewhere" in notice.envelope) == (kind is Kind.ANSWER)
