"""`relay trace ID`: one message across all systems, a line a hop."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.commands.kept import opened_history
from relay.cli.console import err, one_line, tell
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, json_option
from relay.config.load import Config
from relay.contract.model import Role
from relay.history.checking import find
from relay.observe.tracing import traced
from relay.store.records import MessageRecord
from relay.store.store import Store

WHEN_WIDTH = len("2026-11-21T22:13:14.724Z")


async def trace(store: Store, config: Config, some_id: str) -> dict[str, Any] | None:
    """The trace of a message id, a delivery id or the other side's id; None when nobody knows it."""
    mid = await store.find(some_id, list(config.accounts))
    journal = await store.journal(mid) if mid else None
    if journal is None and not config.history.off:
        journal = await _in_history(config, some_id)
    if journal is None:
        return None
    return traced(journal, {a.name for a in config.of_role(Role.CHANNEL)})


async def _in_history(config: Config, some_id: str) -> MessageRecord | None:
    """What has left the store is looked for where it is kept."""
    async with opened_history(config) as database:
        return await find(database, some_id)


def show(found: dict[str, Any], console: Console) -> None:
    """For people."""
    console.print(
        Text.assemble(
            (found["id"], "bold"), f"  {found['kind']}  ", (found["state"], "bold"), f"  #{found['conversation']}"
        )
    )
    if found["text"]:
        console.print(Text(one_line(found["text"], 200)))
    table = Table(box=None, pad_edge=False, show_header=False)
    for whole in (True, True, False, False):  # a time or a name cut short would be of no use
        table.add_column(no_wrap=whole, overflow="fold", min_width=WHEN_WIDTH if not table.columns else None)
    for hop in found["hops"]:
        extra = [
            f"{k} {hop[k]}" for k in ("by", "queue_id", "status", "reason", "said", "note", "replay_of") if k in hop
        ]
        if "took_ms" in hop:
            extra.append(f"{hop['took_ms']} ms")
        if "next_in_s" in hop:
            extra.append(f"next try in {hop['next_in_s']:g} s")
        table.add_row(Text(hop["at"] or ""), Text(hop["where"]), Text(hop["what"]), Text(" · ".join(extra)))
    console.print(table)


@click.command("trace")
@config_option
@json_option
@click.argument("id")
@click.pass_context
def command(ctx: click.Context, id: str, as_json: bool) -> int:
    """Follow one message across all systems; ID is ours or the other side's (queueId)."""
    found = ask_store(ctx, lambda store, config: trace(store, config, id))
    if found is None:
        err().print(Text(f"No message is known by {id}. It may be mistyped, or older than the retention."))
        return 1
    tell(found, as_json, show)
    return 0
