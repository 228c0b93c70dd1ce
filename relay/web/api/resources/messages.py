"""Writing to customers and to colleagues, and what became of one message."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from pydantic import Field
from sqlalchemy import insert, select

from relay.contract.model import Answer, Content, Kind, State
from relay.history.schema import note
from relay.observe.tracing import traced
from relay.store.records import ContactCard, MessageRecord
from relay.store.store import new_id
from relay.web.api.operations import ById, ByNumber, Call, Given, Operation, Reply, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.resources.dead_letters import COMMENT_ANSWERED
from relay.web.api.resources.from_store import answer_delivery, message_shown
from relay.web.api.resources.reading import note_shown
from relay.web.api.resources.shapes import MessageShown
from relay.web.api.resources.uploads import attachments
from relay.web.api.services import Services

TAG = "messages"
API_DESK = "api"  # where an answer comes from when no desk of kind panel shows the channel
NEWEST = 200  # how far back answers are looked for that somebody has not seen


class NewMessage(Given):
    """An answer to the customer, or a note to colleagues."""

    kind: Literal["answer", "note"] = "answer"
    text: str = Field(default="", max_length=20_000)
    options: list[str] = Field(default=[], max_length=50, description="Quick-reply buttons.")
    files: list[str] = Field(default=[], max_length=20, description="Ids of uploads.")
    after: str | None = Field(
        default=None, max_length=60, description='The newest answer you have seen, "" for none; null: not checked.'
    )
    force: bool = Field(default=False, description="Send although somebody else has answered since `after`.")


class Hop(Shown):
    """One station of a message."""

    at: str | None
    what: str
    where: str
    delivery: str | None = None
    status: int | None = None
    reason: str | None = None
    said: str | None = None
    note: str | None = None
    took_ms: int | None = None
    queue_id: str | None = None
    part: int | None = None
    next_in_s: float | None = None
    replay_of: str | None = None
    certain: bool | None = None


class Traced(Shown):
    """One message across all systems, as `relay trace` shows it."""

    message: MessageShown
    state: str = Field(description="Where it stands as a whole.")
    hops: list[Hop]


async def send_message(call: Call) -> Reply:
    new = call.body(NewMessage)
    card = await known_contact(call, call.n)
    if new.kind == "note":
        return Reply(body=await _note(call, new), status=201)
    return Reply(body=await _answer(call, card, new), status=201)


async def _answer(call: Call, card: ContactCard, new: NewMessage) -> MessageShown:
    services, who, channel = call.services, call.who, card.contact.channel
    event = Answer(
        contact_id=call.n,
        content=Content(text=new.text, attachments=await attachments(call, new.files), options=tuple(new.options)),
        author=who.name,
        client_id=call.idempotency_key,
        identity=("client_id", who.id, call.idempotency_key),
        after=None if new.force else new.after,
    )
    desk = next(iter(services.accounts.panels_of(channel)), API_DESK)
    taken = await services.intake.answers.accept(desk, event, card, orjson.dumps(new.model_dump()))
    if taken.what == "refused":
        raise Problem("refused", taken.text)
    if taken.what == "overtaken":
        newer = await _newer(call, card, new.after or "", taken.message_id)
        raise Problem("answered", _who_answered(newer), newer=newer, newest=taken.message_id)
    return await shown(call, taken.message_id, channel)


def _who_answered(newer: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(str(m["author"] or m["desk"] or "somebody") for m in newer))
    return f"{', '.join(names) or 'Somebody'} has answered meanwhile; nothing was sent."


async def _newer(call: Call, card: ContactCard, after: str, newest: str) -> list[dict[str, Any]]:
    """The answers since `after`, oldest first; at least the newest."""
    found: list[dict[str, Any]] = []
    for message_id in reversed(await call.services.store.messages(card.contact.id, NEWEST)):
        if message_id == after:
            break
        message = await call.services.store.journal(message_id)
        if message is None or message.kind is not Kind.ANSWER:
            continue
        one = message_shown(message, card.contact.channel, call.services.link_file)
        found.append(one.model_dump(mode="json"))
        if not after and message_id == newest:
            break
    return found[::-1]


async def _note(call: Call, new: NewMessage) -> MessageShown:
    """Colleagues' own words; nothing of them leaves the relay. A repeat of the request finds the note by its key."""
    services, who = call.services, call.who
    if not new.text.strip() and not new.files:
        raise one_invalid("/text", "A note says something, or has a file.")
    if new.options:
        raise one_invalid("/options", "A note has no buttons.")
    files = await attachments(call, new.files)
    row = {
        "id": new_id(),
        "conversation": call.n,
        "at": services.now_ms(),
        "author": who.name,
        "author_id": who.id,
        "text": new.text,
        "files": [
            {"id": a.file_id, "name": a.filename, "mime": a.mime, "kind": a.kind.value, "size": a.size} for a in files
        ],
        "client_id": call.idempotency_key,
    }
    async with services.database.begin() as connection:
        before = select(note).where(
            note.c.conversation == call.n, note.c.author_id == who.id, note.c.client_id == call.idempotency_key
        )
        had = (await connection.execute(before)).first()
        if had is None:
            await connection.execute(insert(note).values(**row))
            had = (await connection.execute(select(note).where(note.c.id == row["id"]))).one()
    await services.announce("note", call.n, had.id)
    return note_shown(had, services)


