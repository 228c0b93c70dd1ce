"""Conversations and messages as the API shows them, and how they are made from what is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relay.web.api.operations import Shown, Version
from relay.web.api.times import Moment

ConversationState = Literal["open", "snoozed", "closed"]
MessageKind = Literal["message", "comment", "answer", "note", "notice", "delete"]
MessageState = Literal["queued", "accepted", "delivered", "read", "failed"]


class ContactShown(Shown):
    """Whom the conversation is with."""

    name: str
    username: str
    avatar: str | None = None


class CustomField(Shown):
    """A custom field of a contact."""

    name: str
    value: str


class FileShown(Shown):
    """A file of a message. `url` ends after an hour; read the message again for a new one."""

    id: str
    url: str
    big: str | None = Field(default=None, description="A smaller picture of it, where there is one.")
    name: str
    mime: str
    size: int | None
    width: int | None = None
    height: int | None = None


class LastMessage(Shown):
    """What was said last."""

    id: str
    at: Moment
    kind: MessageKind
    text: str
    author: str | None
    desk: str | None
    files: int


class CommentShown(Shown):
    """The comment that a message is, or answers."""

    id: str
    url: str | None = None


class DeliveryShown(Shown):
    """Where a message stands on its way to one destination."""

    id: str
    destination: str
    state: MessageState
    reason: str
    said: str = Field(description="The other side's own words.")


class MessageShown(Shown):
    """One message of a conversation, or a note of colleagues."""

    id: str
    conversation: int
    at: Moment
    kind: MessageKind
    author: str | None
    desk: str | None = Field(description="Where it was written; null for the customer's own.")
    text: str
    attachments: list[FileShown]
    options: list[str]
    state: MessageState | None = Field(description="Of an answer: where it stands on its way to the customer.")
    reason: str = Field(description="Why it failed, in words.")
    comment: CommentShown | None
    parts: int = Field(description="How many messages it became at the customer's.")
    client_id: str = Field(description="The Idempotency-Key it was sent with.")
    placeholder: str = Field(description="The channel's word for a type that we do not know.")
    deliveries: list[DeliveryShown]
    version: Version


class HeldShown(Shown):
    """Answers that wait because the channel is held."""

    count: int
    since: Moment | None


class ConversationShown(Shown):
    """One row of the list."""

    number: int
    channel: str
    channel_kind: str
    contact: ContactShown
    last: LastMessage | None
    last_answer: str = Field(
        description="Send it as `after`: an answer written in ignorance of a newer one is refused."
    )
    unread: int | None = Field(description="For the person who asks; null for a token.")
    waiting_since: Moment | None = Field(description="Since when the customer waits for an answer.")
    state: ConversationState
    snoozed_until: Moment | None
    assignee: str | None
    labels: list[str]
    failed: int = Field(description="How many answers have failed to reach the customer.")
    closed_by: str | None
    reply_until: Moment | None = Field(description="Until when the channel takes an answer; null: no limit known.")
    comment_until: Moment | None = Field(description="Until when their comment may be answered.")
    held: HeldShown | None = Field(description="Its answers wait, because the channel is paused or down.")
    first_seen: Moment | None
    fields: list[CustomField]
    version: Version
