"""`relay history check|rebuild`: is everything that the store has in the history; and writing it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from relay.cli.commands.kept import with_history
from relay.cli.console import out, tell
from relay.cli.options import config_of, config_option, json_option
from relay.history.archiver import Archiver
from relay.history.checking import compare
from relay.history.database import Database
from relay.store.store import Store

SHOWN = 20  # ids that are listed for people; --json has all


@click.group("history")
@config_option
def command() -> None:
    """Compare the history with the store, or write it again from it."""


def show(found: dict[str, Any], console: Console) -> None:
    """For people."""
    console.print(Text(f"{found['in_store']} messages in the store, {found['in_history']} in the history."))
    if found["behind"]:
        console.print(Text("The archiver has not come to the end of the feed yet; while the relay runs, it will."))
    for what, ids in (("missing from the history", found["missing"]), ("shown differently", found["differing"])):
        if ids:
            more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
            console.print(Text(f"{len(ids)} {what}: {', '.join(ids[:SHOWN])}{more}"))
    if found["complete"]:
        console.print(Text("Everything in the store is in the history."))
    else:
        console.print(Text("`relay history rebuild` writes it again from the store."))


@command.command("check")
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> int:
    """Say what the store has and the history lacks; exit status 1 when there is anything."""
    found = with_history(config_of(ctx), compare)
    said = {**asdict(found), "behind": found.behind, "complete": found.complete}
    tell(said, as_json, show)
    return 0 if found.complete else 1


@command.command("rebuild")
@config_option
@click.pass_context
def rebuild(ctx: click.Context) -> None:
    """Write everything the store has into the history again. Nothing in the history is deleted; the relay may run."""

    async def work(store: Store, database: Database) -> int:
        return await Archiver(store, database, holder="relay history rebuild").rebuild()

    count = with_history(config_of(ctx), work)
    out().print(Text(f"{count} messages of the store are in the history."))
