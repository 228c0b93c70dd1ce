"""`relay dead list|show|replay|drop`: what was given up, for a person to decide."""

from __future__ import annotations

import getpass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.config.load import Config
from relay.config.suggestions import hint
from relay.contract.errors import RelayError
from relay.contract.model import Kind, Role
from relay.observe.tracing import ATTEMPTS, rfc3339, traced
from relay.routing.routes import may_be_sent_to
from relay.store.store import Store


async def listed(store: Store) -> list[dict[str, Any]]:
    """All dead letters: id, conversation, destination, attempts, reason, at, text."""
    rows = []
    for did in await store.dead_ids():
        record = await store.record(did)
        journal = await store.journal(did.rpartition("-")[0])
        if record is None or journal is None:
            continue
        rows.append(
            {
                "id": did,
                "conversation": record.number,
                "destination": record.destination,
                "attempts": sum(line["what"] in ATTEMPTS for line in record.log),
                "reason": record.reason,
                "said": record.words,
                "at": rfc3339(record.dead_ms),
                "text": journal.envelope.get("text", ""),
            }
        )
    return rows


async def shown(store: Store, config: Config, did: str) -> dict[str, Any]:
    """One dead letter with every attempt and the other side's words. Raises RelayError."""
    row = next((r for r in await listed(store) if r["id"] == did), None)
    journal = await store.journal(did.rpartition("-")[0])
    if row is None or journal is None:
        raise RelayError(f"{did} is no dead letter; `relay dead list` shows them.")
    channels = {a.name for a in config.of_role(Role.CHANNEL)}
    hops = [h for h in traced(journal, channels)["hops"] if h.get("delivery") == did]
    return row | {"hops": hops, "raw": journal.raw.decode("utf-8", "replace")}


async def replay(store: Store, config: Config, ids: list[str], *, everything: bool, to: str) -> list[dict[str, str]]:
    """Send dead letters again, in order. Raises RelayError when one is none, before any is sent."""
    dead = await store.dead_ids()
    if to and to not in config.accounts:
        raise RelayError(f'There is no channel or desk "{to}"; {hint(to, list(config.accounts))}')
    chosen = dead if everything else _known(ids, dead)
    if to:
        await _check_destination(store, config, chosen, to)
    done: list[dict[str, str]] = []
    for did in chosen:
        try:
            new = await store.replay(did, to, by=getpass.getuser())
        except ValueError:
            raise RelayError(
                f"{did} answers a comment that has been answered by now, and a comment is answered once. "
                f"{len(done)} sent again before it; `relay dead drop {did}` ends it."
            ) from None
        if new is not None:
            done.append({"id": did, "as": new[0], "destination": new[1]})
    return done


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
    return [did for did in _known(ids, await store.dead_ids()) if await store.drop(did)]


def _known(ids: list[str], dead: list[str]) -> list[str]:
    wrong = [i for i in ids if i not in dead]
    if wrong:
        raise RelayError(f"{', '.join(wrong)}: no dead letter of that id; `relay dead list` shows them.")
    return [d for d in dead if d in set(ids)]


def show_list(rows: list[dict[str, Any]], console: Console) -> None:
    """For people."""
    if not rows:
        console.print("No dead letters.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "for", "to", "tries", "reason", "said", "at", "text"):
        # Ids are copied from here, so they stay in one piece however narrow the window.
        table.add_column(
            heading, overflow="fold", min_width=max(len(r["id"]) for r in rows) if heading == "id" else None
        )
    for r in rows:
        text = " ".join(r["text"].split())[:60]
        number = f"#{r['conversation']}" if r["conversation"] else ""
        cells = (
            r["id"],
            number,
            r["destination"],
            str(r["attempts"]),
            r["reason"],
            r["said"][:80],
            r["at"] or "",
            text,
        )
        table.add_row(*map(Text, cells))
    console.print(table)
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
