"""Lists that colleagues share: canned answers and labels."""

from __future__ import annotations

import re
import time
from typing import Final

from pydantic import Field
from sqlalchemy import delete, func, select

from relay.history.schema import canned_answer, conversation_label, label
from relay.web.api.operations import ByName, Call, Given, Items, Operation, Reply, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.times import Moment, moment
from relay.web.api.writing import upsert

TAG = "lists"
# What a canned answer may have filled in. Anything else in braces is a mistake, told when it is saved.
VARIABLES: Final = ("name", "username", "number", "operator", "channel")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


class CannedAnswer(Shown):
    """A text that is answered with often."""

    name: str
    text: str
    by: str
    changed: Moment | None


class CannedText(Given):
    """Its text. `{name}`, `{username}`, `{number}`, `{operator}` and `{channel}` are filled in."""

    text: str = Field(min_length=1, max_length=10_000)


class Label(Shown):
    """A word that conversations are marked with."""

    name: str
    colour: str
    conversations: int = Field(description="How many have it.")


class LabelLook(Given):
    """Its colour."""

    colour: str = Field(default="", pattern=r"^(|#[0-9a-f]{6})$")


async def list_canned_answers(call: Call) -> Items[CannedAnswer]:
    async with call.services.database.read() as connection:
        rows = (await connection.execute(select(canned_answer).order_by(canned_answer.c.name))).all()
    return Items[CannedAnswer](
        items=[CannedAnswer(name=r.name, text=r.text, by=r.by or "", changed=moment(r.at)) for r in rows]
    )


async def put_canned_answer(call: Call) -> CannedAnswer:
    name, text = _name(call), call.body(CannedText).text
    for found in _BRACES.findall(text):
        if found not in VARIABLES:
            known = ", ".join(f"{{{v}}}" for v in VARIABLES)
            raise one_invalid("/text", f"{{{found[:40]}}} cannot be filled in; {known} can.")
    at = int(time.time() * 1000)
    async with call.services.database.begin() as connection:
        await upsert(connection, canned_answer, {"name": name}, {"text": text, "by": call.who.name, "at": at})
    await call.services.announce("lists", 0, "canned-answers")
    return CannedAnswer(name=name, text=text, by=call.who.name, changed=moment(at))


async def delete_canned_answer(call: Call) -> None:
    async with call.services.database.begin() as connection:
        done = await connection.execute(delete(canned_answer).where(canned_answer.c.name == _name(call)))
    if not done.rowcount:
        raise Problem("not-found", "There is no canned answer of this name.")
    await call.services.announce("lists", 0, "canned-answers")


async def list_labels(call: Call) -> Items[Label]:
    counted = (
        select(conversation_label.c.label, func.count().label("n")).group_by(conversation_label.c.label).subquery()
    )
    query = (
        select(label.c.name, label.c.colour, counted.c.n)
        .outerjoin(counted, counted.c.label == label.c.name)
        .order_by(label.c.name)
    )
    async with call.services.database.read() as connection:
        rows = (await connection.execute(query)).all()
    return Items[Label](items=[Label(name=r.name, colour=r.colour or "", conversations=r.n or 0) for r in rows])


async def put_label(call: Call) -> Reply:
    name, colour = _name(call), call.body(LabelLook).colour
    async with call.services.database.begin() as connection:
        await upsert(connection, label, {"name": name}, {"colour": colour})
        query = select(func.count()).where(conversation_label.c.label == name)
        count = int((await connection.execute(query)).scalar_one())
    await call.services.announce("lists", 0, "labels")
    return Reply(body=Label(name=name, colour=colour, conversations=count))


async def delete_label(call: Call) -> None:
    name = _name(call)
    async with call.services.database.begin() as connection:
        await connection.execute(delete(conversation_label).where(conversation_label.c.label == name))
        done = await connection.execute(delete(label).where(label.c.name == name))
    if not done.rowcount:
        raise Problem("not-found", "There is no label of this name.")
    await call.services.announce("lists", 0, "labels")


def _name(call: Call) -> str:
    name = call.path(ByName).name.strip()
    if not name or not name.isprintable():
        raise Problem("invalid", "A name has 1 to 64 printable characters.")
    return name


OPERATIONS = (
    Operation(
        id="list_canned_answers",
        method="GET",
        path="/canned-answers",
        summary="Texts that are answered with often",
        tag=TAG,
        handler=list_canned_answers,
        answer=Items[CannedAnswer],
    ),
    Operation(
        id="put_canned_answer",
        method="PUT",
        path="/canned-answers/{name}",
        summary="Keep a text under a name",
        tag=TAG,
        handler=put_canned_answer,
        parameters=ByName,
        body=CannedText,
        answer=CannedAnswer,
    ),
    Operation(
        id="delete_canned_answer",
        method="DELETE",
        path="/canned-answers/{name}",
        summary="Do without it",
        tag=TAG,
        handler=delete_canned_answer,
        parameters=ByName,
    ),
    Operation(
        id="list_labels",
        method="GET",
        path="/labels",
        summary="Words that conversations are marked with",
        tag=TAG,
        handler=list_labels,
        answer=Items[Label],
    ),
    Operation(
        id="put_label",
        method="PUT",
        path="/labels/{name}",
        summary="Make a label, or change its colour",
        tag=TAG,
        handler=put_label,
        parameters=ByName,
        body=LabelLook,
        body_optional=True,
        answer=Label,
    ),
    Operation(
        id="delete_label",
        method="DELETE",
        path="/labels/{name}",
        summary="Take a label away from all conversations",
        tag=TAG,
        handler=delete_label,
        parameters=ByName,
    ),
)
