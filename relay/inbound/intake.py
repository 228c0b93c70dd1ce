"""What a verified hook says, made durable: every event a bridge parsed goes through here before the hook is answered.

Each branch ends in one atomic acceptance with an idempotency key, so that a repeat of the whole hook, also of one that
broke off half-way, changes nothing and loses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import msgspec
import orjson
from msgspec.structs import replace

from relay.contract import Texts
from relay.contract.errors import PayloadTooLarge, Refusal, UnsupportedContent
from relay.contract.model import (
    AccountWarning,
    Answer,
    Attachment,
    Command,
    Content,
    Delivery,
    Event,
    Incoming,
    Kind,
    Note,
    Report,
    ReportStatus,
    Unknown,
    Upload,
)
from relay.inbound.desk_commands import DeskCommands
from relay.inbound.handover import Handover
from relay.media.library import MediaStore
from relay.outbound.attempt import notice_envelope
from relay.routing.accounts import Account, Accounts
from relay.routing.reply_path import CannotReply, ReplyPath, once_key, reply_path
from relay.store import envelope as envelopes
from relay.store import keys
from relay.store.envelope import Envelope
from relay.store.records import Accepted, ContactCard, NewMessage
from relay.store.store import Store, new_id
from relay.texts.refusals import reasons

log = logging.getLogger("relay.inbound.intake")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event, for the log, the metrics and `explain`."""

    what: str  # accepted, repeat, echo, note, command, refused, overtaken, report, unknown, nobody
    message_id: str = ""  # overtaken: the newest answer's
    number: int = 0
    text: str = ""  # refused: why, in words for the desk
    reopened: bool = False  # accepted: somebody had closed the conversation


class NoSuchContact(Exception):
    """An operator panel wrote to a contact that does not exist; it cannot be told in a thread that is not there."""

    def __init__(self, contact_id: int) -> None:
        self.contact_id = contact_id
        super().__init__(f"There is no contact {contact_id} in a channel of this desk.")


