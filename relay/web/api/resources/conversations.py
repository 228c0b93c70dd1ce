"""Conversations: the list, one, its messages, and what colleagues do with it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field
from sqlalchemy import delete, select, update

from relay.history.queries import Filter, place
from relay.history.schema import conversation, conversation_label, label, read_position
from relay.store.records import MessageRecord
from relay.web.api.operations import ByNumber, Call, Given, Items, Operation, Page, Reply, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.resources.drafts import Drafts, drafts_of
from relay.web.api.resources.messages import known_contact
from relay.web.api.resources.reading import Reading, version_of
from relay.web.api.resources.shapes import ConversationShown, CustomField, MessageShown
from relay.web.api.services import Services
from relay.web.api.times import ms_of, time_of
from relay.web.api.writing import upsert

TAG = "conversations"
Mode = Literal["answer", "note"]
State = Literal["open", "waiting", "snoozed", "closed", "failed"]


class Conversations(Items[ConversationShown]):
    """One page of the list."""

    position: str = Field(description="Where in the feed of events this stands; follow it from there.")


class ConversationFilter(Page):
    """Which conversations."""

    state: State | None = None
    assignee: str | None = Field(default=None, max_length=64, description="me, none, or a user's name.")
    channel: str | None = Field(default=None, max_length=64)
    label: str | None = Field(default=None, max_length=64)
    order: Literal["newest", "waiting"] = Field(
        default="newest", description="Latest activity, or longest wait, first."
    )


class Counts(Shown):
    """How many conversations stand in each tab."""

    mine: int
    unassigned: int
    waiting: int
    open: int
    snoozed: int
    closed: int
    failed: int


class OneConversation(ConversationShown):
    """A conversation, with the asker's drafts."""

    drafts: Drafts | None
    position: str


class ConversationChange(Given):
    """What is to be different. What is left out stays."""

    state: Literal["open", "snoozed", "closed"] | None = None
    snoozed_until: Annotated[AwareDatetime, BeforeValidator(time_of)] | None = None
    assignee: str | None = Field(default=None, max_length=64, description="A user's name; null: nobody.")
    labels: list[str] | None = Field(default=None, max_length=50)
    waiting: Literal[False] | None = Field(default=None, description="false: no answer is needed.")
    fields: list[CustomField] | None = Field(default=None, max_length=50, description="Custom fields of the contact.")


class MessagePage(Given):
    """Which messages. At most one of before, after and around."""

    limit: int = Field(default=50, ge=1, le=200)
    before: str | None = Field(default=None, max_length=60, description="A message's id: those older than it.")
    after: str | None = Field(default=None, max_length=60, description="A message's id: those newer than it.")
    around: str | None = Field(default=None, max_length=60, description="A message's id: it and those around it.")


class Messages(Items[MessageShown]):
    """Messages, oldest first. `next` is the `before` of the older page, `previous` the `after` of the newer one."""

    previous: str | None
    position: str


class ReadUpTo(Given):
    """Up to which message one has read; null marks it unread."""

    message: str | None = Field(default=None, max_length=60)
    unread_from: str | None = Field(default=None, max_length=60, description="With null: the first unread message.")


def reader(call: Call) -> str:
    """Whose read positions count."""
    return call.who.id if call.who.is_person else ""


# --- reading ----------------------------------------------------------------------------------------------------------


async def list_conversations(call: Call) -> Conversations:
    asked, services = call.query(ConversationFilter), call.services
    reading = Reading(services, reader(call))
    position = await reading.position()
    after = call.position()
    rows = await services.queries.conversations(
        Filter(
            channels=services.channels,
            state=asked.state,
            assignee={"me": call.who.name, "none": ""}.get(asked.assignee or "", asked.assignee),
            channel=asked.channel,
            label=asked.label,
        ),
        order=asked.order,
        after=(int(after[0]), int(after[1])) if after is not None else None,
        limit=asked.limit + 1,
        reader=reader(call),
        now_ms=services.now_ms(),
    )
    page = rows[: asked.limit]
    following = call.next(list(place(page[-1], asked.order))) if len(rows) > asked.limit else None
    return Conversations(items=await reading.shown(page), next=following, position=position)


async def count_conversations(call: Call) -> Counts:
    services = call.services
    return Counts(**await services.queries.counts(services.channels, call.who.name, services.now_ms()))


async def get_conversation(call: Call) -> Reply:
    reading = Reading(call.services, reader(call))
    position = await reading.position()
    row = await _known(call, reading)
    drafts = await drafts_of(call) if call.who.is_person else None
    return Reply(body=OneConversation(**dict(row), drafts=drafts, position=position), version=row.version)


async def list_messages(call: Call) -> Messages:
    asked, reading = call.query(MessagePage), Reading(call.services, reader(call))
    if sum(x is not None for x in (asked.before, asked.after, asked.around)) > 1:
        raise Problem("invalid", "At most one of before, after and around.")
    card = await known_contact(call, call.n)
    position = await reading.position()
    found = await call.services.queries.messages(
        call.n,
        limit=asked.limit,
        before=asked.before or "",
        after=asked.after or "",
        around=asked.around or "",
    )
    if found is None:
        raise Problem("not-found", "There is no such message in this conversation.")
    rows, older, newer = found
    shown = [reading.message(one, card.contact.channel) for one in rows]
    return Messages(
        items=shown,
        next=shown[0].id if shown and older else None,
        previous=shown[-1].id if shown and newer else None,
        position=position,
    )


async def _known(call: Call, reading: Reading) -> ConversationShown:
    row = await reading.one(call.n)
    if row is None:
        raise Problem("not-found", f"There is no conversation #{call.n}.")
    return row


