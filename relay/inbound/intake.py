"""What a verified hook says, made durable: every event a bridge parsed goes through here before the hook is answered.

Each branch ends in one atomic acceptance with an idempotency key, so that a repeat of the whole hook, also of one that
broke off half-way, changes nothing and loses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from relay.contract import KnowsOwnPosts, Texts
from relay.contract.model import (
    AccountWarning,
    Answer,
    Command,
    Event,
    Incoming,
    Kind,
    Misaddressed,
    Note,
    Report,
    Unknown,
    Unreadable,
)
from relay.inbound.answers import Answers
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.handover import Handover
from relay.inbound.incoming import IncomingMessages
from relay.inbound.reports import Reports
from relay.inbound.taken import AnsweredMeanwhile, NoSuchContact, Taken
from relay.media.library import MediaStore
from relay.routing.accounts import Account, Accounts
from relay.routing.addressee import Addressees
from relay.routing.notifier import DeskNotifier
from relay.store import envelope as envelopes
from relay.store import keys
from relay.store.records import ContactCard, NewMessage
from relay.store.store import Store, new_id

__all__ = ["AnsweredMeanwhile", "Intake", "NoSuchContact", "Taken"]

log = logging.getLogger("relay.inbound.intake")


class Intake:
    """Takes events in for all accounts of this process."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        texts: Texts,
        media: MediaStore,
        commands: DeskCommands,
        *,
        wake_workers: Callable[[Sequence[str]], None],
        on_account_warning: Callable[[Account, AccountWarning], None] | None = None,
        handover: Handover | None = None,
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.commands = commands
        self.notifier = DeskNotifier(accounts, store, texts, wake_workers)
        self.addressees = Addressees(accounts, store)
        self.handover = handover or Handover()
        self.incoming = IncomingMessages(accounts, store, self.handover, wake_workers)
        self.reports = Reports(accounts, store, texts, self.notifier, on_account_warning)
        self.answers = Answers(accounts, store, texts, media, notifier=self.notifier, wake_workers=wake_workers)
        # Still asked for here by what tells desks of accounts and windows.
        self.tell = self.notifier.tell
        self.tell_of_failed_report = self.notifier.tell_of_failed_report

    async def take(self, connection: Account, event: Event, raw: bytes) -> Taken:
        """Make one event durable. Raises StoreUnavailable, NoSuchContact, AnsweredMeanwhile."""
        match event:
            case Incoming():
                return await self.incoming.take(connection, event, raw)
            case Report():
                return await self.reports.take(connection, event)
            case Answer():
                card = await self._addressee(connection, event)
                if await self._is_own_post(connection, event.raw_text, card):
                    return Taken(what="echo")
                return await self.answers.take(connection, event, card, raw)
            case Command():
                if await self._is_own_post(connection, event.raw_text, None):
                    return Taken(what="echo")
                return await self._command(connection, event)
            case Misaddressed():
                return await self._misaddressed(connection, event)
            case Note():
                return Taken(what="note")
            case AccountWarning():
                return await self.reports.warned(connection, event)
            case Unreadable():
                return await self._unreadable(connection, event, raw)
            case Unknown():
                log.info("%s: event type %r is not known; left alone", connection.name, event.type[:80])
                return Taken(what="unknown")

    async def _addressee(self, desk: Account, event: Answer | Misaddressed) -> ContactCard | None:
        if event.contact_id is not None:
            return await self.addressees.numbered(desk, event.contact_id)
        return await self.addressees.named(desk, event.username)

    async def _is_own_post(self, desk: Account, text: str, card: ContactCard | None) -> bool:
        """The loop guard: what we posted ourselves is nobody's answer, whatever it looks like. Known word for word and,
        where the chat server has changed it, by its look."""
        if not text:
            return False
        if await self.store.is_echo(desk.name, text):
            return True
        bridge = desk.bridge
        if card is None or not isinstance(bridge, KnowsOwnPosts):
            return False
        desks = [d.name for d in self.accounts.desks()]
        if not bridge.is_own_post(text, card.contact, desks):
            return False
        log.info("%s: a text that begins as our own post about #%s does is no answer", desk.name, card.contact.id)
        return True

    async def _command(self, desk: Account, event: Command) -> Taken:
        reply = await self.commands.answer(desk, event)
        await self.notifier.tell(desk.name, reply.text, reply.number, seen=keys.seen(desk.name, event.identity))
        return Taken(what="command", number=reply.number)

    async def _misaddressed(self, desk: Account, event: Misaddressed) -> Taken:
        card = await self._addressee(desk, event)
        if event.contact_id is None and card is None:
            return Taken(what="note")  # `@olga look`: a colleague, not a customer
        if await self._is_own_post(desk, event.raw_text, card):
            return Taken(what="echo")
        number = event.contact_id if card is None else card.contact.id
        text = self.texts.notice(
            event.notice, number=number, name=event.username, other=event.other, known=card is not None
        )
        await self.notifier.tell(desk.name, text, 0, seen=keys.seen(desk.name, event.identity))
        return Taken(what="hint", number=number or 0)

    async def _unreadable(self, account: Account, event: Unreadable, raw: bytes) -> Taken:
        """Journalled for a person to look at; nothing waits for it."""
        log.warning("%s: one event of a hook cannot be read: %s", account.name, event.sentence)
        raw = event.raw or raw
        accepted = await self.store.accept(
            NewMessage(
                id=new_id(),
                kind=Kind.UNREADABLE,
                origin=account.name,
                envelope=envelopes.notice_envelope(event.sentence),
                raw=raw,
            ),
            [],
            seen=keys.seen(account.name, ("unreadable", raw.decode("utf-8", "replace"))),
            number=0,
        )
        return Taken(what="unreadable", message_id=accepted.message_id)
