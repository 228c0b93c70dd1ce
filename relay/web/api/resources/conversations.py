"""Conversations: the list, one, its messages, and what colleagues do with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import Field
from sqlalchemy import delete, select, update

from relay.history.schema import conversation, conversation_label, draft, label, read_position
from relay.web.api.operations import ByNumber, Call, Given, Items, Operation, Page, Reply, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.resources.messages import known_contact
from relay.web.api.resources.reading import Reading, version_of
from relay.web.api.resources.shapes import ConversationShown, CustomField, MessageShown
from relay.web.api.times import ms_of
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


class Drafts(Shown):
    """What the asking person has begun to write."""

    answer: str
    note: str


class OneConversation(ConversationShown):
    """A conversation, with the asker's drafts."""

    drafts: Drafts | None
    position: str


class ConversationChange(Given):
    """What is to be different. What is left out stays."""

    state: Literal["open", "snoozed", "closed"] | None = None
    snoozed_until: datetime | None = None
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


class DraftText(Given):
    """What has been written so far; "" for nothing."""

    text: str = Field(max_length=20_000)


class ByMode(Given):
    """The draft of an answer, or of a note."""

    n: int = Field(ge=1, le=2**53 - 1)
    mode: Mode


class DraftShown(Shown):
    """A draft of the asking person."""

    text: str


class Presence(Given):
    """What one does in a conversation. Nothing of it is kept."""

    conversation: int = Field(ge=1, le=2**53 - 1)
    does: Literal["looking", "typing", "gone"]


def reader(call: Call) -> str:
    """Whose read positions count."""
    return call.who.id if call.who.is_person else ""


# --- reading ----------------------------------------------------------------------------------------------------------


def _fits(call: Call, asked: ConversationFilter) -> Callable[[ConversationShown], bool]:
    me = call.who.name

    def fits(row: ConversationShown) -> bool:
        wanted = {
            None: True,
            "open": row.state == "open",
            "waiting": row.state == "open" and row.waiting_since is not None,
            "snoozed": row.state == "snoozed",
            "closed": row.state == "closed",
            "failed": row.failed > 0,
        }[asked.state]
        whose = {None: True, "me": row.assignee == me, "none": row.assignee is None}.get(
            asked.assignee, row.assignee == asked.assignee
        )
        return (
            wanted
            and whose
            and asked.channel in (None, row.channel)
            and (asked.label is None or asked.label in row.labels)
        )

    return fits


async def list_conversations(call: Call) -> Conversations:
    asked, reading = call.query(ConversationFilter), Reading(call.services, reader(call))
    position = await reading.position()
    rows = [r for r in await reading.all() if _fits(call, asked)(r)]
    if asked.order == "waiting":
        rows.sort(key=_wait)
    begin = call.position()
    if begin is not None:
        rows = [r for r in rows if _after(asked.order, r, begin)]
    shown = rows[: asked.limit]
    following = call.next(_place(asked.order, shown[-1])) if len(rows) > asked.limit else None
    return Conversations(items=shown, next=following, position=position)


def _wait(row: ConversationShown) -> tuple[bool, float, int]:
    since = row.waiting_since
    return since is None, since.timestamp() if since else 0.0, row.number


def _newest(row: ConversationShown) -> tuple[float, int]:
    at = row.last.at if row.last is not None else row.first_seen
    return (-at.timestamp() if at else 0.0), -row.number


def _place(order: str, row: ConversationShown) -> list[Any]:
    return list(_wait(row)) if order == "waiting" else list(_newest(row))


def _after(order: str, row: ConversationShown, position: list[Any]) -> bool:
    return tuple(_place(order, row)) > tuple(position)


async def count_conversations(call: Call) -> Counts:
    rows = await Reading(call.services, "").all()
    is_open = [r for r in rows if r.state == "open"]
    return Counts(
        mine=sum(r.assignee == call.who.name for r in is_open),
        unassigned=sum(r.assignee is None for r in is_open),
        waiting=sum(r.waiting_since is not None for r in is_open),
        open=len(is_open),
        snoozed=sum(r.state == "snoozed" for r in rows),
        closed=sum(r.state == "closed" for r in rows),
        failed=sum(r.failed > 0 for r in rows),
    )


async def get_conversation(call: Call) -> Reply:
    reading = Reading(call.services, reader(call))
    position = await reading.position()
    row = await _known(call, reading)
    drafts = await _drafts(call) if call.who.is_person else None
    return Reply(body=OneConversation(**dict(row), drafts=drafts, position=position), version=row.version)


