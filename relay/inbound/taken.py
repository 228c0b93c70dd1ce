"""What intake says of one event."""

from __future__ import annotations

import msgspec


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event, for the log and the metrics."""

    what: str  # accepted, repeat, echo, note, hint, command, refused, report, unreadable, unknown, nobody
    message_id: str = ""
    number: int = 0


class NoSuchContact(Exception):
    """An operator panel wrote to a contact that does not exist; it cannot be told in a thread that is not there."""

    def __init__(self, contact_id: int) -> None:
        self.contact_id = contact_id
        super().__init__(f"There is no contact {contact_id} in a channel of this desk.")
