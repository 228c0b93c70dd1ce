"""The way out: a delivery becomes posts in a group, and an answer of the server becomes an outcome.

Team API v3, integrations, `help`: POST `/api/message` with `key` and `message`; `{"ok": true}`, or `{"ok": false,
"error": "<free text>"}`. FACTS 1.2: clients judge by the body's `ok`, whatever the HTTP status.

What a group sees of conversation 42, and why none of it can be taken for an answer when it comes back as a hook:

    #42 Anna (@anna): text      a customer's words; the core knows its own posts by `OutboundRequest.echo`
    #42… (2/3) more text        the same, continued; the number is followed by neither space nor colon
    → #42 Olga (panel): text    another desk's answer; begins with an arrow
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from bridges.team.client import Target, message_request, updated_request
from bridges.team.settings import TeamSettings
from relay.contract import BridgeContext
from relay.contract.errors import Refusal, UnsupportedContent
from relay.contract.model import Attachment, Contact, Delivery, Kind, OutboundRequest, Part
from relay.fitting.texts import is_printable, split_text

NAME_CHARS = 80  # a name is an address here, not a text: longer ones are cut
LINK_CHARS = 1000  # room kept for one link, whose length is not known yet when an answer is accepted
BAR = "│ "
_LIKE_A_POST = re.compile(r"(?<=\n)(?=[^\w\n]*(?:[#№＃][^\w\n]*[0-9]|→|ℹ))")
CONTINUED = "#{number}… ({part}/{parts}) "
CONTINUED_NOTICE = "… ({part}/{parts}) "
CONTINUED_CHARS = 40  # at most this long

# Namespace of the message ids that we choose, so that a retry of the same post carries the same id (FACTS 1.3).
_MESSAGE_IDS = uuid.UUID("6f0c3f0e-8e53-5d1c-9a53-3f2f2a9d1c42")

_TEMPLATES = {Kind.MESSAGE: "message", Kind.COMMENT: "comment", Kind.MIRROR: "mirror", Kind.NOTICE: "notice"}

# Characters that turn the direction of everything after them: in a name they would garble the line around it.
_DIRECTION = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
# Unicode's control characters (Cc) but for line break and tab; `\r` has become a line break before.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def one_line(text: str, limit: int = NAME_CHARS) -> str:
    """A name on one line, without marks that turn the writing direction, at most `limit` characters."""
    if not text:
        return ""
    # Marks are not printable either, so most names need no second look.
    flat = " ".join((text if is_printable(text) else _DIRECTION.sub("", plain(text))).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def plain(text: str) -> str:
    """Text the server gives back unchanged, so that our own posts are recognised: FACTS 1.9, `\\r` is dropped."""
    if is_printable(text):  # most texts: no line break, no control character, no broken surrogate
        return text.strip()
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def disarmed(text: str) -> str:
    """A stranger's text whose `[words](address)` shows its address instead of hiding it behind words (FACTS 1.9).

    The markup has no escape character; a zero-width space between the brackets undoes the link and is not seen.
    """
    return text.replace("](", "]\u200b(")


def marked(text: str) -> str:
    """A stranger's text in which a further line that looks like a post of ours (`#43 …`, `→ …`) begins with a bar."""
    return _LIKE_A_POST.sub(lambda line: BAR + line[0], text) if "\n" in text else text


