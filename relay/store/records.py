"""What the store gives and takes: messages, lanes, results, contacts, deliveries.

A lane's head is the one value that is added to after it was made: what its envelope says, once that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from relay.contract.model import Contact, Kind, State

if TYPE_CHECKING:
    from relay.store.envelope import Envelope


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is kept as: the envelope without what the store keeps in fields of its own.

    `content` is what is said, as JSON-ready dicts (see `relay.store.envelope`).
    """

    id: str
    kind: Kind
    origin: str
    envelope: bytes
    raw: bytes = b""


class Head(msgspec.Struct, kw_only=True):
    """The head of a lane with all that is needed to send it."""

    delivery_id: str
    tries: int  # failed tries so far
    part: int  # parts already accepted
    kind: str
    origin: str
    envelope: bytes
    at_ms: int
    channel: str
    remote_id: str
    username: str
    name: str
    tried_before: bool  # there is a log already
    pieces: bytes = b""  # all parts, JSON, as they were cut when the first one went; empty before
    said: Envelope | None = None  # what `envelope` says, where that is known without reading it

    @property
    def progress(self) -> str:
        """What an attempt changes, as finish.lua compares it: parts accepted / tries failed."""
        return f"{self.part}/{self.tries}"


class Lease(msgspec.Struct, kw_only=True):
    """Until when a lane is surely ours, by the event loop's clock. Counted from before the store was asked, so it ends
    a little early rather than late."""

    until: float = math.inf


class LeasedLane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane that this worker holds. `unknown_job` carries the payload of a job that is none of ours."""

    number: int
    job: str
    token: str
    taken_over: bool  # the former holder died with it
    unknown_job: str = ""
    lease: Lease = msgspec.field(default_factory=Lease)
    head: Head | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What `accept` did. `fresh` is False for a repeat, and where nothing was accepted; `already_answered_by` names the
    message that claimed a single-use key."""

    fresh: bool
    number: int
    message_id: str
    woken: tuple[str, ...] = ()
    held: tuple[tuple[str, LeasedLane], ...] = ()  # (destination, lane) that were given to the worker at once
    already_answered_by: str = ""
    newest_answer: str = ""  # set when there is an answer that the writer had not seen


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is "" or why nothing was given out: manual, credentials, open; "probe" for the breaker's one lane."""

    next_due_ms: int  # -1: nothing is waiting
    now_ms: int
    state: str
    lanes: tuple[LeasedLane, ...]


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """What to write about one attempt; see finish.lua and fail.lua for the verdicts."""

    verdict: str
    line: bytes = b""
    progress: str = ""  # `Head.progress` of what was attempted: an attempt is not written down twice. "": not checked
    delay_ms: int = 0
    remote_id: str = ""
    reason: str = ""
    words: str = ""
    go_on: bool = True
    told_ms: int = 0  # how long the other side has told us to wait
    transient: bool = False  # the failure is the destination's own: its connection, a 5xx
    pieces: bytes = b""  # all parts of the delivery, JSON; with the verdict "part"
    notice: NewMessage | None = None
    notice_to: tuple[str, ...] = ()


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is next, done, asleep or stale; `news` is "", opened, closed or paused; `state` the delivery's."""

    status: str
    state: str
    state_change: str
    woken: tuple[str, ...]
    head: Head | None = None
    due_ms: int = 0


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When a destination's breaker opens: so many failures in a row over so many lanes. 0 failures: never."""

    failures: int = 20
    lanes: int = 5
    first_ms: int = 5_000
    max_ms: int = 300_000


class ContactCard(msgspec.Struct, frozen=True, kw_only=True):
    """A contact with its times, in ms since the epoch; 0 where it never happened."""

    contact: Contact
    first_ms: int = 0
    last_ms: int = 0
    last_kind: str = ""
    dm_ms: int = 0
    comment_id: str = ""
    comment_ms: int = 0
    answered_ms: int = 0
    closed_ms: int = 0

    @property
    def closed(self) -> bool:
        """Closed by a person, and nobody has written since."""
        return self.closed_ms > max(self.last_ms, self.answered_ms)


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it stands."""

    id: str
    destination: str
    state: State
    number: int
    tries: int = 0
    due_ms: int = 0
    reason: str = ""
    words: str = ""
    dead_ms: int = 0
    remote_ids: tuple[str, ...] = ()
    log: tuple[dict[str, Any], ...] = ()
    replay_of: str = ""
    replayed_as: str = ""
    dropped_ms: int = 0


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands, with its deliveries."""

    id: str
    kind: Kind
    origin: str
    number: int
    at_ms: int
    envelope: dict[str, Any]
    raw: bytes
    records: tuple[DeliveryRecord, ...]


@dataclass(slots=True)
class Destination:
    """State of one destination, for `status` and the metrics."""

    name: str
    paused: str = ""
    words: str = ""
    since_ms: int = 0
    open_ms: int = 0
    fails: int = 0
    lanes: int = 0
    backlog: int = 0
    oldest_ms: int = 0
    failing_ms: int = 0  # since when nothing has got through though something was tried; 0: it is not so
    last_words: str = ""  # of the last failure
    next_try_ms: int = 0  # when the first of its lanes is due
    told: bool = False  # people have been told that it is failing
