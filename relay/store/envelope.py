"""The envelope as it is journalled: JSON in, JSON out.

What the store keeps in fields of its own (contact, number, times) is not in it. Field names are short words of the
model; an upgrade may add fields, and reads what older versions left out (PITFALLS experiment 38).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from relay.contract.model import Attachment, Contact, Content, Delivery, Kind, MediaKind
from relay.store.records import Head


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is said, by whom, about what."""

    content: Content
    author: str = ""
    client_id: str = ""  # the writer's own id of an answer
    comment_id: str = ""
    placeholder: str = ""
    late: bool = False
    sent_at: str = ""  # the channel's clock, RFC 3339; "" where it gave none
    reply_deadline_ms: int = 0  # an answer must be there by then; 0: no deadline
    remote_ids: tuple[str, ...] = ()  # delete: what is to be taken back
    source_id: str = ""  # the channel's id of the message
    wrote: str = ""  # notice: the desk whose own message it is about; the others are told `elsewhere` instead
    elsewhere: str = ""


def dump(e: Envelope) -> bytes:
    """To JSON; empty fields are left out."""
    out: dict[str, Any] = {"text": e.content.text}
    if e.content.attachments:
        out["files"] = [
            {"kind": a.kind, "mime": a.mime, "name": a.filename, "url": a.url, "id": a.file_id, "size": a.size}
            for a in e.content.attachments
        ]
    if e.content.options:
        out["options"] = e.content.options
    for name in _PLAIN:
        if value := getattr(e, name):
            out[name] = value
    return orjson.dumps(out)


def notice_envelope(text: str, *, wrote: str = "", elsewhere: str = "") -> bytes:
    """The envelope of the relay's own words. With `elsewhere`, that is what desks other than `wrote` are told."""
    said = {"text": text}
    if elsewhere:
        said |= {"wrote": wrote, "elsewhere": elsewhere}
    return orjson.dumps(said)


_PLAIN = ("author", "client_id", "comment_id", "placeholder", "late", "sent_at", "reply_deadline_ms", "remote_ids",
          "source_id", "wrote", "elsewhere")  # fmt: skip


def load(raw: bytes | Mapping[str, Any]) -> Envelope:
    """From JSON, also of an older version; unknown fields are ignored."""
    d: Mapping[str, Any] = orjson.loads(raw) if isinstance(raw, bytes) else raw
    files = d.get("files")
    return Envelope(
        content=Content(
            text=d.get("text", ""),
            attachments=tuple(
                Attachment(
                    kind=MediaKind(f["kind"]),
                    mime=f.get("mime", ""),
                    filename=f.get("name", ""),
                    url=f.get("url", ""),
                    file_id=f.get("id", ""),
                    size=f.get("size"),
                )
                for f in files
            )
            if files
            else (),
            options=tuple(d.get("options", ())),
        ),
        author=d.get("author", ""),
        client_id=d.get("client_id", ""),
        comment_id=d.get("comment_id", ""),
        placeholder=d.get("placeholder", ""),
        late=d.get("late", False),
        sent_at=d.get("sent_at", ""),
        reply_deadline_ms=d.get("reply_deadline_ms", 0),
        remote_ids=tuple(d.get("remote_ids", ())),
        source_id=d.get("source_id", ""),
        wrote=d.get("wrote", ""),
        elsewhere=d.get("elsewhere", ""),
    )


def delivery(head: Head, envelope: Envelope, destination: str, number: int, *, is_desk: bool, bot_id: int) -> Delivery:
    """What a bridge is given to word: the head of a lane, seen from its destination."""
    kind = Kind(head.kind)
    if kind is Kind.ANSWER and is_desk:
        kind = Kind.MIRROR
    content = envelope.content
    if envelope.elsewhere and destination != envelope.wrote:
        content = Content(text=envelope.elsewhere)
    contact = None
    if head.channel:
        contact = Contact(
            id=number, channel=head.channel, remote_id=head.remote_id, username=head.username, name=head.name
        )
    return Delivery(
        id=head.delivery_id,
        destination=destination,
        kind=kind,
        contact=contact,
        content=content,
        origin=head.origin,
        author=envelope.author,
        comment_id=envelope.comment_id,
        placeholder=envelope.placeholder,
        bot_id=bot_id,
        created_at=datetime.fromtimestamp(head.at_ms / 1000, UTC) if head.at_ms else None,
        late=envelope.late,
        remote_ids=envelope.remote_ids,
        attempt=head.tries,
    )
