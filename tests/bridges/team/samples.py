"""What the tests of the team bridge share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bridges.team import TeamBridge
from bridges.team.settings import TeamSettings
from relay.contract import RawRequest
from relay.contract.model import Contact, Content, Delivery, Kind
from tests.bridges.support import context

KEY = "BWDydgHkSQ_2JSOiBDeEoR9KILo"  # the document's sample
URL = "https://web.tada.team"
FORM = "application/x-www-form-urlencoded"


def bridge(*, locale: str = "en", url: str = URL, **settings: Any) -> TeamBridge:
    values = {"kind": "team", "url": url, "key": KEY} | settings
    return TeamBridge(TeamSettings.model_validate(values), context("sales", url, locale))


def hook(
    fields: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    content_type: str = FORM,
    key: str = KEY,
    parsed: bool = True,
) -> RawRequest:
    """A hook as the core hands it over: forms are taken apart, other bodies stay bytes."""
    fields = fields or {}
    return RawRequest(
        method="POST",
        tail="",
        headers={"key": key, "content-type": content_type},
        query={},
        body=urlencode(fields).encode() if body is None else body,
        content_type=content_type,
        form=tuple(fields.items()) if parsed and body is None else (),
    )


def delivery(kind: Kind = Kind.MESSAGE, text: str = "hello", **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "id": "d-1",
        "destination": "sales",
        "kind": kind,
        "contact": Contact(id=42, channel="shop", remote_id="9", username="anna", name="Anna"),
        "content": Content(text=text),
        "origin": "panel" if kind is Kind.MIRROR else "shop",
    }
    return Delivery(**(values | changes))
