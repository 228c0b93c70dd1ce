"""`relay dead list|show|replay|drop`: what was given up, for a person to decide."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from relay.cli.console import err, one_line, out, plural, tell, write_json
from relay.cli.open_store import ask_store
from relay.cli.options import config_option, json_option, known_name
from relay.config.load import Config
from relay.contract.errors import RelayError
from relay.contract.model import Kind, Role
from relay.observe.tracing import ATTEMPTS, rfc3339, traced
from relay.routing.routes import may_be_sent_to
from relay.store.store import Store

AT_ONCE = 20  # questions to the store
PAGE = 50  # dead letters that a person is shown at once
SLOW = 200  # so many and more are done under a progress bar


async def listed(store: Store, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Dead letters, all or those of some ids: id, conversation, destination, attempts, reason, at, text."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def row(did: str) -> dict[str, Any] | None:
        async with gate:
            record = await store.record(did)
            journal = await store.journal(did.rpartition("-")[0])
        if record is None or journal is None or not record.dead_ms:
            return None
        return {
            "id": did,
            "conversation": record.number,
            "destination": record.destination,
            "attempts": sum(line["what"] in ATTEMPTS for line in record.log),
            "reason": record.reason,
            "said": record.words,
            "at": rfc3339(record.dead_ms),
            "text": journal.envelope.get("text", ""),
        }

    rows = await asyncio.gather(*(row(did) for did in (await store.dead_ids() if ids is None else ids)))
    return [r for r in rows if r is not None]


async def shown(store: Store, config: Config, did: str) -> dict[str, Any]:
    """One dead letter with every attempt and the other side's words. Raises RelayError."""
    rows = await listed(store, [did])
    journal = await store.journal(did.rpartition("-")[0])
    if not rows or journal is None:
        raise RelayError(f"{did} is no dead letter; `relay dead list` shows them.")
    channels = {a.name for a in config.of_role(Role.CHANNEL)}
    hops = [h for h in traced(journal, channels)["hops"] if h.get("delivery") == did]
    return rows[0] | {"hops": hops, "raw": journal.raw.decode("utf-8", "replace")}


async def replay(store: Store, config: Config, ids: list[str], *, everything: bool, to: str) -> list[dict[str, str]]:
    """Send dead letters again, in order. Raises RelayError when one cannot be, before any is sent."""
    dead = await store.dead_ids()
    chosen = dead if everything else _known(ids, dead)
    await _refuse_lost(store, config, chosen, to)
    if to:
        await _check_destination(store, config, chosen, to)
    by = _operating()
    done: list[dict[str, str]] = []
    async for did in _with_progress(chosen, "Sending again"):
        try:
            new = await store.replay(did, to, by=by)
        except ValueError:
            raise RelayError(
                f"{did} answers a comment that has been answered by now, and a comment is answered once. "
                f"{len(done)} sent again before it; `relay dead drop {did}` ends it."
            ) from None
        if new is not None:
            done.append({"id": did, "as": new[0], "destination": new[1]})
    return done


async def _refuse_lost(store: Store, config: Config, chosen: Sequence[str], to: str) -> None:
    """A letter for somebody who is not in the configuration would wait for ever."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def destination(did: str) -> str:
        async with gate:
            record = await store.record(did)
        return record.destination if record else ""

    names = set(await asyncio.gather(*(destination(did) for did in chosen))) - {""}
    if not to and (lost := sorted(names - set(config.accounts))):
        raise RelayError(
            f"Nothing is sent: {', '.join(lost)} is not in {config.path.name}, so nobody would deliver it. "
            "Put it back, or say with --to NAME who gets it."
        )


async def _with_progress(ids: Sequence[str], what: str) -> AsyncIterator[str]:
    """The ids one after the other; where there are many and somebody watches, under a bar."""
    if len(ids) < SLOW or not sys.stderr.isatty():
        for did in ids:
            yield did
        return
    with Progress(console=err(), transient=True) as progress:
        task = progress.add_task(what, total=len(ids))
        for did in ids:
            yield did
            progress.advance(task)


def _operating() -> str:
    """Who types the command, for the trace."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        return "command line"


async def _check_destination(store: Store, config: Config, ids: list[str], to: str) -> None:
    """Raises RelayError where one of these must not go there, before any is sent."""
    for did in ids:
        journal = await store.journal(did.rpartition("-")[0])
        if journal is None:
            continue
        card = await store.contact(journal.number) if journal.number else None
        channel = card.contact.channel if card is not None else ""
        is_desk, desks = config.accounts[to].role is Role.DESK, config.desks_for(channel)
        if not may_be_sent_to(journal.kind, channel=channel, destination=to, is_desk=is_desk, desks=desks):
            what = "answer" if journal.kind in (Kind.ANSWER, Kind.DELETE) else journal.kind.value
            where = f"{channel} or to its desks" if what == "answer" else f"the desks of {channel}"
            raise RelayError(f"{did} is a {what} of conversation #{journal.number}: it may go to {where}, not to {to}.")


