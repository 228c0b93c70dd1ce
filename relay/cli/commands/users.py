"""`relay user add|list|passwd|disable|enable|remove`: people who may log in."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.commands.with_people import operating, with_people
from relay.cli.console import out, tell
from relay.cli.options import config_of, config_option, json_option
from relay.config.load import Config
from relay.contract.errors import RelayError
from relay.observe.tracing import rfc3339
from relay.people.names import objection, user_name
from relay.people.people import NameTaken, People
from relay.people.rights import Role
from relay.people.users import User

_WEAK = {
    "password_short": "The password is too short: at least 12 characters, for an administrator 15.",
    "password_long": "The password is longer than 128 characters.",
    "password_guessable": "This password is easily guessed. Several unrelated words make a good one.",
}
_ROLES = click.Choice([r.value for r in Role])


@click.group()
@config_option
def user() -> None:
    """People who may log in to the panel and the console."""


@user.command("add")
@config_option
@click.argument("name")
@click.option("--role", type=_ROLES, default=Role.OPERATOR.value, show_default=True, help="What they may do.")
@click.option("--link", is_flag=True, help="Print a link that works once, with which they choose a password.")
@click.pass_context
def add(ctx: click.Context, name: str, role: str, link: bool) -> None:
    """Add NAME. Without --link, a password is asked for (or read from standard input)."""
    config = config_of(ctx)
    name = user_name(name)
    if why := objection(name):
        raise click.BadParameter(why, param_hint="NAME")
    password = "" if link else _password()

    async def work(people: People) -> str:
        if password:
            await _judge(people, password, name, role)
        try:
            made = await people.add(name, Role(role), by=operating())
        except NameTaken:
            raise RelayError(f'There is a user "{name}" already; `relay user passwd {name}` changes theirs.') from None
        if password:
            await people.set_password(made, password, by=operating())
            return ""
        return await people.invite(made, by=operating())

    secret = with_people(config, work)
    out().print(Text(f"{name} is {'an administrator' if role == Role.ADMIN else 'an operator'} now."))
    _show_link(config, secret)


@user.command("list")
@config_option
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """All users."""
    tell([_row(u) for u in with_people(config_of(ctx), lambda p: p.users.all())], as_json, _show)


@user.command("passwd")
@config_option
@click.argument("name")
@click.option("--link", is_flag=True, help="Print a link that works once instead of asking for a password.")
@click.pass_context
def passwd(ctx: click.Context, name: str, link: bool) -> None:
    """Give NAME a new password; all their sessions end."""
    config = config_of(ctx)
    password = "" if link else _password()

    async def work(people: People) -> str:
        found = await _known(people, name)
        if link:
            return await people.invite(found, by=operating())
        await _judge(people, password, found.name, found.role.value, second_factor=bool(found.second_factor))
        await people.set_password(found, password, by=operating())
        return ""

    secret = with_people(config, work)
    if not secret:
        out().print(Text(f"{user_name(name)} has a new password; their sessions have ended."))
    _show_link(config, secret)


@user.command("disable")
@config_option
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let them log in again.")
@click.pass_context
def disable(ctx: click.Context, name: str, undo: bool) -> None:
    """Keep NAME out from now on; their sessions end at once."""

    async def work(people: People) -> None:
        found = await _known(people, name)
        if undo:
            await people.enable(found, by=operating())
            return
        await people.disable(found, by=operating())

    with_people(config_of(ctx), work)
    out().print(Text(f"{user_name(name)} can log in again." if undo else f"{user_name(name)} can no longer log in."))


@user.command("remove")
@config_option
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Remove NAME. What they wrote stays, under their name."""

    async def work(people: People) -> None:
        await people.remove(await _known(people, name), by=operating())

    with_people(config_of(ctx), work)
    out().print(Text(f"{user_name(name)} is gone."))


# --- for all of them --------------------------------------------------------------------------------------------------


def _password() -> str:
    """Typed twice at a terminal; one line from a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


async def _judge(people: People, password: str, name: str, role: str, *, second_factor: bool = False) -> None:
    weak = await people.password_weakness(password, name=name, role=role, second_factor=second_factor)
    if weak:
        raise RelayError(_WEAK[weak])


async def _known(people: People, name: str) -> User:
    found = await people.users.by_name(user_name(name))
    if found is None:
        raise RelayError(f'There is no user "{user_name(name)}"; `relay user list` shows them.')
    return found


def _show_link(config: Config, secret: str) -> None:
    if secret:
        console = out()
        console.print(Text("They choose a password here, within three days (the link works once):"))
        console.print(Text(f"  {config.base_url}/setup/{secret}", style="bold"))


def _row(found: User) -> dict[str, Any]:
    return {
        "name": found.name,
        "role": found.role.value,
        "disabled": found.disabled,
        "invited": not found.password,
        "second_factor": bool(found.second_factor),
        "created": rfc3339(found.created_ms),
        "last_login": rfc3339(found.last_login_ms),
    }


def _show(rows: list[dict[str, Any]], console: Console) -> None:
    if not rows:
        console.print("Nobody can log in yet; `relay user add NAME --role admin --link` makes a first user.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "role", "state", "last log-in"):
        table.add_column(heading, overflow="fold")
    for r in rows:
        state = "disabled" if r["disabled"] else "invited" if r["invited"] else "active"
        table.add_row(*map(Text, (r["name"], r["role"], state, r["last_login"] or "never")))
    console.print(table)


command = user