class AnsweredMeanwhile(Exception):
    """An answer written in ignorance of another one. Nothing of it was accepted."""

    def __init__(self, newest: str) -> None:
        self.newest = newest
        super().__init__("Somebody else has answered since; send it with force to send it all the same.")


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
        self.handover = handover or Handover()
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.media = media
        self.on_account_warning = on_account_warning
        self.commands = commands
        self.wake_workers = wake_workers

    async def take(self, connection: Account, event: Event, raw: bytes) -> Taken:
        """Make one event durable. Raises StoreUnavailable, NoSuchContact."""
        # The loop guard: what we posted ourselves is nobody's answer, whatever it looks like.
        said = event.raw_text if isinstance(event, Answer | Command) else ""
        if said and await self.store.is_echo(connection.name, said):
            return Taken(what="echo")
        match event:
            case Incoming():
                return await self._incoming(connection, event, raw)
            case Report():
                return await self._report(connection, event)
            case Answer():
                return await self._answer(connection, event, raw)
            case Command():
                return await self._command(connection, event)
            case Note():
                return Taken(what="note")
            case AccountWarning():
                return await self._warned(connection, event)
            case Unknown():
                log.info("%s: event type %r is not known; left alone", connection.name, event.type[:80])
                return Taken(what="unknown")

    # --- from channels -----------------------------------------------------------------------------------------------

    async def _incoming(self, connection: Account, event: Incoming, raw: bytes) -> Taken:
        e = Envelope(
            content=event.content,
            comment_id=event.comment_id,
            placeholder=event.placeholder,
            late=event.late,
            sent_at=event.sent_at.isoformat() if event.sent_at else "",
            source_id=event.remote_id,
        )
        identity = (event.remote_id,) if event.remote_id else event.identity or (raw.decode("utf-8", "replace"),)
        desks = self.accounts.desks_of[connection.name]
        offered = self.handover.reserve(desks)
        try:
            accepted = await self.store.accept(
                NewMessage(
                    id=new_id(),
                    kind=Kind.COMMENT if event.comment_id else Kind.MESSAGE,
                    origin=connection.name,
                    envelope=envelopes.dump(e),
                    raw=raw,
                ),
                desks,
                seen=keys.seen(connection.name, identity),
                channel=connection.name,
                remote_user=event.remote_user,
                username=event.username,
                name=event.name,
                comment_id=event.comment_id,
                worker=self.handover.name,
                handover_to=offered,
            )
        finally:
            self.handover.cancel(offered)
        self.wake_workers(accepted.woken)
        for destination, lane in accepted.held:
            if lane.head is not None:
                lane.head.said = e
            self.handover.hand_over(destination, lane)
        what = "accepted" if accepted.fresh else "repeat"
        return Taken(what=what, message_id=accepted.message_id, number=accepted.number)

    async def _report(self, connection: Account, event: Report) -> Taken:
        line = {"at": int(time.time() * 1000), "what": event.status.value}
        if event.words:
            line["words"] = event.words[:300]
        what, did, number, state = await self.store.report(connection.name, event, orjson.dumps(line))
        if what != "early" and event.status is ReportStatus.FAILED and state == "failed":
            # Also when nothing changed: an earlier try to tell the desk may have broken off. The key keeps it to once.
            await self.tell_of_failed_report(did, event.words)
        return Taken(what="report", message_id=did, number=number)

    async def tell_of_failed_report(self, delivery_id: str, words: str) -> None:
        """Tell the desk that wrote it, once, that the channel could not deliver it after all."""
        journal = await self.store.journal(delivery_id.rpartition("-")[0])
        if journal is None or journal.kind is not Kind.ANSWER or journal.origin not in self.accounts.by_name:
            return  # of an answer from the panel the panel shows the state itself
        record = next((r for r in journal.records if r.id == delivery_id), None)
        if record is None or (record.reason != "reported" and not record.replayed_as):
            return  # it died of something else, and the desk was told then; news only to who has tried again since
        text = self.texts.notice(
            "failed",
            number=journal.number,
            text=journal.envelope.get("text", ""),
            words=words,
            reason="reported",
        )
        await self.tell(journal.origin, text, journal.number, seen=f"seen:notice:failed:{delivery_id}")

    async def _warned(self, connection: Account, event: AccountWarning) -> Taken:
        text = self.texts.notice(event.notice, account=connection.name, **dict(event.facts))
        for desk in self.accounts.desks_of.get(connection.name, ()):
            # A hook that is repeated says the same again; one warning an hour is enough.
            seen = keys.seen(desk, ("warned", event.notice, str(event.facts)))
            await self.tell(desk, text, 0, seen=seen, seen_ttl_s=3600)
        if self.on_account_warning is not None:
            self.on_account_warning(connection, event)
        return Taken(what="accepted")

    # --- from desks --------------------------------------------------------------------------------------------------

    async def _answer(self, desk: Account, event: Answer, raw: bytes) -> Taken:
        """An answer that came by hook: what is wrong with it is told at its desk."""
        card = await self._addressee(desk, event)
        if card is None:
            if event.contact_id is not None and not desk.bridge.spec.group:
                raise NoSuchContact(event.contact_id)
            text = (
                self.texts.notice("unknown_number", number=event.contact_id)
                if event.contact_id is not None
                else self.texts.notice("unknown_name", name=event.username)
            )
            taken = Taken(what="refused", text=text)
        else:
            taken = await self.answer(desk.name, card, event, raw)
        if taken.what == "overtaken":
            raise AnsweredMeanwhile(taken.message_id)
        if taken.what == "refused":
            seen, seen_ttl_s = _seen(desk.name, event)
            await self.tell(desk.name, taken.text, taken.number, seen=seen, seen_ttl_s=seen_ttl_s)
        elif taken.reopened:
            await self.tell(desk.name, self.texts.notice("reopened", number=taken.number), taken.number)
        return taken

    async def answer(self, desk: str, card: ContactCard, event: Answer, raw: bytes) -> Taken:
        """Accept an answer to a contact, from a desk of that name, or say why not; nobody is told here.

        `what` is accepted, repeat, refused (with `text`) or overtaken. Raises StoreUnavailable.
        """
        seen, seen_ttl_s = _seen(desk, event)
        number, channel = card.contact.id, self.accounts.by_name[card.contact.channel]
        try:
            files = await self._files(event.uploads)
            content = replace(event.content, attachments=event.content.attachments + files)
            if not content.text.strip() and not content.attachments:
                raise UnsupportedContent(Refusal("refused_empty"))
            path = await self._reply_path(card, channel)
            if isinstance(path, CannotReply):
                text = self.texts.notice(path.notice, **dict(path.facts))
                return Taken(what="refused", number=number, text=text)
            channel.bridge.fit(_planned(channel, card, content, path.comment_id, event.author))
        except UnsupportedContent as e:
            text = self.texts.notice(
                "refused",
                number=number,
                text=event.content.text,
                reasons=reasons(self.texts, e),
            )
            return Taken(what="refused", number=number, text=text)
        answer = Envelope(
            content=content,
            author=event.author,
            client_id=event.client_id,
            comment_id=path.comment_id,
            reply_deadline_ms=path.deadline_ms,
        )
        others = [d for d in self.accounts.desks_of[channel.name] if d != desk and self.accounts.by_name[d].mirror]
        accepted = await self.store.accept(
            NewMessage(id=new_id(), kind=Kind.ANSWER, origin=desk, envelope=envelopes.dump(answer), raw=raw),
            [channel.name, *others],
            seen=seen,
            seen_ttl_s=seen_ttl_s,
            number=number,
            single_use_key=path.single_use_key,
            after=event.after,
        )
        self.wake_workers(accepted.woken)
        if accepted.newest_answer:
            return Taken(what="overtaken", message_id=accepted.newest_answer, number=number)
        if accepted.already_answered_by:
            text = self.texts.notice("comment_already_answered", number=number)
            return Taken(what="refused", number=number, text=text)
        what = "accepted" if accepted.fresh else "repeat"
        reopened = accepted.fresh and card.closed
        return Taken(what=what, message_id=accepted.message_id, number=number, reopened=reopened)

    async def _addressee(self, desk: Account, event: Answer) -> ContactCard | None:
        """The contact meant, if it is in a channel of this desk."""
        channels = self.accounts.channels_of[desk.name]
        if event.contact_id is not None:
            card = await self.store.contact(event.contact_id)
            return card if card is not None and card.contact.channel in channels else None
        found: ContactCard | None = None
        for channel in channels:
            number = await self.store.number_of_name(channel, event.username)
            card = await self.store.contact(number) if number is not None else None
            # The same name in two channels: the one who wrote last is meant.
            if card is not None and (found is None or card.last_ms > found.last_ms):
                found = card
        return found

    async def _files(self, uploads: Sequence[Upload]) -> tuple[Attachment, ...]:
        files = []
        for upload in uploads:
            if upload.size == 0:
                raise UnsupportedContent(Refusal("refused_file_empty", (("filename", upload.filename),)))
            try:
                files.append(await self.media.save(upload))
            except PayloadTooLarge as e:
                raise UnsupportedContent(Refusal("refused_unsupported", (("what", str(e)),))) from None
        return tuple(files)

    async def _reply_path(self, card: ContactCard, channel: Account) -> ReplyPath | CannotReply:
        answered = False
        if card.last_kind == "comment" and card.comment_id:
            answered = await self.store.is_claimed(once_key(channel.name, card.comment_id))
        return reply_path(card, channel.bridge.spec.limits, int(time.time() * 1000), comment_answered=answered)

    async def _command(self, desk: Account, event: Command) -> Taken:
        reply = await self.commands.answer(desk, event)
        await self.tell(desk.name, reply.text, reply.number, seen=keys.seen(desk.name, event.identity))
        return Taken(what="command", number=reply.number)

    async def tell(
        self, desk: str, text: str, number: int, *, seen: str = "", seen_ttl_s: float = keys.SEEN_TTL_S
    ) -> Accepted:
        """Queue the relay's own words for a desk, in the conversation's lane."""
        accepted = await self.store.accept(
            NewMessage(id=new_id(), kind=Kind.NOTICE, origin="", envelope=notice_envelope(text)),
            [desk],
            seen=seen,
            seen_ttl_s=seen_ttl_s,
            number=number,
        )
        self.wake_workers(accepted.woken)
        return accepted


def _seen(desk: str, event: Answer) -> tuple[str, float]:
    """The key that says this answer was accepted, and how long it is kept, in seconds. "" where every one is new."""
    seen_ttl_s = keys.SEEN_TTL_S if event.within_s is None else event.within_s
    return keys.seen(desk, event.identity) if seen_ttl_s else "", seen_ttl_s


def _planned(channel: Account, card: ContactCard, content: Content, comment_id: str, author: str) -> Delivery:
    """The delivery as the channel's bridge will see it, to ask whether it fits before anything is promised."""
    return Delivery(
        id="",
        destination=channel.name,
        kind=Kind.ANSWER,
        contact=card.contact,
        content=content,
        author=author,
        comment_id=comment_id,
        bot_id=channel.bot_id,
    )
