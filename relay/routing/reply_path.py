"""How an answer may reach a customer: by direct message, as the one answer to a comment, or not at all.

Decided by `reply_paths`, which is pure; `open_comments` asks the store for what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.contract import Limits
from relay.store.records import ContactCard
from relay.store.store import Store

COMMENTS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPath:
    """`comment_id` is set for the answer to a comment, `single_use_key` then names the claim on it.

    `deadline_ms`: ms since the epoch; 0: none.
    """

    comment_id: str = ""
    single_use_key: str = ""
    deadline_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotReply:
    """A notice's name and facts."""

    notice: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenComment:
    """A comment that nobody has answered yet; `at_ms`: when it came."""

    id: str
    at_ms: int


def once_key(channel: str, comment_id: str) -> str:
    """Name (without prefix) of the claim on a comment's one answer."""
    return f"once:comment:{channel}:{comment_id}"


async def open_comments(store: Store, card: ContactCard, limits: Limits, now_ms: int) -> Sequence[OpenComment]:
    """The comments of a contact that may still be answered, newest first. Raises StoreUnavailable."""
    window_ms = int((limits.comment_window_s or 0) * 1000)
    since_ms = now_ms - window_ms if window_ms else 0
    found = await store.comments(card.contact.id, since_ms, COMMENTS_LOOKED_AT)
    if not found and card.comment_id:  # written before each comment was kept by itself
        found = [(card.comment_id, card.comment_ms)]
    claimed = await store.are_claimed([once_key(card.contact.channel, comment_id) for comment_id, _ in found])
    return [
        OpenComment(id=comment_id, at_ms=at_ms)
        for (comment_id, at_ms), answered in zip(found, claimed, strict=True)
        if not answered
    ]


def reply_paths(
    card: ContactCard, limits: Limits, now_ms: int, *, comments: Sequence[OpenComment]
) -> Sequence[ReplyPath] | CannotReply:
    """Where an answer may go, the best way first; at least one, or why there is none. `comments`: newest first.

    The last thing the customer did is what is answered. After a direct message that is a direct message. After a
    comment it is the newest comment that nobody has answered, once and within its window; and, while the customer may
    be written to directly, a direct message, for what a comment cannot take and when all comments are answered.
    """
    window_ms = int((limits.reply_window_s or 0) * 1000)
    closes = card.dm_ms + window_ms if window_ms and card.dm_ms else 0
    # A window that has closed by our reckoning is no reason not to try: only the channel knows for certain. But no
    # retry goes past one that is still open.
    direct = ReplyPath(deadline_ms=closes if closes > now_ms else 0)
    if card.last_kind != "comment" or not (card.comment_id or comments):
        return [direct]
    comment_ms = int((limits.comment_window_s or 0) * 1000)
    paths = [
        ReplyPath(
            comment_id=comment.id,
            single_use_key=once_key(card.contact.channel, comment.id),
            deadline_ms=comment.at_ms + comment_ms if comment_ms else 0,
        )
        for comment in comments
        if not comment_ms or now_ms < comment.at_ms + comment_ms
    ][:1]
    if card.dm_ms and (not window_ms or closes > now_ms):
        paths.append(direct)
    if paths:
        return paths
    number = ("number", str(card.contact.id))
    if comment_ms and now_ms >= card.comment_ms + comment_ms:
        hours = str(round(comment_ms / 3_600_000))
        return CannotReply(notice="comment_too_old", facts=(number, ("hours", hours)))
    return CannotReply(notice="comment_already_answered", facts=(number,))
