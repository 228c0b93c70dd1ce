"""Alarms as Standard Webhooks: signed, retried by the caller, recognisable by `webhook-id`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from relay.contract import Http
from relay.contract.model import OutboundRequest
from relay.contract.responses import bare_address
from relay.contract.signatures import sign_standard


def request(url: str, key: bytes, *, message_id: str, at: int, kind: str, data: Mapping[str, Any]) -> OutboundRequest:
    """One event, described. `kind`: `alarm.raised` or `alarm.over`; `at`: seconds since the epoch."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = orjson.dumps({"type": kind, "timestamp": moment, "data": data})
    return OutboundRequest(
        method="POST",
        url=url,
        safe_url=bare_address(url),
        headers=(
            ("webhook-id", message_id),
            ("webhook-timestamp", str(at)),
            ("webhook-signature", sign_standard([key], message_id, at, body)),
        ),
        body=body,
        content_type="application/json",
    )


async def post(http: Http, described: OutboundRequest) -> bool:
    """Whether it was taken: any 2xx is. Raises SendError where no answer came."""
    response = await http(described)
    return 200 <= response.status < 300
