"""From the store's records to rows of the database. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from relay.contract.model import Kind
from relay.history.schema import STATES
from relay.history.words import NORM, folded_names, indexed
from relay.store.records import ContactCard, DeliveryRecord, MessageRecord

HOUR_MS = 3_600_000
_CUSTOMER = (Kind.MESSAGE, Kind.COMMENT)
PER_MS = 1024
"""Places in the order of rows for the messages of one millisecond; see `places`."""
Counts = dict[tuple[int, str, str], tuple[int, int]]


def is_kept(found: MessageRecord) -> bool:
    """Whether people look for it later. A notice to a desk elsewhere is in that desk; one without a destination is an
    entry of the conversation."""
    return found.kind is not Kind.NOTICE or not found.records


def places(times: Sequence[int], used: Collection[int]) -> list[int]:
    """Numbers for new rows of `message`, made of their times in ms: the newest has the largest, in whatever order they
    are written. A full-text index walks its hits by that number, so the newest come first without sorting all hits.
    `used`: those that are given away for any of these times."""
    taken, found = set(used), []
    for at_ms in times:
        place = at_ms * PER_MS
        while place in taken:
            place += 1
        taken.add(place)
        found.append(place)
    return found


def message_row(found: MessageRecord, channel: str) -> dict[str, Any]:
    """A row of `message`, but for its place in the order."""
    text = str(found.envelope.get("text", "")).replace("\0", "")
    return {
        "id": found.id,
        "conversation": found.number,
        "at": found.at_ms,
        "kind": found.kind.value,
        "channel": channel,
        "origin": found.origin,
        "author": str(found.envelope.get("author", "")).replace("\0", ""),
        "text": text,
        "content": _without_zeros({k: v for k, v in found.envelope.items() if k not in ("text", "author")}),
        "words": indexed(found.number, text),
        "norm": NORM,
    }


def delivery_row(found: DeliveryRecord, of: MessageRecord) -> dict[str, Any]:
    """A row of `delivery`."""
    return {
        "id": found.id,
        "message": of.id,
        "conversation": of.number,
        "destination": found.destination,
        "state": STATES.index(found.state.value),
        "reason": found.reason.replace("\0", ""),
        "words": found.words.replace("\0", ""),
        "tries": found.tries,
        "remote_ids": _without_zeros(list(found.remote_ids)),
        "log": _without_zeros(list(found.log)),
        "replay_of": found.replay_of,
        "replayed_as": found.replayed_as,
        "dropped_at": found.dropped_ms,
    }


def conversation_row(card: ContactCard) -> dict[str, Any]:
    """The half of a row of `conversation` that the store knows."""
    who = card.contact
    return {
        "number": who.id,
        "channel": who.channel,
        "remote_id": who.remote_id.replace("\0", ""),
        "username": who.username.replace("\0", ""),
        "name": who.name.replace("\0", ""),
        "names": folded_names([who.name, who.username]).replace("\0", ""),
        "first_at": card.first_ms,
        "last_at": max(card.last_ms, card.answered_ms),
        "answered_at": card.answered_ms,
        "closed_at": card.closed_ms,
        "direct_at": card.dm_ms,
        "comment_at": card.comment_ms,
    }


def turns_and_counts(
    new: Sequence[MessageRecord], waiting: Mapping[int, int | None], channels: Mapping[int, str]
) -> tuple[list[dict[str, Any]], Counts]:
    """What new messages, in the order they came, say about waiting and volume.

    `waiting`: since when each conversation waits. Returns rows of `turn`, and (hour, metric, of) -> (count, sum of ms).
    """
    since = dict(waiting)
    turns: list[dict[str, Any]] = []
    counts: Counts = {}

    def count(at_ms: int, metric: str, of: str, total: int = 0) -> None:
        key = (at_ms - at_ms % HOUR_MS, metric, of)
        had = counts.get(key, (0, 0))
        counts[key] = (had[0] + 1, had[1] + total)

    for one in new:
        channel = channels.get(one.number, "")
        if one.kind in _CUSTOMER:
            count(one.at_ms, "received", channel)
            since[one.number] = since.get(one.number) or one.at_ms
        elif one.kind is Kind.ANSWER:
            author = str(one.envelope.get("author", "")) or one.origin
            count(one.at_ms, "answered", channel)
            count(one.at_ms, "answered_by", author[:80])
            opened = since.get(one.number)
            if opened and one.at_ms >= opened:
                turns.append({"conversation": one.number, "opened": opened, "answered": one.at_ms, "by": author})
                count(one.at_ms, "waited", channel, one.at_ms - opened)
            since[one.number] = None
    return turns, counts


def _without_zeros(value: Any) -> Any:
    """PostgreSQL keeps no U+0000 in JSON."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list | tuple):
        return [_without_zeros(v) for v in value]
    if isinstance(value, dict):
        return {str(k).replace("\0", ""): _without_zeros(v) for k, v in value.items()}
    return value
