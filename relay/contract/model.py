"""The nouns of the relay, as data.

A *channel* is where customers write, a *desk* is where the business's people answer. A *contact* is one customer in
one channel, a *conversation* the thread with them; the two are one to one, so a contact's integer id *is* the
conversation's number (`#42`). A *message* is brought to each destination by one *delivery*, in one or more *attempts*.

Everything here is a value (frozen msgspec structs) and knows neither network nor storage. Bridges turn hooks into
`Event`s and `Delivery`s into requests; the core does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec


class Role(StrEnum):
    """What an account is in this deployment."""

    CHANNEL = "channel"
    DESK = "desk"


class MediaKind(StrEnum):
    """What a file is, decided by its mime type or its first bytes, never by what a sender calls it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"

    @classmethod
    def of_mime(cls, mime: str) -> MediaKind:
        """`image/png` -> IMAGE; anything not image, video or audio is FILE."""
        head = mime.partition("/")[0].strip().lower()
        return cls(head) if head in ("image", "video", "audio") else cls.FILE


class State(StrEnum):
    """Where a delivery stands on its ladder. It never goes down (`climb` and `standing` in lua/common.lua)."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class Kind(StrEnum):
    """What a stored message is."""

    MESSAGE = "message"  # a customer's direct message, for desks
    COMMENT = "comment"  # a customer's public comment, for desks
    ANSWER = "answer"  # an operator's words, for the customer
    MIRROR = "mirror"  # the same words, shown to the other desks
    NOTICE = "notice"  # the relay's own words, for a desk
    DELETE = "delete"  # asks a channel to take back what was sent
    UNREADABLE = "unreadable"  # an event nothing could be made of; kept, sent to nobody


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `url` is where it may be fetched now; `file_id` names it in our own media store when we hold it."""

    kind: MediaKind
    mime: str = ""
    filename: str = ""
    url: str = ""
    file_id: str = ""
    size: int | None = None  # bytes


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is said, whoever says it."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    options: tuple[str, ...] = ()  # quick-reply buttons


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One customer in one channel. `remote_id` is the channel's stable id; names change and identify nobody."""

    id: int  # also the conversation's number
    channel: str
    remote_id: str
    username: str = ""
    name: str = ""


# --- what a hook may say: the events a bridge parses out of it -----------------------------------------------------


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A customer wrote, in a channel."""

    remote_user: str  # the channel's stable id of the customer
    remote_id: str  # the channel's id of this message; the idempotency key. "" if it has none: `identity` is used
    username: str = ""
    name: str = ""
    content: Content
    comment_id: str = ""  # set for a public comment: what an answer must name
    comment_without_id: bool = False  # a public comment that the channel does not name: shown as one, answered directly
    placeholder: str = ""  # the channel's word for a type we do not know ("story_mention"); shown to desks by name
    sent_at: datetime | None = None  # the channel's clock; None where it gave no date
    identity: tuple[str, ...] = ()  # fields that tell two messages apart where there is no id
    late: bool = False  # fetched after downtime


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came in with a form; the core has spooled it to disk, nothing about it has been believed yet."""

    field: str
    filename: str
    mime: str  # what the sender claims
    path: Path
    size: int  # bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at a desk wrote to a customer. Exactly one of `contact_id` and `username` is set."""

    contact_id: int | None = None
    username: str = ""
    bot_id: int | None = None  # the channel as the Operator API names it; checked against the contact's
    content: Content
    uploads: tuple[Upload, ...] = ()
    author: str = ""
    client_id: str = ""  # the sender's own id of this answer; where there is one, it alone is the identity
    identity: tuple[str, ...]  # what makes two hooks the same; a digest of it is the idempotency key
    within_s: float | None = None  # identical hooks further apart than this are two answers; None: for ever
    after: str | None = None  # the newest answer its writer has seen, "" for none; None: not said, so not checked
    raw_text: str = ""  # the text as it came, before the address was cut off; for the loop guard


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`/who #42` in a group: answered at the same desk, never sent to a customer."""

    name: str  # without the slash, lower case: "help", "list", "who", "status", "close", "delete"
    argument: str = ""
    author: str = ""
    identity: tuple[str, ...]
    raw_text: str = ""


class Misaddressed(msgspec.Struct, frozen=True, kw_only=True):
    """Words at a desk that look as if they were for a customer and are not clearly so: nothing is sent, and the desk is
    given a hint. With only a `username` it is one where a customer of the desk is called that, else talk."""

    notice: str  # template under templates/notices, given `number`, `name` and `other`
    contact_id: int | None = None
    username: str = ""
    other: int = 0  # another number that is named
    identity: tuple[str, ...]
    raw_text: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Talk at a desk that is for nobody outside. Nothing is sent."""

    text: str = ""


