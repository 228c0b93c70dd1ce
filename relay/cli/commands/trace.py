"""`relay trace ID`: one message across all systems, a line a hop."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.config.load import Config
from relay.contract.model import Role
from relay.observe.tracing import traced
from relay.store.store import Store

WHEN_WIDTH = len("2026-11-21T22:13:14.724Z")


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
