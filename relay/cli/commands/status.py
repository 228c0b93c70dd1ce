"""`relay status`: the state and backlog of every connection, and whether anything needs a person."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.console import one_line, out, plural, tell
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, json_option
from relay.config.load import Config
from relay.observe.tracing import rfc3339
from relay.store.records import Destination
from relay.store.store import Store

# States a person must do something about, or at least know of. Whoever paused something by hand knows it.
NEED_A_PERSON = ("credentials", "other account", "breaker open", "failing", "orphaned")
_REMEDIES = {
    "credentials": "`relay doctor` tells what the other side wants; it goes on by itself once that is mended",
    "other account": "its key opens somebody else's account: put its own back, or `relay resume {name}`",
    "paused": "`relay resume {name}` lets it go on",
    "breaker open": "it is asked again and again, and goes on by itself",
    "failing": "it is tried again; `relay doctor` may tell more",
    "orphaned": "it is not in the configuration: put it back, or `relay dead list` once it is given up",
}


async def status(store: Store, config: Config) -> dict[str, Any]:
    """The state and backlog of every connection, and of what is no longer in the configuration."""
    served: dict[str, int] = {}
    workers = await store.workers()
    for names in workers.values():
        for name in names:
            served[name] = served.get(name, 0) + 1
    rows = []
    for account in config.accounts.values():
        d = await store.destination(account.name)
        rows.append(_row(d, account.kind, account.role.value, state_of(d), served.get(account.name, 0)))
    for name in await store.orphans(list(config.accounts)):
        rows.append(_row(await store.destination(name), "", "", "orphaned", 0))
    return {
        "running": bool(workers),
        "processes": len(workers),
        "dead_letters": await store.dead_count(),
        "connections": rows,
    }


def state_of(d: Destination) -> str:
    """One word or two for how a destination does."""
    if d.paused:
        return {"manual": "paused", "other_account": "other account"}.get(d.paused, d.paused)
    if d.open_ms:
        return "breaker open"
    return "failing" if d.fails and d.lanes else "working"


def _row(d: Destination, kind: str, role: str, state: str, workers: int) -> dict[str, Any]:
    return {
        "name": d.name,
        "kind": kind,
        "role": role,
        "state": state,
        "since": rfc3339(d.since_ms),
        "said": d.words,
        "backlog": d.backlog,
        "lanes": d.lanes,
        "oldest_s": round(max(time.time() - d.oldest_ms / 1000, 0), 1) if d.oldest_ms else 0,
        "workers": workers,
    }


def worries(found: dict[str, Any]) -> list[str]:
    """What needs a person, as sentences."""
    sentences = [f"{r['name']}: {r['state']}." for r in found["connections"] if r["state"] in NEED_A_PERSON]
    if found["dead_letters"]:
        sentences.append(f"{plural(found['dead_letters'], 'dead letter')}; see `relay dead list`.")
    if not found["running"]:
        sentences.append("No relay is running on this store; `relay run` starts one.")
    return sentences


def show(found: dict[str, Any], console: Console) -> None:
    """For people: a line a connection that fits 60 columns, and below it what is wrong and what to do."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "state", "backlog", "oldest", "workers"):
        right = heading in ("backlog", "oldest", "workers")
        table.add_column(heading, overflow="fold", no_wrap=heading != "name", justify="right" if right else "left")
    for r in found["connections"]:
        style = "" if r["state"] == "working" else "yellow"
        oldest = age(r["oldest_s"]) if r["backlog"] else ""
        cells = (r["name"], r["state"], str(r["backlog"] or ""), oldest, str(r["workers"]))
        table.add_row(*(Text(c, style=style) for c in cells))
    console.print(table, soft_wrap=False)
    for r in found["connections"]:
        if r["state"] == "working":
            continue
        since = f" since {r['since']}" if r["since"] else ""
        said = f": {one_line(r['said'], 300)}" if r["said"] else ""
        remedy = _REMEDIES.get(r["state"], "").format(name=r["name"])
        console.print(Text(f"{r['name']} is {r['state']}{since}{said}" + (f" → {remedy}" if remedy else "")))
    if found["dead_letters"]:
        console.print(f"{plural(found['dead_letters'], 'dead letter')}; see `relay dead list`.")
    if not found["running"]:
        console.print("No relay is running on this store; `relay run` starts one.")


def age(seconds: float) -> str:
    """`42 s`, `3 min`, `5 h`, `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command("status")
@config_option
@json_option
@click.option("--check", is_flag=True, help="For cron: say only what needs a person, and exit with 1 if anything does.")
@click.pass_context
def command(ctx: click.Context, as_json: bool, check: bool) -> int:
    """The state and backlog of every connection."""
    found = ask_store(ctx, status)
    needed = worries(found)
    if check and not as_json:
        console = out()
        for sentence in needed:
            console.print(Text(sentence))
    else:
        tell(found, as_json, show)
    return 1 if check and needed else 0
