"""How an answer may reach a customer: by direct message, as the one answer to a comment, or not at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from relay.contract import Limits
from relay.store.records import ContactCard


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


def once_key(channel: str, comment_id: str) -> str:
    """Name (without prefix) of the claim on a comment's one answer."""
    return f"once:comment:{channel}:{comment_id}"


def reply_path(card: ContactCard, limits: Limits, now_ms: int, *, comment_answered: bool) -> ReplyPath | CannotReply:
    """Decide where an answer goes.

    The last thing the customer did is what is answered: a comment, once and within its window, or a direct message. A
    comment that can no longer be answered is no obstacle to someone who has also written directly.
    """
    window_ms = int((limits.reply_window_s or 0) * 1000)
    closes = card.dm_ms + window_ms if window_ms and card.dm_ms else 0
    # A window that has closed by our reckoning is no reason not to try: only the channel knows for certain. But no
    # retry goes past one that is still open.
    direct = ReplyPath(deadline_ms=closes if closes > now_ms else 0)
    direct_open = bool(card.dm_ms) and (not window_ms or closes > now_ms)
    if card.last_kind == "comment" and card.comment_id:
        comment_ms = int((limits.comment_window_s or 0) * 1000)
        in_time = not comment_ms or now_ms < card.comment_ms + comment_ms
        if in_time and not comment_answered:
            return ReplyPath(
                comment_id=card.comment_id,
                single_use_key=once_key(card.contact.channel, card.comment_id),
                deadline_ms=card.comment_ms + comment_ms if comment_ms else 0,
            )
        if direct_open:
            return direct
        if comment_answered:
            return CannotReply(notice="comment_already_answered", facts=(("number", str(card.contact.id)),))
        hours = str(round(comment_ms / 3_600_000))
        return CannotReply(notice="comment_too_old", facts=(("number", str(card.contact.id)), ("hours", hours)))
    return direct
