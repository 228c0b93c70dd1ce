"""What is an alarm, what is told, and what is told only once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.observe import alarms
from relay.observe.alarms import Alarm, AlarmKind, DestinationFacts, Facts, Limits

LIMITS = Limits()


def kinds(facts: Facts) -> list[tuple[AlarmKind, str]]:
    return [(a.kind, a.subject) for a in alarms.current(facts, LIMITS).values()]


def at(**facts: object) -> Facts:
    return Facts(destinations=(DestinationFacts(name="shop", **facts),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (at(), []),
        (at(backlog=500, oldest_s=599), []),
        (at(backlog=1, oldest_s=600), [AlarmKind.BACKLOG]),
        (at(paused="manual", backlog=9, oldest_s=9999), []),
        (at(paused="credentials", words="no active channels"), [AlarmKind.CREDENTIALS]),
        (at(open_s=1), [AlarmKind.FAILING]),
        (at(failing_s=119), []),
        (at(failing_s=120, oldest_s=9999), [AlarmKind.FAILING]),  # one alarm a destination: its cause
        (at(known=False), []),
        (at(known=False, backlog=2), [AlarmKind.ORPHANED]),
        (Facts(dead_letters=0), []),
        (Facts(dead_letters=1), [AlarmKind.DEAD_LETTER]),
        (Facts(store_problem="It does not answer."), [AlarmKind.STORE]),
        (Facts(history_problem="The database is away."), [AlarmKind.HISTORY]),
        (Facts(disk_free=499_999_999), [AlarmKind.DISK]),
        (Facts(disk_free=500_000_000), []),
        (Facts(certificate_s=8 * 86_400), []),
        (Facts(certificate_s=6.9 * 86_400), [AlarmKind.CERTIFICATE]),
        (Facts(certificate_s=-5), [AlarmKind.CERTIFICATE]),
        (Facts(wrong_hook_secrets={"shop": 3, "messenger": 0}), [AlarmKind.HOOK_SECRET]),
    ],
)
def test_what_is_an_alarm(facts: Facts, expected: list[AlarmKind]):
    assert [kind for kind, _ in kinds(facts)] == expected


def told(*found: Alarm) -> dict[str, Alarm]:
    return {a.key: a for a in found}


FAILING = Alarm(kind=AlarmKind.FAILING, subject="shop", facts={"words": "HTTP 503", "count": 3, "minutes": 2})
NOTHING: frozenset[AlarmKind] = frozenset()


def test_an_alarm_is_told_when_it_begins_and_when_it_is_over():
    assert alarms.changes({}, told(FAILING), NOTHING).raised == (FAILING,)
    later = Alarm(kind=AlarmKind.FAILING, subject="shop", facts={"words": "HTTP 500", "count": 90, "minutes": 40})
    assert alarms.changes(told(FAILING), told(later), NOTHING) == alarms.Changes()  # the same trouble, grown
    assert alarms.changes(told(FAILING), {}, NOTHING).over == (FAILING,)


def test_what_was_not_seen_neither_begins_nor_ends():
    away = Facts(store_problem="It does not answer.")
    unknown = alarms.unknown_kinds(away)
    found = alarms.changes(told(FAILING), alarms.current(away, LIMITS), unknown)
    assert [a.kind for a in found.raised] == [AlarmKind.STORE]
    assert found.over == ()  # nobody is told that the shop works because nobody could look


def test_dead_letters_are_told_again_when_they_have_doubled():
    def dead(count: int) -> dict[str, Alarm]:
        return told(Alarm(kind=AlarmKind.DEAD_LETTER, facts={"count": count}))

    assert not alarms.changes(dead(4), dead(7), NOTHING).raised
    assert alarms.changes(dead(4), dead(8), NOTHING).raised
    assert not alarms.changes(dead(8), dead(1), NOTHING).raised
    assert alarms.changes(dead(8), {}, NOTHING).over


some = st.builds(
    Alarm,
    kind=st.sampled_from(AlarmKind),
    subject=st.sampled_from(["", "shop", "panel"]),
    facts=st.fixed_dictionaries({"count": st.integers(1, 1000)}),
)


@given(st.lists(some), st.lists(some), st.frozensets(st.sampled_from(AlarmKind)))
def test_told_alarms_come_to_be_what_is_wrong(before: list[Alarm], now: list[Alarm], unknown: frozenset[AlarmKind]):
    """After telling the changes, what people know is what is wrong, but for kinds of which nothing was seen."""
    known, wrong = told(*before), told(*now)
    found = alarms.changes(known, wrong, unknown)
    for alarm in found.raised:
        known[alarm.key] = alarm
    for alarm in found.over:
        del known[alarm.key]
    assert {k for k, a in known.items() if a.kind not in unknown} == {
        k for k, a in wrong.items() if a.kind not in unknown
    }
    assert all(a.kind not in unknown for a in (*found.raised, *found.over))


def test_the_order_has_a_place_for_every_kind():
    everything = [Alarm(kind=kind) for kind in AlarmKind]
    assert alarms.order(everything)[0].kind is AlarmKind.STORE
    assert {a.kind for a in alarms.order(everything)} == set(AlarmKind)
