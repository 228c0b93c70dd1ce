"""What a group may ask the relay: /help, /list, /who #42, /status #42, /close #42, /delete #42."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.contract import Feature, Support, Texts
from relay.contract.model import Command, Content, Kind
from relay.routing.accounts import Account, Accounts
from relay.routing.addressee import Addressees, number_in
from relay.store import envelope as envelopes
from relay.store.envelope import Envelope
from relay.store.records import ContactCard, NewMessage
from relay.store.store import Store, new_id

LIST_LENGTH = 15
STATUS_LENGTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the desk is told; `number` is the conversation it concerns, 0 for none."""

    text: str
    number: int = 0


class DeskCommands:
    """Answers commands, for the desk that asked: it sees only conversations of its own channels."""

    def __init__(
        self, accounts: Accounts, store: Store, texts: Texts, *, wake_workers: Callable[[Sequence[str]], None]
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.addressees = Addressees(accounts, store)
        self.wake_workers = wake_workers

    async def answer(self, desk: Account, command: Command) -> Reply:
        """The reply, in words. Never refuses: a mistake is answered with what would be right."""
        match command.name:
            case "help":
                return Reply(text=self.texts.notice("help"))
            case "list":
                return await self._list(desk)
            case "who" | "status" | "close" | "delete":
                pass
            case _:
                return Reply(text=self.texts.notice("unknown_command", command=command.name[:40]))
        if not command.argument.strip():
            return Reply(text=self.texts.notice("needs_number", command=command.name))
        card = await self.addressees.meant(desk, command.argument)
        if card is None:
            if (number := number_in(command.argument)) is not None:
                return Reply(text=self.texts.notice("unknown_number", number=number))
            return Reply(text=self.texts.notice("unknown_name", name=command.argument.lstrip("@")[:60]))
        match command.name:
            case "who":
                text = self._who(card)
            case "status":
                text = await self._status(card)
            case "close":
                text = await self._close(card)
            case _:
                text = await self._delete(desk, card, command)
        return Reply(text=text, number=card.contact.id)

    async def _list(self, desk: Account) -> Reply:
        channels = self.accounts.channels_of[desk.name]
        rows = []
        now = time.time()
        for number in await self.store.recent(LIST_LENGTH * 4):
            card = await self.store.contact(number)
            if card is None or card.contact.channel not in channels or card.closed:
                continue
            ids = await self.store.messages(number, 1)
            last = await self.store.journal(ids[-1]) if ids else None
            rows.append(
                {
                    "number": number,
                    "name": card.contact.name,
                    "username": card.contact.username,
                    "last": last.envelope.get("text", "") if last else "",
                    "ago": now - max(card.last_ms, card.answered_ms) / 1000,
                    "unanswered": card.last_ms > card.answered_ms,
                }
            )
            if len(rows) == LIST_LENGTH:
                break
        return Reply(text=self.texts.notice("list", rows=rows))

    def _who(self, card: ContactCard) -> str:
        c = card.contact
        return self.texts.notice(
            "who",
            number=c.id,
            name=c.name,
            username=c.username,
            channel=c.channel,
            first_seen=_moment(card.first_ms),
            last_seen=_moment(card.last_ms),
            link="",
            closed=card.closed,
        )

    async def _status(self, card: ContactCard) -> str:
        rows = []
        now = time.time()
        for mid in reversed(await self.store.messages(card.contact.id, 50)):
            journal = await self.store.journal(mid)
            if journal is None or journal.kind is not Kind.ANSWER:
                continue
            record = next((r for r in reversed(journal.records) if r.destination == card.contact.channel), None)
            rows.append(
                {
                    "text": journal.envelope.get("text", ""),
                    "state": record.state.value if record else "queued",
                    "ago": now - journal.at_ms / 1000,
                    "words": record.words if record else "",
                }
            )
            if len(rows) == STATUS_LENGTH:
                break
        return self.texts.notice("status", number=card.contact.id, rows=list(reversed(rows)))

    async def _close(self, card: ContactCard) -> str:
        if card.closed:
            return self.texts.notice("already_closed", number=card.contact.id)
        await self.store.close(card.contact.id)
        return self.texts.notice("closed", number=card.contact.id)

    async def _delete(self, desk: Account, card: ContactCard, command: Command) -> str:
        """Ask the channel to take back the last answer it has accepted."""
        number = card.contact.id
        channel = self.accounts.by_name[card.contact.channel]
        if channel.bridge.spec.support.get(Feature.DELETE, Support.REFUSE) is Support.REFUSE:
            return self.texts.notice("delete_unsupported", number=number)
        for mid in reversed(await self.store.messages(number, 50)):
            journal = await self.store.journal(mid)
            if journal is None or journal.kind is not Kind.ANSWER:
                continue
            record = next((r for r in reversed(journal.records) if r.destination == channel.name), None)
            if record is None or not record.remote_ids:
                continue
            e = Envelope(
                content=Content(text=journal.envelope.get("text", "")),
                author=command.author,
                remote_ids=record.remote_ids,
            )
            accepted = await self.store.accept(
                NewMessage(id=new_id(), kind=Kind.DELETE, origin=desk.name, envelope=envelopes.dump(e)),
                [channel.name],
                seen=f"seen:delete:{record.id}",
                number=number,
            )
            self.wake_workers(accepted.woken)
            return self.texts.notice("deleting", number=number, text=e.content.text)
        return self.texts.notice("nothing_to_delete", number=number)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
