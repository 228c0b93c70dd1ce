"""Which alarms there are, and which of them are new or over. Pure: facts in, alarms out.

An alarm is told once when it begins and once when it is over. What begins and ends within the same look is never told,
and an alarm must hold for `Limits.settle_s` before it is raised, so that a restart of a proxy wakes nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from relay.contract import Texts


class AlarmKind(StrEnum):
    """What can be wrong. The word is the alarm's name in logs, webhooks and metrics."""

    CREDENTIALS = "credentials"  # a key is refused or the account is unpaid
    FAILING = "failing"  # a destination does not take messages, or its breaker is open
    DEAD_LETTER = "dead_letter"  # a message was given up
    BACKLOG = "backlog"  # the oldest message has waited longer than the limit
    ORPHANED = "orphaned"  # messages wait for an account that is not in the configuration
    STORE = "store"
    HISTORY = "history"
    DISK = "disk"
    CERTIFICATE = "certificate"  # of public_url
    HOOK_SECRET = "hook_secret"  # noqa: S105 - hooks of a known channel come with a wrong secret


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs a person. `key` is stable while it lasts; `facts` go into the sentence of each language."""

    kind: AlarmKind
    subject: str = ""  # the account it is about; "" for the whole relay
    facts: dict[str, str | int] = {}
    since: int = 0  # when it was told first, in seconds since the epoch

    @property
    def key(self) -> str:
        return f"{self.kind.value}:{self.subject}"


def sentence(texts: Texts, alarm: Alarm) -> str:
    """What is wrong and what to do, in the deployment's language."""
    facts: dict[str, Any] = dict(alarm.facts)
    if alarm.subject:
        facts["account"] = alarm.subject
    return texts.notice(f"alarm_{alarm.kind.value}", **facts)


class DestinationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One destination as it stands. Times in seconds since it began; 0 where it does not apply."""

    name: str
    paused: str = ""  # "", "manual" or "credentials"
    open_s: float = 0.0  # how long the breaker has been open
    failing_s: float = 0.0  # how long nothing has got through although it was tried
    oldest_s: float = 0.0  # age of the oldest message that waits
    backlog: int = 0
    words: str = ""  # what the other side said last
    known: bool = True  # in the configuration


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at one look. None: not known at this look; such alarms keep the state they had."""

    destinations: tuple[DestinationFacts, ...] = ()
    dead_letters: int | None = None
    store_problem: str | None = ""
    history_problem: str | None = ""
    disk_free: int | None = None  # bytes, where data_dir lies
    certificate_s: float | None = None  # until the certificate of public_url ends; None: none, or not looked
    wrong_hook_secrets: Mapping[str, int] = {}  # channel -> hooks refused since the last look


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From when on something is an alarm."""

    oldest_s: float = 600.0
    failing_s: float = 120.0
    disk_bytes: int = 500_000_000
    certificate_s: float = 7 * 86_400.0


def current(facts: Facts, limits: Limits) -> dict[str, Alarm]:
    """Everything that is wrong by these facts, by key. A destination that a person has paused alarms nobody."""
    found: list[Alarm] = []
    for d in facts.destinations:
        found += _destination(d, limits)
    if facts.dead_letters:
        found.append(Alarm(kind=AlarmKind.DEAD_LETTER, facts={"count": facts.dead_letters}))
    if facts.store_problem:
        found.append(Alarm(kind=AlarmKind.STORE, facts={"words": facts.store_problem}))
    if facts.history_problem:
        found.append(Alarm(kind=AlarmKind.HISTORY, facts={"words": facts.history_problem}))
    if facts.disk_free is not None and facts.disk_free < limits.disk_bytes:
        found.append(Alarm(kind=AlarmKind.DISK, facts={"free_mb": facts.disk_free // 1_000_000}))
    if facts.certificate_s is not None and facts.certificate_s < limits.certificate_s:
        found.append(Alarm(kind=AlarmKind.CERTIFICATE, facts={"days": max(0, int(facts.certificate_s // 86_400))}))
    found += [
        Alarm(kind=AlarmKind.HOOK_SECRET, subject=channel, facts={"count": count})
        for channel, count in facts.wrong_hook_secrets.items()
        if count
    ]
    return {alarm.key: alarm for alarm in found}


def _destination(d: DestinationFacts, limits: Limits) -> list[Alarm]:
    if not d.known:
        return [Alarm(kind=AlarmKind.ORPHANED, subject=d.name, facts={"count": d.backlog})] if d.backlog else []
    if d.paused == "manual":
        return []
    if d.paused:
        return [Alarm(kind=AlarmKind.CREDENTIALS, subject=d.name, facts={"words": d.words, "count": d.backlog})]
    if d.open_s or d.failing_s >= limits.failing_s:
        minutes = int(max(d.open_s, d.failing_s) // 60)
        facts: dict[str, str | int] = {"words": d.words, "count": d.backlog, "minutes": minutes}
        return [Alarm(kind=AlarmKind.FAILING, subject=d.name, facts=facts)]
    if d.oldest_s >= limits.oldest_s:
        return [
            Alarm(
                kind=AlarmKind.BACKLOG,
                subject=d.name,
                facts={"count": d.backlog, "minutes": int(d.oldest_s // 60)},
            )
        ]
    return []


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told now."""

    raised: tuple[Alarm, ...] = ()
    over: tuple[Alarm, ...] = ()


