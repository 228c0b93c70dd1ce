"""`relay KIND login DESK`: from a phone, or a QR code, to a token in a file that only we can read.

The steps are the bridge's (`LogsIn`), found by asking; here is only the order, and where the token goes. Asking a
person is the command line's part.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.text import Text

from relay.cli.console import err, out
from relay.cli.loading import Kinds, offline
from relay.cli.options import config_of, config_option, kinds
from relay.cli.secret_files import store_secret
from relay.config.load import Config
from relay.config.suggestions import hint
from relay.contract import Bridge, CodeSent, Http, LoggedIn, LogsIn
from relay.contract.errors import RelayError, SendError
from relay.routing.accounts import Account, Accounts
from relay.transport.sender import Sender

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Who logged in, where the token is, and what a person should know or do now."""

    who: str
    path: Path
    hints: tuple[str, ...]


class Login:
    """One account that can be logged in. Raises RelayError with a sentence where there is none of that name."""

    def __init__(self, config: Config, kinds: Kinds, name: str) -> None:
        self.config = config
        self.name = name
        self.connection, self.bridge = _of(offline(config, kinds), name)

    def send_code(self, phone: str) -> CodeSent:
        """Have a code sent."""
        return self._ask(lambda http: self.bridge.send_code(http, phone))

    def by_code(self, phone: str, code: str) -> Kept:
        """Code for token."""
        return self._keep(self._ask(lambda http: self.bridge.log_in(http, phone, code)))

    def by_qr(self, text: str) -> Kept:
        """What a QR code says for a token."""
        return self._keep(self._ask(lambda http: self.bridge.log_in_by_qr(http, text)))

    def _ask(self, step: Callable[[Http], Awaitable[T]]) -> T:
        async def once() -> T:
            async with Sender(timeout_s=self.config.delivery.timeout) as http:
                return await step(http)

        try:
            return asyncio.run(once())
        except SendError as e:
            where = self.connection.bridge.context.url
            sandboxed = self.connection.settings.sandboxed
            remedy = "Start `relay run` first: its sandbox is part of it." if sandboxed else "Check `url`."
            raise RelayError(f"{self.name} at {where} did not answer: {e}. {remedy}") from None

    def _keep(self, login: LoggedIn) -> Kept:
        """Raises RelayError where the file cannot be written."""
        named = self.bridge.token_path
        path = named or self.config.data_dir / f"{self.name}.token"
        try:
            store_secret(path, login.token)
        except OSError as e:
            raise RelayError(f"The token cannot be kept in {path}: {e.strerror or e}.") from None
        hints = login.hints
        if named is None:
            hints = (f"Set `token_file: {path}` at {self.name} in config.yaml, so that the relay reads it.", *hints)
        return Kept(who=login.who, path=path, hints=(*hints, "The relay reads the file when it starts."))


def _of(accounts: Accounts, name: str) -> tuple[Account, LogsIn]:
    able = {c.name: (c, c.bridge) for c in accounts.by_name.values() if isinstance(c.bridge, LogsIn)}
    if name in able:
        return able[name]
    if name in accounts.by_name:
        raise RelayError(f"{name} needs no login: its kind is {accounts.by_name[name].settings.kind}.")
    if not able:
        raise RelayError("Nothing in config.yaml can be logged in: none of its accounts needs that.")
    raise RelayError(f'There is no desk "{name}"; {hint(name, list(able))}')


def logs_in(bridge: type[Any]) -> bool:
    """Whether accounts of this kind can be logged in by a person."""
    return all(hasattr(bridge, name) for name in ("token_path", "send_code", "log_in", "log_in_by_qr"))


def group_of(bridge: type[Bridge[Any]]) -> click.Group:
    """`relay KIND login`, for a kind whose accounts a person can log in."""
    group = click.Group(bridge.spec.kind, help=f"{bridge.spec.label}: logging in.")
    group.add_command(command)
    return group


@click.command("login")
@config_option
@click.argument("desk")
@click.option("--phone", metavar="NUMBER", help="Of whoever logs in, in any format; asked for when left out.")
@click.option("--code", metavar="CODE", help="From an SMS that was sent before: no new one is sent.")
@click.option("--send-only", is_flag=True, help="Have the code sent and stop; say it with --code later.")
@click.option("--qr", metavar="TEXT", help="What a QR code of the chat says (otv://qr-login/...), instead of a phone.")
@click.pass_context
def command(
    ctx: click.Context, /, desk: str, *, phone: str | None, code: str | None, send_only: bool, qr: str | None
) -> None:
    """Log in by SMS or QR code and keep the token in DESK's token_file (mode 600)."""
    if qr and (phone or code or send_only):
        raise click.UsageError("Say either --qr or --phone and --code.")
    if code and send_only:
        raise click.UsageError("--send-only has a new code sent, and --code is one that was sent before.")
    if not phone and not qr and not sys.stdin.isatty() and not _piped():
        raise click.UsageError(
            "There is no terminal to ask on: say --phone NUMBER --send-only, then --phone and --code."
        )
    login = Login(config_of(ctx), kinds(ctx), desk)
    if qr:
        kept = login.by_qr(qr)
    else:
        phone = phone or click.prompt("Phone", err=True)
        if code is None:
            sent = login.send_code(phone)
            phone = sent.phone
            digits = f" of {sent.digits} digits" if sent.digits else ""
            err().print(Text(f"A code{digits} is on its way to {phone}."))
            if send_only:
                return
            code = click.prompt("Code", err=True)
        kept = login.by_code(phone, code)
    out().print(Text(f"Logged in as {kept.who}. The token is in {kept.path}, readable by you alone."))
    for sentence in kept.hints:
        out().print(Text(sentence))


def _piped() -> bool:
    """Whether answers wait on standard input, as from a script."""
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0]) and sys.stdin.fileno() >= 0
    except (OSError, ValueError):
        return True  # not a real file: a test's, or an embedding program's
