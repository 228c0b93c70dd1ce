"""What one has begun to write, and that one is looking: acts of one person that nobody else must answer for."""

from __future__ import annotations

import secrets
from typing import Any, Literal

import orjson
from pydantic import Field
from sqlalchemy import delete, select

from relay.history.schema import draft
from relay.web.api.operations import Call, Given, Operation, Shown
from relay.web.api.resources.messages import known_contact
from relay.web.api.writing import upsert

TAG = "conversations"
Mode = Literal["answer", "note"]


class Drafts(Shown):
    """What the asking person has begun to write."""

    answer: str
    note: str


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


async def drafts_of(call: Call) -> Drafts:
    async with call.services.database.read() as connection:
        query = select(draft).where(draft.c.user == call.who.id, draft.c.conversation == call.n)
        found = {row.mode: row.text for row in (await connection.execute(query)).all()}
    return Drafts(answer=found.get("answer", ""), note=found.get("note", ""))


async def get_draft(call: Call) -> DraftShown:
    path = call.path(ByMode)
    return DraftShown(text=getattr(await drafts_of(call), path.mode))


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
