"""What runs: the state of every account, holding and releasing one, doctor, the configuration with secrets masked."""

from __future__ import annotations

import time
from importlib import metadata
from typing import Any, Literal

from pydantic import Field

from relay.observe.alarms import decoded, order, sentence
from relay.store.records import Destination
from relay.store.told_alarms import ToldAlarms
from relay.web.api.operations import ByName, Call, Given, Items, Operation, Shown
from relay.web.api.problems import Problem
from relay.web.api.services import Services
from relay.web.api.times import Moment, moment

TAG = "what runs"
STARTED_MS = int(time.time() * 1000)
State = Literal["working", "failing", "paused", "breaker open", "credentials", "other account", "orphaned"]
_REMEDY = {
    "credentials": "Put the right key into the configuration, or pay; it goes on by itself once that is accepted.",
    "paused": "Somebody has paused it; resume it when it may go on.",
    "breaker open": "The other side is down; it is tried again by itself, nothing is lost and no try is used up.",
    "other account": "The credentials open another account than before. Resume it if that is meant.",
    "orphaned": "It is no longer in the configuration. Put it back, or send its dead letters elsewhere.",
    "failing": "See the dead letters and `relay doctor`.",
}


class AccountStatus(Shown):
    """Where one channel or desk stands."""

    name: str
    kind: str
    role: Literal["channel", "desk"]
    state: State
    since: Moment | None
    said: str = Field(description="The last words of the other side.")
    remedy: str = Field(description="What a person can do; empty while all is well.")
    backlog: int
    oldest: Moment | None = Field(description="Since when the first of the backlog waits.")
    next_try: Moment | None = Field(description="When the first of the backlog is tried again.")
    workers: int


class AlarmShown(Shown):
    """Something that needs a person, and that people were told of."""

    alarm: str = Field(description="What kind: credentials, failing, dead_letter, backlog, orphaned, store, ...")
    account: str = Field(description="Which channel or desk; empty for the whole relay.")
    since: Moment | None
    text: str


class Status(Shown):
    """Where everything stands."""

    running: bool
    processes: int
    dead_letters: int
    connections: list[AccountStatus]
    alarms: list[AlarmShown] = Field(description="What people were told of and is not over; the gravest first.")
    version: str
    started: Moment | None = Field(description="When the process that answers was started.")
    problems: list[str] = Field(description="Why /readyz would say no.")


class Reason(Given):
    """Why."""

    reason: str = Field(default="", max_length=300, description="For the audit and for colleagues.")


class Held(Shown):
    """What has changed."""

    name: str
    paused: bool
    changed: bool


class CheckShown(Shown):
    """One finding of `relay doctor`."""

    name: str
    ok: bool | None = Field(description="null: could not be told.")
    what: str
    found: str
    remedy: str


class ConfigShown(Shown):
    """The configuration in effect; secrets are `***`."""

    config: dict[str, Any]
    file: str
    warnings: list[str]


async def get_status(call: Call) -> Status:
    services = call.services
    served: dict[str, int] = {}
    workers = await services.store.workers()
    for names in workers.values():
        for name in names:
            served[name] = served.get(name, 0) + 1
    rows = []
    for account in services.accounts.by_name.values():
        found = await services.store.destination(account.name)
        state = _state(found)
        rows.append(
            AccountStatus(
                name=account.name,
                kind=account.bridge.spec.kind,
                role=account.role.value,
                state=state,
                since=moment(found.since_ms or found.open_ms or found.failing_ms),
                said=found.words or (found.last_words if state != "working" else ""),
                remedy=_REMEDY.get(state, ""),
                backlog=found.backlog,
                oldest=moment(found.oldest_ms),
                next_try=moment(found.next_try_ms),
                workers=served.get(account.name, 0),
            )
        )
    return Status(
        running=bool(workers),
        processes=len(workers),
        dead_letters=await services.store.dead_count(),
        connections=rows,
        alarms=await _alarms(services),
        version=_version(),
        started=moment(STARTED_MS),
        problems=services.problems(),
    )


async def _alarms(services: Services) -> list[AlarmShown]:
    told = await ToldAlarms(services.store).told()
    found = order([a for a in map(decoded, told.values()) if a is not None])
    return [
        AlarmShown(
            alarm=a.kind.value, account=a.subject, since=moment(a.since * 1000), text=sentence(services.texts, a)
        )
        for a in found
    ]


def _version() -> str:
    try:
        return metadata.version("webhook-relay")
    except metadata.PackageNotFoundError:  # run from its sources, not installed
        return ""


def _state(found: Destination) -> State:
    match found.paused:
        case "manual":
            return "paused"
        case "credentials":
            return "credentials"
        case "other_account":
            return "other account"
        case "":
            pass
        case _:
            return "paused"
    if found.open_ms:
        return "breaker open"
    return "failing" if found.fails else "working"


async def pause_destination(call: Call) -> Held:
    name = _known(call)
    before = await call.services.store.destination(name)
    await call.services.store.pause(name, "manual", call.body(Reason).reason)
    await _note(call, "destination paused", name)
    return Held(name=name, paused=True, changed=not before.paused)


async def resume_destination(call: Call) -> Held:
    name = _known(call)
    changed = await call.services.store.resume(name)
    call.services.wake_workers([name])
    await _note(call, "destination resumed", name)
    return Held(name=name, paused=False, changed=changed)


async def get_doctor(call: Call) -> Items[CheckShown]:
    found = await call.services.doctor()
    return Items[CheckShown](
        items=[
            CheckShown(name=name, ok=c.ok, what=c.what, found=c.found, remedy=c.remedy)
            for name, checks in found.items()
            for c in checks
        ]
    )


async def get_config(call: Call) -> ConfigShown:
    config = call.services.config
    return ConfigShown(
        config=config.summary(),
        file=config.path.name,
        warnings=[str(w) for w in config.warnings],
    )


def _known(call: Call) -> str:
    name = call.path(ByName).name
    if name not in call.services.accounts.by_name:
        raise Problem("not-found", "There is no channel or desk of this name.")
    return name


async def _note(call: Call, what: str, name: str) -> None:
    await call.services.people.audit.note(
        call.who.name, what, on=name, address=call.address, detail=call.body(Reason).reason
    )


OPERATIONS = (
    Operation(
        id="get_status",
        method="GET",
        path="/status",
        summary="The state and backlog of every account",
        tag=TAG,
        handler=get_status,
        answer=Status,
    ),
    Operation(
        id="pause_destination",
        method="POST",
        path="/destinations/{name}/pause",
        summary="Hold what goes there: it waits, nothing is lost, no try is used",
        tag=TAG,
        handler=pause_destination,
        parameters=ByName,
        body=Reason,
        body_optional=True,
        answer=Held,
    ),
    Operation(
        id="resume_destination",
        method="POST",
        path="/destinations/{name}/resume",
        summary="Let it go on, whatever held it",
        tag=TAG,
        handler=resume_destination,
        parameters=ByName,
        body=Reason,
        body_optional=True,
        answer=Held,
    ),
    Operation(
        id="get_doctor",
        method="GET",
        path="/doctor",
        summary="Ask every outside system whether it would work",
        tag=TAG,
        handler=get_doctor,
        answer=Items[CheckShown],
    ),
    Operation(
        id="get_config",
        method="GET",
        path="/config",
        summary="The configuration in effect, secrets masked",
        tag=TAG,
        handler=get_config,
        answer=ConfigShown,
    ),
)
