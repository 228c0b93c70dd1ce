"""`relay token add|list|revoke`: bearer tokens for scripts."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.commands.with_people import operating, with_people
from relay.cli.console import out, tell, write_json
from relay.cli.options import config_of, config_option, json_option
from relay.contract.errors import RelayError
from relay.observe.tracing import rfc3339
from relay.people.people import NameTaken, People
from relay.people.rights import Scope
from relay.people.tokens import GOOD_FOR_DAYS, Token

_SCOPES = click.Choice([s.value for s in Scope])


@click.group()
@config_option
def token() -> None:
    """Bearer tokens for scripts that use /api/v1."""


@token.command("add")
@config_option
@json_option
@click.argument("name")
@click.option("--scope", type=_SCOPES, default=Scope.READ.value, show_default=True, help="What it is good for.")
@click.option("--days", type=click.IntRange(1, 3660), default=GOOD_FOR_DAYS, show_default=True, help="How long.")
@click.option("--forever", is_flag=True, help="It does not end.")
@click.pass_context
def add(ctx: click.Context, /, name: str, *, scope: str, days: int, forever: bool, as_json: bool) -> None:
    """Make a token called NAME. It is shown now and never again."""
    if not name.strip() or not name.isprintable() or len(name) > 64:
        raise click.BadParameter("1 to 64 printable characters", param_hint="NAME")

    async def work(people: People) -> tuple[Token, str]:
        try:
            made, text = await people.tokens.add(name, Scope(scope), by=operating(), days=None if forever else days)
        except NameTaken:
            raise RelayError(f'There is a token "{name}"; `relay token revoke` ends it first.') from None
        await people.audit.note(operating(), "token made", on=name, detail=f"{made.id} {scope}")
        return made, text

    made, text = with_people(config_of(ctx), work)
    if as_json:
        write_json({"name": made.name, "id": made.id, "scope": made.scope.value, "token": text})
        return
    ends = f"good until {rfc3339(made.expires_ms)}" if made.expires_ms else "it does not end"
    out().print(Text(text, style="bold"))
    out().print(Text(f"Scope {scope}, {ends}. Keep it safe: it is not shown again."))


@token.command("list")
@config_option
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """All tokens, without what makes them tokens."""
    tell([_row(t) for t in with_people(config_of(ctx), lambda p: p.tokens.all())], as_json, _show)


@token.command("revoke")
@config_option
@click.argument("ids", nargs=-1, required=True)
@click.pass_context
def revoke(ctx: click.Context, ids: tuple[str, ...]) -> None:
    """End tokens at once; IDS are ids or names."""

    async def work(people: People) -> list[str]:
        known = await people.tokens.all()
        chosen = [next((t for t in known if i in (t.id, t.name)), None) for i in ids]
        if missing := [i for i, t in zip(ids, chosen, strict=True) if t is None]:
            raise RelayError(f"{', '.join(missing)}: no such token; `relay token list` shows them.")
        for t in chosen:
            if t is not None and await people.tokens.remove(t.id) is not None:
                await people.audit.note(operating(), "token revoked", on=t.name, detail=t.id)
        return [t.name for t in chosen if t is not None]

    for name in with_people(config_of(ctx), work):
        out().print(Text(f"{name} is revoked."))


def _row(found: Token) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "scope": found.scope.value,
        "created": rfc3339(found.created_ms),
        "created_by": found.created_by,
        "expires": rfc3339(found.expires_ms),
        "last_used": rfc3339(found.used_ms),
    }


def _show(rows: list[dict[str, Any]], console: Console) -> None:
    if not rows:
        console.print("There are no tokens; `relay token add NAME --scope read` makes one.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scope", "expires", "last used"):
        table.add_column(heading, overflow="fold")
    for r in rows:
        table.add_row(*map(Text, (r["id"], r["name"], r["scope"], r["expires"] or "never", r["last_used"] or "never")))
    console.print(table)


command = token
