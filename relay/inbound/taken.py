"""What intake says of one event."""

from __future__ import annotations

import msgspec


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event, for the log and the metrics."""

    what: str  # accepted, repeat, echo, note, hint, command, refused, overtaken, report, unreadable, unknown, nobody
    message_id: str = ""  # overtaken: the newest answer's
    number: int = 0
    text: str = ""  # refused: why, in words for the desk
    reopened: bool = False  # accepted: somebody had closed the conversation


class NoSuchContact(Exception):
    """An operator panel wrote to a contact that does not exist; it cannot be told in a thread that is not there."""

    def __init__(self, contact_id: int) -> None:
        self.contact_id = contact_id
        super().__init__(f"There is no contact {contact_id} in a channel of this desk.")


class AnsweredMeanwhile(Exception):
    """An answer written in ignorance of another one. Nothing of it was accepted."""

    def __init__(self, newest: str) -> None:
        self.newest = newest
        super().__init__("Somebody else has answered since; send it with force to send it all the same.")