async def note_of(services: Services, note_id: str) -> MessageShown | None:
    """A note, or None where it is gone."""
    async with services.database.read() as connection:
        row = (await connection.execute(select(note).where(note.c.id == note_id))).first()
    return note_shown(row, services) if row is not None else None


async def get_message(call: Call) -> Traced:
    message, channel = await _stored(call)
    found = traced(message, {a.name for a in call.services.accounts.channels()})
    hops = [Hop.model_validate(h) for h in found["hops"]]
    return Traced(message=message_shown(message, channel, call.services.link_file), state=found["state"], hops=hops)


async def retry_message(call: Call) -> MessageShown:
    message, channel = await _stored(call)
    services = call.services
    failed = [r for r in message.records if r.state is State.FAILED and not r.replayed_as]
    record = answer_delivery(message, channel)
    if record is not None and record in failed:
        failed = [record]  # the customer's; what a desk was to be shown is another matter
    if not failed:
        raise Problem("conflict", "This message has not failed, or somebody has sent it again already.")
    woken = []
    for one in failed:
        try:
            new = await services.store.replay(one.id, "", by=call.who.name)
        except ValueError:
            raise Problem("conflict", COMMENT_ANSWERED) from None
        if new is not None:
            woken.append(new[1])
    if not woken:
        raise Problem("conflict", "Somebody has sent it again already.")
    services.wake_workers(woken)
    await services.people.audit.note(call.who.name, "message sent again", on=message.id, address=call.address)
    return await shown(call, message.id, channel)


# --- for all of them --------------------------------------------------------------------------------------------------


async def known_contact(call: Call, number: int) -> ContactCard:
    """The contact of a conversation. Raises Problem where there is none, or its channel is no longer configured."""
    card = await call.services.store.contact(number)
    if card is None:
        raise Problem("not-found", f"There is no conversation #{number}.")
    if card.contact.channel not in call.services.accounts.by_name:
        raise Problem("conflict", f"The channel {card.contact.channel} is no longer in the configuration.")
    return card


async def shown(call: Call, message_id: str, channel: str) -> MessageShown:
    """A message that is in the store."""
    message = await call.services.store.journal(message_id)
    if message is None:
        raise Problem("not-found", "The message is no longer in the store.")
    return message_shown(message, channel, call.services.link_file)


async def _stored(call: Call) -> tuple[MessageRecord, str]:
    message = await call.services.store.journal(call.path(ById).id)
    if message is None:
        raise Problem("not-found", "There is no such message, or it is older than what the store keeps.")
    card = await call.services.store.contact(message.number) if message.number else None
    return message, card.contact.channel if card is not None else ""


OPERATIONS = (
    Operation(
        id="send_message",
        method="POST",
        path="/conversations/{n}/messages",
        summary="Answer the customer, or leave a note for colleagues",
        tag=TAG,
        handler=send_message,
        parameters=ByNumber,
        body=NewMessage,
        answer=MessageShown,
        status=201,
        sends=True,
        problems=("refused", "answered", "conflict"),
    ),
    Operation(
        id="get_message",
        method="GET",
        path="/messages/{id}",
        summary="One message across all systems",
        tag=TAG,
        handler=get_message,
        parameters=ById,
        answer=Traced,
    ),
    Operation(
        id="retry_message",
        method="POST",
        path="/messages/{id}/retry",
        summary="Really send again what has failed",
        tag=TAG,
        handler=retry_message,
        parameters=ById,
        answer=MessageShown,
        sends=True,
        problems=("conflict",),
    ),
)
