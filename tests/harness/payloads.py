"""Hooks as the Insta document has them."""

from __future__ import annotations

from typing import Any


def insta_message(user: int | str, queue_id: str, text: str, **more: Any) -> dict[str, Any]:
    """An `incomingMessage` as the Insta document's example has it. `more` overrides `properties`."""
    return {
        "event": {
            "name": "incomingMessage",
            "properties": {"queueId": queue_id, "type": "text", "content": {"body": text}, **more},
            "createdAt": "2022-12-07T12:29:21+03:00",
        },
        "device": {"user_id": str(user), "username": f"customer{user}", "profileName": f"Customer {user}"},
    }


_REPORTS = {
    "pending": "whatsappSuccess",
    "delivered": "reportActionReceived",
    "read": "reportActionExecuted",
    "fail": "errorActionFail",
}


def insta_report(queue_id: str, status: str) -> dict[str, Any]:
    """A delivery report as the Insta document's examples have it: `pending`, `delivered`, `read` or `fail`."""
    return {
        "event": {
            "name": _REPORTS.get(status, status),
            "properties": {"queueId": queue_id, "status": status},
            "createdAt": "2020-00-00T00:00:00+00:00",
        },
        "device": {"mdn": "79955069706", "profileName": "Customer"},
    }
