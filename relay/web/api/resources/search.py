"""Finding messages and people, and figures over time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relay.web.api.operations import Call, Given, Items, Operation, Page, Shown
from relay.web.api.resources.conversations import reader
from relay.web.api.resources.reading import Reading
from relay.web.api.resources.shapes import ConversationShown, MessageShown
from relay.web.api.times import Moment, moment

PEOPLE = 10
HOUR_MS = 3_600_000


class Searched(Page):
    """What for, and where."""

    q: str = Field(min_length=1, max_length=200, description='Words in any form; "a phrase"; a name; #42.')
    conversation: int | None = Field(default=None, ge=1, le=2**53 - 1)
    channel: str | None = Field(default=None, max_length=64)


class HitShown(Shown):
    """A person, or a message. `marks`: where its text holds what was asked for, as [from, to] in characters."""

    type: Literal["contact", "message"]
    conversation: ConversationShown
    message: MessageShown | None = None
    marks: list[tuple[int, int]] = Field(default_factory=list)


async def search(call: Call) -> Items[HitShown]:
    """People first, on the first page; then messages, newest first."""
    asked, services = call.query(Searched), call.services
    reading, after = Reading(services, reader(call)), call.position()
    items: list[HitShown] = []
    if after is None and asked.conversation is None:
        named = await services.queries.named(asked.q, channels=services.channels, limit=PEOPLE, reader=reader(call))
        items += [HitShown(type="contact", conversation=row) for row in await reading.shown(named)]
    hits = await services.queries.search(
        asked.q,
        channels=services.channels,
        number=asked.conversation,
        channel=asked.channel,
        after=(int(after[0]), str(after[1])) if after is not None else None,
        limit=asked.limit + 1,
    )
    page = hits[: asked.limit]
    rows = {}
    for number in {h.message.number for h in page}:
        rows[number] = await reading.one(number)
    for hit in page:
        if (row := rows[hit.message.number]) is not None:
            shown = reading.message(hit.message, hit.channel)
            items.append(HitShown(type="message", conversation=row, message=shown, marks=hit.marks))
    following = call.next([page[-1].message.at_ms, page[-1].message.id]) if len(hits) > asked.limit else None
    return Items[HitShown](items=items, next=following)


class Span(Given):
    """How far back."""

    range: Literal["hour", "day", "week", "month"] = "day"


class FigureShown(Shown):
    """One hour of one thing."""

    at: Moment
    metric: str = Field(description="received, answered, answered_by, waited")
    of: str = Field(description="A channel, or who answered.")
    count: int
    mean_ms: int | None = Field(description="Of waited: how long customers waited for an answer.")


class Figures(Shown):
    """Counts for each hour."""

    items: list[FigureShown]


_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 744}


async def figures(call: Call) -> Figures:
    to_ms = call.services.now_ms()
    begin_ms = to_ms - _HOURS[call.query(Span).range] * HOUR_MS
    rows = await call.services.queries.hours(begin_ms - begin_ms % HOUR_MS, to_ms + HOUR_MS)
    return Figures(
        items=[
            FigureShown(
                at=at,
                metric=row.metric,
                of=row.of,
                count=row._mapping["count"],
                mean_ms=round(row._mapping["sum"] / row._mapping["count"]) if row.metric == "waited" else None,
            )
            for row in rows
            if (at := moment(row.bucket)) is not None
        ]
    )


OPERATIONS = (
    Operation(
        id="search",
        method="GET",
        path="/search",
        summary="Messages and people, newest first",
        tag="search",
        handler=search,
        query=Searched,
        answer=Items[HitShown],
    ),
    Operation(
        id="get_figures",
        method="GET",
        path="/figures",
        summary="Counts for each hour",
        tag="what runs",
        handler=figures,
        query=Span,
        answer=Figures,
    ),
)
