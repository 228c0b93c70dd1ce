"""`relay team login DESK`: from a phone, or a QR code, to a token in a file that only we can read.

The steps are the bridge's (`LogsIn`), found by asking; here is only the order, and where the token goes. Asking a
person is the command line's part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from relay.cli.commands.setup import Kinds, offline
from relay.cli.secret_files import store_secret
from relay.config.load import Config
from relay.config.suggestions import hint
from relay.contract import CodeSent, Http, LoggedIn, LogsIn
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
        raise RelayError("Nothing in config.yaml can be logged in: there is no team desk.")
    raise RelayError(f'There is no desk "{name}"; {hint(name, list(able))}')
