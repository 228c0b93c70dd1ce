"""One event as it goes over the wire, encoded once for all listeners."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson


class Event(msgspec.Struct, frozen=True):
    """`id` is a position of the feed, "" for what cannot be resumed. `channel`: whoever may not see it is not told.
    `user`: it ends that user's sessions, so each listener of theirs is asked again whether it may go on."""

    name: str
    data: dict[str, Any]
    id: str = ""
    channel: str = ""
    user: str = ""
    raw: bytes = b""

    def bytes(self) -> bytes:
        """As a server-sent event. Data is JSON on one line, so nothing in it can end the event."""
        if self.raw:
            return self.raw
        head = f"id: {self.id}\n" if self.id else ""
        return b"%bevent: %b\ndata: %b\n\n" % (head.encode(), self.name.encode(), orjson.dumps(self.data))

    def shown(self) -> dict[str, Any]:
        """As an item of a list, for long polling."""
        return {"id": self.id, "name": self.name, "data": self.data}


def encoded(event: Event) -> Event:
    """The same event with its bytes made."""
    return msgspec.structs.replace(event, raw=event.bytes())
