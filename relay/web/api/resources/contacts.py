"""Contacts: the card of one customer, custom fields, and being forgotten."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import select, update

from relay.history.forgetting import forget
from relay.history.schema import conversation
from relay.web.api.operations import ByNumber, Call, Given, Operation, Reply, Shown, Version
from relay.web.api.problems import Problem
from relay.web.api.resources.messages import known_contact
from relay.web.api.resources.reading import Reading, version_of
from relay.web.api.resources.shapes import CustomField, FileShown
from relay.web.api.times import Moment, moment
from relay.web.api.writing import upsert

TAG = "contacts"
MEDIA = 200


class ContactFile(FileShown):
    """A file of theirs, and the message it came with."""

    message: str


class ContactCardShown(Shown):
    """One customer in one channel."""

    number: int
    channel: str
    remote_id: str = Field(description="The channel's own id of them.")
    name: str
    username: str
    avatar: str | None
    first_seen: Moment | None
    last_seen: Moment | None
    fields: list[CustomField]
    media: list[ContactFile] = Field(description="Their files, newest first.")
    version: Version


class ContactChange(Given):
    """Custom fields, all of them; [] for none."""

    fields: list[CustomField] = Field(max_length=50)


class Erased(Shown):
    """What was forgotten."""

    number: int
    erased: dict[str, int]


async def get_contact(call: Call) -> Reply:
    shown = await _card(call)
    return Reply(body=shown, version=shown.version)


async def _card(call: Call) -> ContactCardShown:
    card = await known_contact(call, call.n)
    async with call.services.database.read() as connection:
        row = (await connection.execute(select(conversation).where(conversation.c.number == call.n))).first()
    reading = Reading(call.services, "")
    media = [
        ContactFile(**dict(f), message=m.id)
        for m in await call.services.queries.files(call.n, MEDIA)
        for f in reading.message(m, card.contact.channel).attachments
    ]
    return ContactCardShown(
        number=call.n,
        channel=card.contact.channel,
        remote_id=card.contact.remote_id,
        name=card.contact.name,
        username=card.contact.username,
        avatar=None,
        first_seen=moment(card.first_ms),
        last_seen=moment(card.last_ms),
        fields=[CustomField(**f) for f in (row.fields or [])] if row is not None else [],
        media=media[:MEDIA],
        version=version_of(row),
    )


async def change_contact(call: Call) -> Reply:
    await known_contact(call, call.n)
    fields: list[dict[str, Any]] = [f.model_dump() for f in call.body(ContactChange).fields]
    async with call.services.database.begin() as connection:
        row = (await connection.execute(select(conversation).where(conversation.c.number == call.n))).first()
        version = version_of(row)
        if call.if_match is not None and call.if_match != version:
            raise Problem("changed", "Somebody has changed the card meanwhile.", version=version)
        await upsert(connection, conversation, {"number": call.n}, {"version": version}, keep=True)
        done = await connection.execute(
            update(conversation)
            .where(conversation.c.number == call.n, conversation.c.version == version)
            .values(fields=fields, version=version + 1)
        )
        if not done.rowcount:
            raise Problem("changed", "Somebody has changed the card at the same moment.")
    await call.services.announce("contact", call.n)
    shown = await _card(call)
    return Reply(body=shown, version=shown.version)


async def erase_contact(call: Call) -> Erased:
    services, n = call.services, call.n
    if await services.store.contact(n) is None:
        raise Problem("not-found", f"There is no contact {n}.")
    erased = await forget(
        n,
        store=services.store,
        database=services.database,
        media=services.media,
        destinations=list(services.accounts.by_name),
    )
    # That it was done, and by whom; nothing of the person.
    await services.people.audit.note(call.who.name, "contact erased", on=f"#{n}", address=call.address)
    return Erased(number=n, erased=erased)


OPERATIONS = (
    Operation(
        id="get_contact",
        method="GET",
        path="/contacts/{n}",
        summary="The card of one customer",
        tag=TAG,
        handler=get_contact,
        parameters=ByNumber,
        answer=ContactCardShown,
        problems=("conflict",),
    ),
    Operation(
        id="change_contact",
        method="PATCH",
        path="/contacts/{n}",
        summary="Change custom fields",
        tag=TAG,
        handler=change_contact,
        parameters=ByNumber,
        body=ContactChange,
        answer=ContactCardShown,
        conditional=True,
        problems=("conflict",),
    ),
    Operation(
        id="erase_contact",
        method="DELETE",
        path="/contacts/{n}",
        summary="Forget a person everywhere",
        tag=TAG,
        handler=erase_contact,
        parameters=ByNumber,
        answer=Erased,
    ),
)
