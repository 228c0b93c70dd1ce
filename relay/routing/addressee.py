"""Whom `#42` and `@name` mean at a desk: one rule for answers and commands."""

from __future__ import annotations

import re

from relay.routing.accounts import Account, Accounts
from relay.store.records import ContactCard
from relay.store.store import Store

_NUMBER = re.compile(r"[#№＃]?\s{0,3}(\d{1,18})(?!\w)")
_NAME = re.compile(r"@?(\S+?):?(?=\s|$)")


class Addressees:
    """Finds contacts, for one desk at a time: only those of its own channels exist for it."""

    def __init__(self, accounts: Accounts, store: Store) -> None:
        self.accounts = accounts
        self.store = store

    async def numbered(self, desk: Account, number: int) -> ContactCard | None:
        """The contact of that number."""
        card = await self.store.contact(number)
        return card if card is not None and card.contact.channel in self.accounts.channels_of[desk.name] else None

    async def named(self, desk: Account, username: str) -> ContactCard | None:
        """The contact of that user name; of several, in different channels, the one who wrote last."""
        found: ContactCard | None = None
        for channel in self.accounts.channels_of[desk.name]:
            number = await self.store.number_of_name(channel, username)
            card = await self.store.contact(number) if number is not None else None
            if card is not None and (found is None or card.last_ms > found.last_ms):
                found = card
        return found

    async def meant(self, desk: Account, argument: str) -> ContactCard | None:
        """Whom the argument of a command means: `42`, `#42`, `№42`, `anna`, `@anna`."""
        if (number := number_in(argument)) is not None:
            return await self.numbered(desk, number)
        found = _NAME.match(argument.strip())
        return await self.named(desk, found[1]) if found else None


def number_in(argument: str) -> int | None:
    """The number that an argument begins with, or None."""
    found = _NUMBER.match(argument.strip())
    return int(found[1]) if found else None