def fit_parts(delivery: Delivery, settings: TeamSettings, context: BridgeContext) -> Sequence[Part]:
    """The posts that bring this delivery over, in order. Pure. Raises UnsupportedContent for a DELETE."""
    template = _TEMPLATES.get(delivery.kind)
    if template is None:
        raise UnsupportedContent(Refusal("refused_unsupported", (("what", delivery.kind.value),)))
    text = plain(context.texts.message(f"team/{template}", **facts_of(delivery)))
    if len(text) <= settings.max_chars and not delivery.content.attachments:
        return (Part(text=text),)
    pieces = [text] if len(text) <= settings.max_chars else _split(text, settings.max_chars - CONTINUED_CHARS)
    posts: list[tuple[str, tuple[Attachment, ...]]] = [(piece, ()) for piece in pieces]
    # Links go below the last piece of text where they fit, else into posts of their own. Their room is reckoned by a
    # fixed length, because signed addresses are made later and both calls must come to the same posts.
    attachments = delivery.content.attachments
    room = (settings.max_chars - len(pieces[-1]) - CONTINUED_CHARS) // LINK_CHARS
    if room > 0:
        posts[-1] = (pieces[-1], attachments[:room])
        attachments = attachments[room:]
    per_post = max(1, settings.max_chars // LINK_CHARS)
    posts += [("", attachments[i : i + per_post]) for i in range(0, len(attachments), per_post)]
    return [
        Part(text=_continued(delivery.contact, i, len(posts)) + piece if i else piece, attachments=group)
        for i, (piece, group) in enumerate(posts)
    ]


def _split(text: str, chars: int) -> list[str]:
    return [piece for piece in (p.strip() for p in split_text(text, chars=chars)) if piece] or [""]


def _continued(contact: Contact | None, index: int, count: int) -> str:
    """How a continuing post begins. It numbers the posts, so no two posts of one delivery are the same."""
    facts = {"part": index + 1, "parts": count}
    return CONTINUED.format(number=contact.id, **facts) if contact else CONTINUED_NOTICE.format(**facts)


def facts_of(delivery: Delivery) -> dict[str, Any]:
    """What the templates may use. Names are on one line; a customer's text can hide no link."""
    contact = delivery.contact
    stranger = delivery.kind in (Kind.MESSAGE, Kind.COMMENT)
    text = plain(delivery.content.text)
    return {
        "number": contact.id if contact else None,
        "name": disarmed(one_line(contact.name)) if contact else "",
        "username": disarmed(one_line(contact.username)) if contact else "",
        "channel": contact.channel if contact else "",
        "text": marked(disarmed(text)) if stranger else text,
        "placeholder": disarmed(one_line(delivery.placeholder)),
        "late": delivery.late,
        "written": f"{delivery.created_at:%Y-%m-%d %H:%M}" if delivery.late and delivery.created_at else "",
        "author": one_line(delivery.author),
        "origin": delivery.origin,
        "options": tuple(one_line(option) for option in delivery.content.options),
        "files": len(delivery.content.attachments),
    }


def words_of(part: Part, context: BridgeContext) -> str:
    """The exact text of one post: the part's words and a line for each file."""
    if not part.attachments:
        return part.text  # plain already
    lines = [
        plain(
            context.texts.message(
                "team/media",
                kind=attachment.kind.value,
                url=attachment.url,
                filename=disarmed(one_line(attachment.filename)),
            )
        )
        for attachment in part.attachments
    ]
    beside = len(lines) == 1 and part.text.endswith((":", ")")) and "\n" not in part.text
    return plain((" " if beside else "\n").join([part.text, *lines]))


def render_request(
    delivery: Delivery, part: Part, settings: TeamSettings, context: BridgeContext, keys: Sequence[str]
) -> OutboundRequest:
    """The request that posts this part; `echo` is its exact text."""
    text = words_of(part, context)
    if settings.mode == "user":
        target = Target(url=context.url, token=settings.token.get_secret_value() if settings.token else "")
        return updated_request(
            target, settings.team or "", to=settings.to or "", text=text, message_id=message_id_of(delivery.id, part)
        )
    # One id for several groups would name two messages, so it goes only where there is one group.
    chosen = message_id_of(delivery.id, part) if settings.send_message_id and len(keys) == 1 else ""
    return message_request(context.url, key=",".join(keys), message=text, message_id=chosen)


def message_id_of(delivery_id: str, part: Part) -> str:
    """A UUID that is the same at every try of one part, and differs between parts and deliveries."""
    return str(uuid.uuid5(_MESSAGE_IDS, f"{delivery_id}\n{part.text}"))