async def list_messages(call: Call) -> Messages:
    asked, reading = call.query(MessagePage), Reading(call.services, reader(call))
    if sum(x is not None for x in (asked.before, asked.after, asked.around)) > 1:
        raise Problem("invalid", "At most one of before, after and around.")
    card = await known_contact(call, call.n)
    position = await reading.position()
    found = await reading.messages(call.n, card.contact.channel)
    ids = [m.id for m in found]
    begin, end = max(0, len(found) - asked.limit), len(found)
    named = asked.before or asked.after or asked.around
    if named is not None:
        if named not in ids:
            raise Problem("not-found", "There is no such message in this conversation.")
        at = ids.index(named)
        if asked.before is not None:
            begin, end = max(0, at - asked.limit), at
        elif asked.after is not None:
            begin, end = at + 1, min(len(found), at + 1 + asked.limit)
        else:
            begin = max(0, at - asked.limit // 2)
            end = min(len(found), begin + asked.limit)
    shown = found[begin:end]
    return Messages(
        items=shown,
        next=shown[0].id if shown and begin else None,
        previous=shown[-1].id if shown and end < len(found) else None,
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


async def mark_read(call: Call) -> ConversationShown:
    body, services, n = call.body(ReadUpTo), call.services, call.n
    card = await known_contact(call, n)
    named = body.message or body.unread_from
    at_ms = 0
    if named is not None:
        found = await Reading(services, "").messages(n, card.contact.channel)
        at = next((m.at for m in found if m.id == named), None)
        if at is None:
            raise one_invalid("/message", "There is no such message in this conversation.")
        at_ms = ms_of(at) - (body.message is None)
    async with services.database.begin() as connection:
        await upsert(connection, read_position, {"user": call.who.id, "conversation": n}, {"at": at_ms})
    await services.announce("conversation", n, call.who.id)
    return await _known(call, Reading(services, reader(call)))


async def _drafts(call: Call) -> Drafts:
    async with call.services.database.read() as connection:
        query = select(draft).where(draft.c.user == call.who.id, draft.c.conversation == call.n)
        found = {row.mode: row.text for row in (await connection.execute(query)).all()}
    return Drafts(answer=found.get("answer", ""), note=found.get("note", ""))


async def get_draft(call: Call) -> DraftShown:
    path = call.path(ByMode)
    return DraftShown(text=getattr(await _drafts(call), path.mode))


async def put_draft(call: Call) -> None:
    path, text = call.path(ByMode), call.body(DraftText).text
    await known_contact(call, path.n)
    key = {"user": call.who.id, "conversation": path.n, "mode": path.mode}
    async with call.services.database.begin() as connection:
        if text:
            await upsert(connection, draft, key, {"text": text, "at": call.services.now_ms()})
        else:
            await connection.execute(_draft_of(call, path))


async def delete_draft(call: Call) -> None:
    async with call.services.database.begin() as connection:
        await connection.execute(_draft_of(call, call.path(ByMode)))


def _draft_of(call: Call, path: ByMode) -> Any:
    return delete(draft).where(draft.c.user == call.who.id, draft.c.conversation == path.n, draft.c.mode == path.mode)


async def say_presence(call: Call) -> None:
    body = call.body(Presence)
    card = await known_contact(call, body.conversation)
    said = {
        "channel": card.contact.channel,
        "conversation": body.conversation,
        "who": call.who.name,
        "does": body.does,
        "tag": secrets.token_hex(4),
    }
    await call.services.store.wire.call("PUBLISH", call.services.store.key("stage"), orjson.dumps(said))


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
    Operation(
        id="get_draft",
        method="GET",
        path="/conversations/{n}/drafts/{mode}",
        summary="What one has begun to write",
        tag=TAG,
        handler=get_draft,
        parameters=ByMode,
        answer=DraftShown,
    ),
    Operation(
        id="put_draft",
        method="PUT",
        path="/conversations/{n}/drafts/{mode}",
        summary="Keep what one has begun to write",
        tag=TAG,
        handler=put_draft,
        parameters=ByMode,
        body=DraftText,
        problems=("conflict",),
    ),
    Operation(
        id="delete_draft",
        method="DELETE",
        path="/conversations/{n}/drafts/{mode}",
        summary="Do without it",
        tag=TAG,
        handler=delete_draft,
        parameters=ByMode,
    ),
    Operation(
        id="say_presence",
        method="POST",
        path="/stage",
        summary="Say that one looks at a conversation, or writes in it",
        tag=TAG,
        handler=say_presence,
        body=Presence,
        refreshes=False,
    ),
)