async def drop(store: Store, ids: list[str]) -> list[str]:
    """Give dead letters up for good. Raises RelayError when one is none, before any is dropped."""
    chosen = _known(ids, await store.dead_ids())
    return [did async for did in _with_progress(chosen, "Dropping") if await store.drop(did)]


def _known(ids: list[str], dead: list[str]) -> list[str]:
    there, wanted = set(dead), set(ids)
    if wrong := [i for i in ids if i not in there]:
        raise RelayError(f"{', '.join(wrong)}: no dead letter of that id; `relay dead list` shows them.")
    return [d for d in dead if d in wanted]


def show_list(rows: list[dict[str, Any]], console: Console, *, more: int = 0) -> None:
    """For people: two lines each, so that it fits any window; ids are whole, for they are copied from here."""
    if not rows:
        console.print("No dead letters.")
        return
    for r in rows:
        number = f"#{r['conversation']} " if r["conversation"] else ""
        tries = "1 try" if r["attempts"] == 1 else f"{r['attempts']} tries"
        console.print(Text.assemble((r["id"], "bold"), f"  {number}to {r['destination']}  {r['at'] or ''}"))
        said = f": {one_line(r['said'], 120)}" if r["said"] else ""
        console.print(Text(f"    {r['reason']} after {tries}{said}", style="yellow"))
        if r["text"].strip():
            console.print(Text(f"    {one_line(r['text'], 100)}"))
    if more:
        console.print(Text(f"… and {more} more; --limit {len(rows) + more} shows all."))
    console.print(
        "`relay dead show ID` tells more, `relay dead replay ID` sends it again, `relay dead drop ID` ends it."
    )


def show_one(found: dict[str, Any], console: Console) -> None:
    """For people."""
    console.print(Text.assemble((found["id"], "bold"), f"  #{found['conversation']} to {found['destination']}"))
    console.print(Text(f"given up at {found['at']}: {found['reason']} {found['said']}"))
    console.print(Text(found["text"]))
    for hop in found["hops"]:
        extra = " ".join(str(hop[k]) for k in ("status", "reason", "said", "note") if k in hop)
        console.print(Text(f"  {hop['at']}  {hop['what']}  {extra}"))


@click.group("dead")
@config_option
def command() -> None:
    """Dead letters: what was given up, for a person to decide."""


@command.command("list")
@config_option
@json_option
@click.option("--limit", type=click.IntRange(1), help=f"How many; for people {PAGE} unless said, as JSON all.")
@click.pass_context
def list_command(ctx: click.Context, as_json: bool, limit: int | None) -> None:
    """Dead letters, oldest first."""

    async def work(store: Store, _: Config) -> tuple[list[dict[str, Any]], int]:
        ids = await store.dead_ids()
        wanted = ids[: limit or (None if as_json else PAGE)]
        return await listed(store, wanted), len(ids) - len(wanted)

    rows, more = ask_store(ctx, work)
    tell(rows, as_json, lambda found, console: show_list(found, console, more=more))


@command.command("show")
@config_option
@json_option
@click.argument("id")
@click.pass_context
def show_command(ctx: click.Context, id: str, as_json: bool) -> None:
    """One dead letter with every attempt and the other side's words."""
    tell(ask_store(ctx, lambda store, config: shown(store, config, id)), as_json, show_one)


@command.command("replay")
@config_option
@json_option
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead letters, in order.")
@click.option("--to", default="", metavar="NAME", help="To this channel or desk instead of the first one.")
@click.pass_context
def replay_command(ctx: click.Context, ids: tuple[str, ...], everything: bool, to: str, as_json: bool) -> None:
    """Send dead letters again, each as a new delivery that names the old one."""
    if ids and everything:
        raise click.UsageError("Either name the dead letters or say --all, not both.")
    if not ids and not everything:
        raise click.UsageError("Name the dead letters, or say --all.")

    async def work(store: Store, config: Config) -> list[dict[str, str]]:
        if to:
            known_name(config, to, "--to")
        return await replay(store, config, list(ids), everything=everything, to=to)

    done = ask_store(ctx, work)
    if as_json:
        write_json(done)
        return
    for row in done[:PAGE]:
        out().print(Text(f"{row['id']} goes to {row['destination']} again, as {row['as']}"))
    out().print(f"{plural(len(done), 'dead letter')} sent again.")


@command.command("drop")
@config_option
@click.argument("ids", nargs=-1, required=True)
@click.pass_context
def drop_command(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """Give dead letters up for good."""
    gone = ask_store(ctx, lambda store, _: drop(store, list(ids)))
    out().print(f"{plural(len(gone), 'dead letter')} dropped.")
