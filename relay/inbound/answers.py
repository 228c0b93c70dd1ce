"""A desk's words for a customer: who is meant, which way they go, whether they fit, and then accepted as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from relay.contract import Texts
from relay.contract.errors import PayloadTooLarge, Refusal, UnsupportedContent
from relay.contract.model import Answer, Attachment, Content, Delivery, Kind, Upload
from relay.fitting.graphemes import is_visible
from relay.fitting.texts import unix_lines
from relay.inbound.taken import AnsweredMeanwhile, NoSuchContact, Taken
from relay.media.library import MediaStore
from relay.routing.accounts import Account, Accounts
from relay.routing.notifier import DeskNotifier
from relay.routing.reply_path import CannotReply, ReplyPath, open_comments, reply_paths
from relay.routing.routes import mirrors_of_answer
from relay.store import envelope as envelopes
from relay.store import keys
from relay.store.envelope import Envelope
from relay.store.records import ContactCard, NewMessage
from relay.store.store import Store, new_id
from relay.texts.refusals import reasons

# Somebody else may take the comment between our looking and our claiming it: then the next is looked for.
COMMENTS_TRIED = 5


class Answers:
    """Takes answers of all desks."""

    def __init__(
        self,
        accounts: Accounts,
        store: Store,
        texts: Texts,
        media: MediaStore,
        *,
        notifier: DeskNotifier,
        wake_workers: Callable[[Sequence[str]], None],
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.texts = texts
        self.media = media
        self.notifier = notifier
        self.wake_workers = wake_workers

    async def take(self, desk: Account, event: Answer, card: ContactCard | None, raw: bytes) -> Taken:
        """Accept an answer that came by hook for the contact `card`, or tell the desk why not. Raises StoreUnavailable,
        NoSuchContact, AnsweredMeanwhile."""
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
            taken = await self.accept(desk.name, event, card, raw)
        if taken.what == "overtaken":
            raise AnsweredMeanwhile(taken.message_id)
        if taken.what == "refused":
            once = _once(desk.name, event)
            await self.notifier.tell(desk.name, taken.text, taken.number, seen=once.seen, seen_ttl_s=once.ttl_s)
        elif taken.reopened:
            await self.notifier.tell(desk.name, self.texts.notice("reopened", number=taken.number), taken.number)
        return taken

    async def accept(self, desk: str, event: Answer, card: ContactCard, raw: bytes) -> Taken:
        """Accept an answer for a contact, from a desk of that name, or say why not; nobody is told here.

        `what` is accepted, repeat, refused (with `text`) or overtaken. Raises StoreUnavailable.
        """
        number = card.contact.id
        try:
            content = await self._content(event)
        except UnsupportedContent as e:
            return _refused(number, self._refusal(e, number, event))
        for _ in range(COMMENTS_TRIED):
            taken = await self._accept(desk, event, card, content, raw=raw)
            if taken is not None:
                return taken
        return _refused(number, self.texts.notice("comment_already_answered", number=number))

    async def _accept(
        self, desk: str, event: Answer, card: ContactCard, content: Content, *, raw: bytes
    ) -> Taken | None:
        """None: the comment that was chosen has just been answered by somebody else."""
        number, channel = card.contact.id, self.accounts.by_name[card.contact.channel]
        paths = await self._paths(card, channel)
        if isinstance(paths, CannotReply):
            return _refused(number, self.texts.notice(paths.notice, **dict(paths.facts)))
        try:
            path = _first_that_fits(paths, channel, card, content, event.author)
        except UnsupportedContent as e:
            return _refused(number, self._refusal(e, number, event))
        answer = Envelope(
            content=content,
            author=event.author,
            client_id=event.client_id,
            comment_id=path.comment_id,
            reply_deadline_ms=path.deadline_ms,
        )
        once = _once(desk, event)
        accepted = await self.store.accept(
            NewMessage(id=new_id(), kind=Kind.ANSWER, origin=desk, envelope=envelopes.dump(answer), raw=raw),
            [channel.name, *mirrors_of_answer(self.accounts, desk, channel.name)],
            seen=once.seen,
            seen_ttl_s=once.ttl_s,
            number=number,
            single_use_key=path.single_use_key,
            after=event.after,
        )
        self.wake_workers(accepted.woken)
        if accepted.newest_answer:
            return Taken(what="overtaken", message_id=accepted.newest_answer, number=number)
        if accepted.already_answered_by:
            return None
        if not accepted.fresh:
            return Taken(what="repeat", message_id=accepted.message_id, number=number)
        return Taken(what="accepted", message_id=accepted.message_id, number=number, reopened=card.closed)

    async def _content(self, event: Answer) -> Content:
        """What is to be said, with its files kept. Raises UnsupportedContent."""
        files = await self._files(event.uploads)
        content = replace(
            event.content, text=unix_lines(event.content.text), attachments=event.content.attachments + files
        )
        if not is_visible(content.text) and not content.attachments:
            raise UnsupportedContent(Refusal("refused_empty"))
        return content

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

    async def _paths(self, card: ContactCard, channel: Account) -> Sequence[ReplyPath] | CannotReply:
        now_ms, limits = int(time.time() * 1000), channel.bridge.spec.limits
        comments = await open_comments(self.store, card, limits, now_ms) if card.last_kind == "comment" else ()
        return reply_paths(card, limits, now_ms, comments=comments)

    def _refusal(self, error: UnsupportedContent, number: int, event: Answer) -> str:
        return self.texts.notice("refused", number=number, text=event.content.text, reasons=reasons(self.texts, error))


def _refused(number: int, text: str) -> Taken:
    return Taken(what="refused", number=number, text=text)


def _once(desk: str, event: Answer) -> _Once:
    return _Once(
        seen=keys.seen(desk, event.identity) if event.within_s != 0 else "",
        ttl_s=keys.SEEN_TTL_S if event.within_s is None else event.within_s,
    )


class _Once:
    """The key that keeps one hook from being taken twice; an empty `seen`: it is not asked."""

    __slots__ = ("seen", "ttl_s")

    def __init__(self, seen: str, ttl_s: float) -> None:
        self.seen = seen
        self.ttl_s = ttl_s


def _first_that_fits(
    paths: Sequence[ReplyPath], channel: Account, card: ContactCard, content: Content, author: str
) -> ReplyPath:
    """The first way that can carry this. Raises what the first of them refuses, when none can."""
    refused: UnsupportedContent | None = None
    for path in paths:
        try:
            channel.bridge.fit(_planned(channel, card, content, path.comment_id, author))
        except UnsupportedContent as e:
            refused = refused or e
        else:
            return path
    assert refused is not None, "there is at least one way"
    raise refused


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
