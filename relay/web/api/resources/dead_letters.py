"""Dead letters: what was given up, for a person to decide. Acts on the ids that were shown, or on a filter as of when
it was shown: what has died since is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from relay.contract.model import State
from relay.observe.tracing import ATTEMPTS
from relay.routing.routes import may_be_sent_to
from relay.store.records import DeliveryRecord, MessageRecord
from relay.store.store import Store
from relay.web.api.operations import Call, Given, Items, Operation, Page, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.times import Moment, moment

TAG = "dead letters"
AT_ONCE = 1000
COMMENT_ANSWERED = "It answers a comment that has been answered by now, and a comment is answered once."


class DeadLetter(Shown):
    """A delivery that was given up."""

    id: str
    conversation: int
    destination: str
    attempts: int
    reason: str
    said: str = Field(description="The other side's own words.")
    at: Moment | None
    text: str


class DeadLetterPage(Page):
    """Which dead letters."""

    destination: str | None = Field(default=None, max_length=64)
    reason: str | None = Field(default=None, max_length=100)
    conversation: int | None = Field(default=None, ge=1)


class DeadLetters(Items[DeadLetter]):
    """One page of dead letters."""

    total: int = Field(description="How many there are with this filter.")
    snapshot: str = Field(description="Names all of them as of now; `replay` and `drop` take it.")


class Chosen(Given):
    """By ids, or all of a snapshot."""

    ids: list[str] | None = Field(default=None, min_length=1, max_length=AT_ONCE)
    snapshot: str | None = Field(default=None, max_length=2000)
    expected: int | None = Field(default=None, ge=0, description="With a snapshot: how many it was said to be.")


class ToReplay(Chosen):
    """Which to send again."""

    to: str | None = Field(default=None, max_length=64, description="To this channel or desk instead of the first one.")


class ToDrop(Chosen):
    """Which to give up for good."""

    reason: str = Field(default="", max_length=300, description="For the audit.")


class Done(Shown):
    """What became of one."""

    id: str
    done: bool
    new_id: str | None = Field(default=None, description="The delivery that it is sent again as.")
    destination: str | None = None
    problem: str | None = Field(default=None, description="Why it was not done.")


@dataclass(frozen=True, slots=True)
class _Filter:
    destination: str
    reason: str
    conversation: int

    def takes(self, record: DeliveryRecord) -> bool:
        return (
            (not self.destination or record.destination == self.destination)
            and (not self.reason or record.reason == self.reason)
            and (not self.conversation or record.number == self.conversation)
        )


async def list_dead_letters(call: Call) -> DeadLetters:
    page, store = call.query(DeadLetterPage), call.services.store
    chosen = _Filter(page.destination or "", page.reason or "", page.conversation or 0)
    position = call.position()
    found = await _matching(store, chosen, until_ms=None)
    after = str(position[0]) if position else ""
    rest = [r for r in found if r.id > after]
    shown = []
    for record in rest[: page.limit]:
        message = await store.journal(record.id.rpartition("-")[0])
        if message is not None:
            shown.append(_shown(record, message))
    newest_ms = max((r.dead_ms for r in found), default=0)
    snapshot = call.cursors.make(
        "dead-letters", {}, [chosen.destination, chosen.reason, chosen.conversation, newest_ms]
    )
    more = call.next([rest[page.limit - 1].id]) if len(rest) > page.limit else None
    return DeadLetters(items=shown, next=more, total=len(found), snapshot=snapshot)


async def replay_dead_letters(call: Call) -> Items[Done]:
    body, services = call.body(ToReplay), call.services
    if body.to is not None and body.to not in services.accounts.by_name:
        raise one_invalid("/to", "There is no channel or desk of this name.")
    done = [await _replay(call, record, body.to or "") for record in await _chosen(call, body)]
    services.wake_workers(sorted({d.destination for d in done if d.destination}))
    await services.people.audit.note(
        call.who.name,
        "dead letters replayed",
        address=call.address,
        detail=f"{sum(d.done for d in done)} of {len(done)}" + (f" to {body.to}" if body.to else ""),
    )
    return Items[Done](items=done)


async def _replay(call: Call, record: DeliveryRecord, to: str) -> Done:
    services = call.services
    message = await services.store.journal(record.id.rpartition("-")[0])
    if message is None:
        return Done(id=record.id, done=False, problem="There is no dead letter of this id.")
    if to:
        card = await services.store.contact(message.number) if message.number else None
        channel = card.contact.channel if card is not None else ""
        account, desks = services.accounts.by_name[to], services.accounts.desks_of.get(channel, ())
        if not may_be_sent_to(message.kind, channel=channel, destination=to, is_desk=account.is_desk, desks=desks):
            return Done(id=record.id, done=False, problem=f"It must not go to {to}: a stranger would read it.")
    try:
        new = await services.store.replay(record.id, to, by=call.who.name)
    except ValueError:
        return Done(id=record.id, done=False, problem=COMMENT_ANSWERED)
    if new is None:
        return Done(id=record.id, done=False, problem="Somebody else was quicker: it is no dead letter any more.")
    return Done(id=record.id, done=True, new_id=new[0], destination=new[1])


async def drop_dead_letters(call: Call) -> Items[Done]:
    body, services = call.body(ToDrop), call.services
    done = [Done(id=r.id, done=await services.store.drop(r.id)) for r in await _chosen(call, body)]
    await services.people.audit.note(
        call.who.name,
        "dead letters dropped",
        address=call.address,
        detail=f"{sum(d.done for d in done)} of {len(done)} {body.reason}".strip(),
    )
    return Items[Done](items=done)


async def _chosen(call: Call, body: Chosen) -> list[DeliveryRecord]:
    """The dead letters that are meant, oldest message first. An id that is none (any more) is not an error of the
    whole: somebody else may have been quicker."""
    store = call.services.store
    if (body.ids is None) == (body.snapshot is None):
        raise Problem("invalid", "Name ids, or a snapshot, and not both.")
    if body.ids is not None:
        dead = set(await store.dead_ids())
        ids = sorted(set(body.ids))
        found = [await store.record(i) if i in dead else None for i in ids]
        return [
            r if r is not None else DeliveryRecord(id=i, destination="", state=State.FAILED, number=0)
            for i, r in zip(ids, found, strict=True)
        ]
    position = call.cursors.read("dead-letters", {}, body.snapshot)
    if position is None:
        raise Problem("malformed", "The snapshot is empty.")
    chosen = _Filter(str(position[0]), str(position[1]), int(position[2]))
    matching = await _matching(store, chosen, until_ms=int(position[3]))
    if body.expected is not None and len(matching) != body.expected:
        raise Problem(
            "conflict", f"There are {len(matching)} of them by now, not {body.expected}. Look again, and decide again."
        )
    return matching


async def _matching(store: Store, chosen: _Filter, *, until_ms: int | None) -> list[DeliveryRecord]:
    found = []
    for did in await store.dead_ids():
        record = await store.record(did)
        if record is not None and chosen.takes(record) and (until_ms is None or record.dead_ms <= until_ms):
            found.append(record)
    return found


def _shown(record: DeliveryRecord, message: MessageRecord) -> DeadLetter:
    return DeadLetter(
        id=record.id,
        conversation=record.number,
        destination=record.destination,
        attempts=sum(line["what"] in ATTEMPTS for line in record.log),
        reason=record.reason,
        said=record.words,
        at=moment(record.dead_ms),
        text=str(message.envelope.get("text", "")),
    )


OPERATIONS = (
    Operation(
        id="list_dead_letters",
        method="GET",
        path="/dead-letters",
        summary="What was given up, oldest first",
        tag=TAG,
        handler=list_dead_letters,
        query=DeadLetterPage,
        answer=DeadLetters,
    ),
    Operation(
        id="replay_dead_letters",
        method="POST",
        path="/dead-letters/replay",
        summary="Send dead letters again",
        tag=TAG,
        handler=replay_dead_letters,
        body=ToReplay,
        answer=Items[Done],
        sends=True,
        problems=("conflict",),
    ),
    Operation(
        id="drop_dead_letters",
        method="POST",
        path="/dead-letters/drop",
        summary="Give dead letters up for good",
        tag=TAG,
        handler=drop_dead_letters,
        body=ToDrop,
        answer=Items[Done],
        problems=("conflict",),
    ),
)
