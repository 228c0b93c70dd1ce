"""One message across all systems, hop by hop: what `relay trace` prints and the API answers. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from relay.contract.model import Kind, State
from relay.store.records import DeliveryRecord, MessageRecord

ATTEMPTS: Final = ("ok", "part", "retry", "dead", "credentials")  # lines of a delivery's log that are attempts
_LADDER = [State.QUEUED, State.ACCEPTED, State.DELIVERED, State.READ]
_WHAT = {
    "ok": "accepted",
    "part": "accepted a part",
    "retry": "failed, will be tried again",
    "hold": "held",
    "credentials": "refused our key",
    "dead": "given up",
    "taken_over": "may have been sent twice",
    "pending": "pending",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}


def state_of(journal: MessageRecord, channels: set[str]) -> State:
    """Where a message stands: an answer where its customer's delivery stands, a customer's message where the desk that
    is furthest behind stands. A delivery that was replayed counts as its replay."""
    records = [r for r in journal.records if not r.replayed_as]
    if journal.kind in (Kind.ANSWER, Kind.DELETE):
        records = [r for r in records if r.destination in channels] or records
    if not records:
        return State.ACCEPTED
    if any(r.state is State.FAILED for r in records):
        return State.FAILED
    return min((r.state for r in records), key=_LADDER.index)


def traced(journal: MessageRecord, channels: set[str]) -> dict[str, Any]:
    """The JSON of `trace`: `id`, `state`, `conversation`, `hops` with `at`, `what`, `where` and what was said."""
    hops: list[dict[str, Any]] = [
        {"at": journal.at_ms, "what": "received", "where": journal.origin or "relay", "kind": journal.kind.value}
    ]
    if author := journal.envelope.get("author"):
        hops[0]["by"] = author
    died = {r.id: r.dead_ms for r in journal.records}
    for record in journal.records:
        hop: dict[str, Any] = {
            "at": journal.at_ms,
            "what": "queued",
            "where": record.destination,
            "delivery": record.id,
        }
        if record.replay_of:  # not before the first one was given up
            at = min((line["at"] for line in record.log), default=died.get(record.replay_of, 0))
            hop |= {"at": max(at, journal.at_ms), "replay_of": record.replay_of}
        hops.append(hop)
        hops += [_hop(record, line) for line in record.log]
        if record.state is State.QUEUED and record.tries:
            hops.append({"at": record.due_ms, "what": "next try due", "where": record.destination})
    hops.sort(key=lambda h: h["at"])
    for hop in hops:
        hop["at"] = rfc3339(hop["at"])
    return {
        "id": journal.id,
        "state": state_of(journal, channels).value,
        "kind": journal.kind.value,
        "conversation": journal.number,
        "text": journal.envelope.get("text", ""),
        "hops": hops,
    }


def _hop(record: DeliveryRecord, line: dict[str, Any]) -> dict[str, Any]:
    hop: dict[str, Any] = {
        "at": line["at"] + line.get("ms", 0),
        "what": _WHAT.get(line["what"], line["what"]),
        "where": record.destination,
        "delivery": record.id,
    }
    said = {
        "remote_id": "queue_id",
        "words": "said",
        "reason": "reason",
        "status": "status",
        "ms": "took_ms",
        "part": "part",
        "next_in_s": "next_in_s",
    }
    hop |= {name: line[key] for key, name in said.items() if key in line}
    if line.get("certain") is False:
        hop["certain"] = False
        hop["note"] = "may have been sent twice"
    return hop


def rfc3339(ms: int) -> str | None:
    """Milliseconds since the epoch as RFC 3339 in UTC; None for 0."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