# --- changing ---------------------------------------------------------------------------------------------------------


async def change_conversation(call: Call) -> Reply:
    change, services, n = call.body(ConversationChange), call.services, call.n
    card = await known_contact(call, n)
    given = change.model_fields_set
    if change.assignee is not None and not await _is_somebody(call, change.assignee):
        raise one_invalid("/assignee", "There is no user of this name.")
    if change.state == "snoozed" and change.snoozed_until is None:
        raise one_invalid("/snoozed_until", "Until when?")
    values: dict[str, Any] = {}
    if "assignee" in given:
        values["assignee"] = change.assignee
    if change.state == "snoozed" and change.snoozed_until is not None:
        values |= {"snoozed_until": ms_of(change.snoozed_until), "snoozed_at": services.now_ms()}
    elif change.state is not None:
        values |= {"snoozed_until": None, "closed_by": call.who.name if change.state == "closed" else None}
    if change.waiting is False:
        values["answered_by_hand"] = services.now_ms()
    if change.fields is not None:
        values["fields"] = [f.model_dump() for f in change.fields]
    async with services.database.begin() as connection:
        query = select(conversation).where(conversation.c.number == n)
        row = (await connection.execute(query)).first()
        version = version_of(row)
        if call.if_match is not None and call.if_match != version:
            raise Problem("changed", "Somebody has changed the conversation meanwhile.", version=version)
        await upsert(connection, conversation, {"number": n}, {"version": version}, keep=True)
        done = await connection.execute(
            update(conversation)
            .where(conversation.c.number == n, conversation.c.version == version)
            .values(**values, version=version + 1)
        )
        if not done.rowcount:
            raise Problem("changed", "Somebody has changed the conversation at the same moment.")
        if change.labels is not None:
            await connection.execute(delete(conversation_label).where(conversation_label.c.conversation == n))
            for name in sorted({one.strip() for one in change.labels} - {""}):
                await upsert(connection, label, {"name": name[:64]}, {"colour": ""}, keep=True)
                await upsert(connection, conversation_label, {"conversation": n, "label": name[:64]}, {})
    # Whether it is closed is the store's to say: the group closes conversations, too.
    if change.state == "closed" and not card.closed:
        await services.store.close(n)
    elif change.state in ("open", "snoozed") and card.closed:
        await services.store.wire.call("HDEL", services.store.key(f"contact:{n}"), "closed")
    await services.announce("conversation", n)
    row_now = await _known(call, Reading(services, reader(call)))
    return Reply(body=row_now, version=row_now.version)


async def _is_somebody(call: Call, name: str) -> bool:
    if call.who.kind == "demo" and name == call.who.name:
        return True
    return await call.services.people.users.by_name(name) is not None


async def _time_of(services: Services, number: int, message_id: str) -> int | None:
    """When a message or note of a conversation was written, ms; None for none. What was sent a moment ago is in the
    store before it is in the history."""
    found = await services.queries.messages(number, limit=1, around=message_id)
    if found is not None and found[0]:
        one = found[0][0]
        return one.at_ms if isinstance(one, MessageRecord) else int(one.at)
    stored = await services.store.journal(message_id)
    return stored.at_ms if stored is not None and stored.number == number else None


async def mark_read(call: Call) -> ConversationShown:
    body, services, n = call.body(ReadUpTo), call.services, call.n
    await known_contact(call, n)
    named = body.message or body.unread_from
    at_ms = 0
    if named is not None:
        named_at_ms = await _time_of(services, n, named)
        if named_at_ms is None:
            raise one_invalid("/message", "There is no such message in this conversation.")
        at_ms = named_at_ms - (body.message is None)
    async with services.database.begin() as connection:
        await upsert(connection, read_position, {"user": call.who.id, "conversation": n}, {"at": at_ms})
    await services.announce("conversation", n, call.who.id)
    return await _known(call, Reading(services, reader(call)))


OPERATIONS = (
    Operation(
        id="list_conversations",
        method="GET",
        path="/conversations",
        summary="Conversations, as the list shows them",
        tag=TAG,
        handler=list_conversations,
        query=ConversationFilter,
        answer=Conversations,
    ),
    Operation(
        id="count_conversations",
        method="GET",
        path="/conversations/counts",
        summary="How many stand in each tab",
        tag=TAG,
        handler=count_conversations,
        answer=Counts,
    ),
    Operation(
        id="get_conversation",
        method="GET",
        path="/conversations/{n}",
        summary="One conversation",
        tag=TAG,
        handler=get_conversation,
        parameters=ByNumber,
        answer=OneConversation,
    ),
    Operation(
        id="change_conversation",
        method="PATCH",
        path="/conversations/{n}",
        summary="Assign, label, snooze, close, reopen",
        tag=TAG,
        handler=change_conversation,
        parameters=ByNumber,
        body=ConversationChange,
        answer=ConversationShown,
        conditional=True,
        problems=("conflict",),
    ),
    Operation(
        id="list_messages",
        method="GET",
        path="/conversations/{n}/messages",
        summary="Its messages, oldest first",
        tag=TAG,
        handler=list_messages,
        parameters=ByNumber,
        query=MessagePage,
        answer=Messages,
        problems=("conflict",),
    ),
    Operation(
        id="mark_read",
        method="POST",
        path="/conversations/{n}/read",
        summary="Up to where one has read",
        tag=TAG,
        handler=mark_read,
        parameters=ByNumber,
        body=ReadUpTo,
        answer=ConversationShown,
        problems=("conflict",),
    ),
)
