"""The feed: what changes, as it changes."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import Field

from relay.contract.model import Kind
from relay.store.feed import FeedEntry, order
from relay.web.api.operations import Call, Given, Operation, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.resources.from_store import message_shown
from relay.web.api.resources.messages import note_of
from relay.web.api.resources.reading import Reading
from relay.web.api.services import Services
from relay.web.feed.event import Event
from relay.web.feed.listener import Listener
from relay.web.feed.reader import TooMany
from relay.web.feed.serving import poll, stream
from relay.web.feed.streams import TooManyStreams

TAG = "events"
LONGEST_WAIT_S: Final = 25.0
_OF_CONVERSATION: Final = frozenset({"message", "delivery", "conversation", "note", "contact"})


class After(Given):
    """From where on."""

    after: str | None = Field(
        default=None, max_length=40, description="A position, as of a list or an event; from now on when left out."
    )


class Following(After):
    """From where on, and how long to wait for it."""

    wait: int = Field(default=20, ge=0, le=25, description="Seconds to wait for the first event.")


class EventShown(Shown):
    """One event. `data` of a change: `k`, `prev`, `conversation`, `message`."""

    id: str
    name: str
    data: dict[str, Any]


class EventsShown(Shown):
    """What has happened. With `resync` set, read everything anew and go on after `next`."""

    items: list[EventShown]
    next: str = Field(description="The `after` of the next call.")
    resync: str | None = None


async def read_event(services: Services, entry: FeedEntry) -> Event:
    """What an entry of the feed is about, as whoever listens is told. Rows are whole: an event may be missed or come
    twice without harm. `unread` is each person's own and not in it."""
    if entry.kind == "user":
        return Event("change", {"k": "user"}, user=entry.what)
    data: dict[str, Any] = {"k": entry.kind}
    channel = ""
    if entry.kind in _OF_CONVERSATION and entry.number:
        row = await Reading(services, "").one(entry.number)
        if row is not None:
            channel = row.channel
            data["conversation"] = row.model_dump(mode="json", exclude={"unread"})
        data["number"] = entry.number
        if entry.kind == "conversation" and entry.what:
            data["by"] = entry.what  # whose read position it is
        if message := await _message(services, entry, channel):
            data["message"] = message
    elif entry.kind in ("destination", "lists", "erased"):
        data |= {"number": entry.number or None, "what": entry.what}
    return Event("change", data, channel=channel)


async def _message(services: Services, entry: FeedEntry, channel: str) -> dict[str, Any] | None:
    if entry.kind == "note":
        note = await note_of(services, entry.what)
        return note.model_dump(mode="json") if note is not None else None
    if entry.kind not in ("message", "delivery"):
        return None
    message_id = entry.what if entry.kind == "message" else entry.what.rpartition("-")[0]
    found = await services.store.journal(message_id)
    if found is None or (found.kind is Kind.NOTICE and found.records):  # a notice for a desk elsewhere
        return None
    return message_shown(found, channel, services.link_file).model_dump(mode="json")


def _listener(call: Call) -> Listener:
    accounts = call.services.accounts
    return Listener(lambda channel: channel in accounts.by_name, call.who.session.user if call.who.session else "")


def _after(given: str | None, header: str | None) -> str | None:
    after = given or header or None
    if after is not None:
        try:
            order(after)
        except ValueError as e:
            raise one_invalid("/after", str(e)) from None
    return after


async def follow_events(call: Call) -> web.StreamResponse:
    """The stream."""
    services, listener = call.services, _listener(call)
    after = _after(call.query(After).after, call.request.headers.get("Last-Event-ID"))

    async def still_valid() -> bool:
        who = await services.gate.who(call.request, refresh=False)
        return who is not None and who.id == call.who.id

    try:
        with services.streams.one(call.who.session.key if call.who.session else call.who.id):
            missed = await services.feed.resume(listener, after)
            return await stream(
                call.request, services.feed, listener, missed, user=call.who.name, still_valid=still_valid
            )
    except TooMany as e:
        raise Problem("unavailable", str(e), headers={"Retry-After": "10"}, retry_after=10) from None
    except TooManyStreams as e:
        raise Problem("too-many", str(e), headers={"Retry-After": "10"}, retry_after=10) from None


async def poll_events(call: Call) -> EventsShown:
    """The same by asking again and again."""
    services, listener, asked = call.services, _listener(call), call.query(Following)
    after = _after(asked.after, None)
    try:
        missed = await services.feed.resume(listener, after)
    except TooMany as e:
        raise Problem("unavailable", str(e), headers={"Retry-After": "10"}, retry_after=10) from None
    events, following = await poll(services.feed, listener, missed, min(asked.wait, LONGEST_WAIT_S))
    resync = next((str(e.data["why"]) for e in events if e.name == "resync"), None)
    items = [EventShown(**e.shown()) for e in events if e.name == "change"]
    return EventsShown(items=[] if resync else items, next=following or "0-0", resync=resync)


OPERATIONS = (
    Operation(
        id="follow_events",
        method="GET",
        path="/events",
        summary="Changes as they happen, as server-sent events",
        tag=TAG,
        raw=follow_events,
        query=After,
        answer_type="text/event-stream",
        refreshes=False,
        problems=("unavailable",),
    ),
    Operation(
        id="poll_events",
        method="GET",
        path="/events.json",
        summary="Changes since a position, waiting for the first",
        tag=TAG,
        handler=poll_events,
        query=Following,
        answer=EventsShown,
        refreshes=False,
        problems=("unavailable",),
    ),
)