def unknown_kinds(facts: Facts) -> frozenset[AlarmKind]:
    """Kinds that nothing was seen of at this look: their alarms neither begin nor end."""
    pairs = (
        (AlarmKind.DEAD_LETTER, facts.dead_letters),
        (AlarmKind.STORE, facts.store_problem),
        (AlarmKind.HISTORY, facts.history_problem),
        (AlarmKind.DISK, facts.disk_free),
        (AlarmKind.CERTIFICATE, facts.certificate_s),
    )
    unknown = {kind for kind, value in pairs if value is None}
    if facts.store_problem:  # a store that is away says nothing about destinations either
        unknown |= {AlarmKind.CREDENTIALS, AlarmKind.FAILING, AlarmKind.BACKLOG, AlarmKind.ORPHANED}
        unknown |= {AlarmKind.DEAD_LETTER}
    return frozenset(unknown)


def changes(told: Mapping[str, Alarm], now: Mapping[str, Alarm], unknown: frozenset[AlarmKind]) -> Changes:
    """What to tell, given what people were told last. A growing number of dead letters is news; fewer is not."""
    raised = [
        alarm
        for key, alarm in now.items()
        if alarm.kind not in unknown and (key not in told or _worse(told[key], alarm))
    ]
    over = [alarm for key, alarm in told.items() if key not in now and alarm.kind not in unknown]
    return Changes(raised=tuple(raised), over=tuple(over))


def _worse(before: Alarm, now: Alarm) -> bool:
    """Whether an alarm that was told has to be told again: each further dead letter is somebody's message."""
    if now.kind is not AlarmKind.DEAD_LETTER:
        return False
    return int(now.facts["count"]) >= 2 * int(before.facts["count"])


def decoded(raw: bytes) -> Alarm | None:
    """An alarm as it was kept; None for one that this version does not know."""
    try:
        return msgspec.json.decode(raw, type=Alarm)
    except msgspec.DecodeError:
        return None


def order(alarms: Sequence[Alarm]) -> list[Alarm]:
    """The gravest first: what stops everything, then single accounts, then what can wait until tomorrow."""
    gravity = (
        AlarmKind.STORE,
        AlarmKind.DISK,
        AlarmKind.CREDENTIALS,
        AlarmKind.FAILING,
        AlarmKind.ORPHANED,
        AlarmKind.DEAD_LETTER,
        AlarmKind.BACKLOG,
        AlarmKind.HISTORY,
        AlarmKind.CERTIFICATE,
        AlarmKind.HOOK_SECRET,
    )
    return sorted(alarms, key=lambda a: (gravity.index(a.kind), a.subject))