class ReportStatus(StrEnum):
    """What a delivery report can say."""

    PENDING = "pending"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery report: correlated by the other side's id alone."""

    remote_id: str
    status: ReportStatus
    words: str = ""  # the other side's own words about a failure
    at: datetime | None = None


class AccountWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the account itself that people must be told (another server took our callback, say)."""

    notice: str  # template name under templates/notices
    facts: tuple[tuple[str, str], ...] = ()


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """An event type we do not know: journalled, answered 200, otherwise left alone."""

    type: str


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a hook that holds several, of which nothing can be made: the others are taken, this one is kept as
    it came, for a person to look at."""

    sentence: str  # what is wrong with it
    raw: bytes = b""


Event = Incoming | Answer | Command | Misaddressed | Note | Report | AccountWarning | Unreadable | Unknown


# --- what goes out -------------------------------------------------------------------------------------------------


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The duty to bring one message to one destination, with all a bridge needs to word it."""

    id: str
    destination: str  # name of the account it goes to
    kind: Kind
    contact: Contact | None  # None only for notices that concern no conversation
    content: Content
    origin: str = ""  # name of the account it came from
    author: str = ""  # who answered (mirror)
    comment_id: str = ""  # answer: the comment to answer; comment: its id
    placeholder: str = ""
    bot_id: int = 0  # the contact's channel, as the Operator API names it
    created_at: datetime | None = None
    late: bool = False
    remote_ids: tuple[str, ...] = ()  # delete: what the other side called the message
    attempt: int = 0  # 0 for the first try


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One request's worth of a delivery: a long text becomes several parts, sent in order."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    options: tuple[str, ...] = ()


class Verdict(StrEnum):
    """What happens next: four answers, and no fifth."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    REJECTED = "rejected"  # will never work: dead letter, the desk is told
    CREDENTIALS = "credentials"  # our key is bad or unpaid: the destination pauses, no try is used


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt came to."""

    verdict: Verdict
    reason: str = ""  # short code: "rate_limited", "timeout", "unpaid"
    words: str = ""  # what the other side said, for people; cut to 300 characters by the core
    remote_id: str = ""  # later reports refer to it
    retry_after_s: float | None = None
    certain: bool = True  # False: it may have arrived in spite of the error
    status: int | None = None  # HTTP status, if there was one


class FilePart(msgspec.Struct, frozen=True, kw_only=True):
    """A file to put into a multipart body: held by us (`file_id`) or fetched, guarded, from `url`."""

    field: str
    filename: str
    mime: str
    file_id: str = ""
    url: str = ""


class OutboundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request, described. The core sends it; `safe_url` is what logs and traces may show."""

    method: str
    url: str
    safe_url: str  # no token, no password
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
    files: tuple[FilePart, ...] = ()  # with files, `fields` and `files` make a multipart body and `body` is unused
    fields: tuple[tuple[str, str], ...] = ()
    timeout_s: float | None = None  # None: the deployment's delivery timeout
    max_answer: int | None = None  # bytes of the answer to keep; None: the sender's own limit, enough for a verdict
    public_only: bool = False  # never to a private address, whatever the host's name resolves to
    echo: str = ""  # text that may come back to us as a hook and must then be known as our own


class RawResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: at most `relay.transport.sender.BODY_LIMIT` bytes of it, or the request's `max_answer`. Header
    names are lower case."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that (lower-case) name, or ""."""
        return next((v for k, v in self.headers if k == name), "")
