"""`relay trace ID`: one message across all systems, a line a hop."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.commands.stored import rfc3339
from relay.config.load import Config
from relay.contract.model import Kind, Role, State
from relay.store.records import DeliveryRecord, MessageRecord
from relay.store.store import Store

WHEN_WIDTH = len("2026-11-21T22:13:14.724Z")
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
    for record in journal.records:
        hops.append({"at": journal.at_ms, "what": "queued", "where": record.destination, "delivery": record.id})
        if record.replay_of:
            hops[-1]["replay_of"] = record.replay_of
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


async def trace(store: Store, config: Config, some_id: str) -> dict[str, Any] | None:
    """The trace of a message id, a delivery id or the other side's id; None when nobody knows it."""
    mid = await store.find(some_id, list(config.accounts))
    journal = await store.journal(mid) if mid else None
    if journal is None:
        return None
    return traced(journal, {a.name for a in config.of_role(Role.CHANNEL)})


def show(found: dict[str, Any], console: Console) -> None:
    """For people."""
    console.print(
        Text.assemble(
            (found["id"], "bold"), f"  {found['kind']}  ", (found["state"], "bold"), f"  #{found['conversation']}"
        )
    )
    if found["text"]:
        console.print(Text(" ".join(found["text"].split())[:200]))
    table = Table(box=None, pad_edge=False, show_header=False)
    for whole in (True, True, False, False):  # a time or a name cut short would be of no use
        table.add_column(no_wrap=whole, overflow="fold", min_width=WHEN_WIDTH if not table.columns else None)
    for hop in found["hops"]:
        extra = [f"{k} {hop[k]}" for k in ("queue_id", "status", "reason", "said", "note", "replay_of") if k in hop]
        if "took_ms" in hop:
            extra.append(f"{hop['took_ms']} ms")
        if "next_in_s" in hop:
            extra.append(f"next try in {hop['next_in_s']:g} s")
        table.add_row(Text(hop["at"] or ""), Text(hop["where"]), Text(hop["what"]), Text(" · ".join(extra)))
    console.print(table)
