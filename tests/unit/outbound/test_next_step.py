"""From an outcome to what is written: the table of verdicts, and its corners."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.contract.model import Outcome, Verdict
from relay.outbound.next_step import BEFORE_DEADLINE_S, NextStep, next_step

RETRY = Outcome(verdict=Verdict.RETRY, reason="server_error")


def decide(outcome: Outcome = RETRY, **changes: Any) -> NextStep:
    known: dict[str, Any] = {
        "more_parts": False,
        "failed_before": 0,
        "retries": 8,
        "pause_s": lambda k: 10.0 * k,
        "probing": False,
        "left_s": None,
        "random": lambda: 0.5,
    }
    return next_step(outcome, **(known | changes))


@pytest.mark.parametrize(
    ("outcome", "changes", "expected"),
    [
        (Outcome(verdict=Verdict.ACCEPTED), {}, NextStep(verdict="ok")),
        (Outcome(verdict=Verdict.ACCEPTED), {"more_parts": True}, NextStep(verdict="part")),
        (Outcome(verdict=Verdict.REJECTED, reason="gone"), {}, NextStep(verdict="dead", reason="gone")),
        (Outcome(verdict=Verdict.REJECTED), {"more_parts": True}, NextStep(verdict="dead", reason="rejected")),
        (Outcome(verdict=Verdict.CREDENTIALS, reason="unpaid"), {}, NextStep(verdict="credentials", reason="unpaid")),
        (Outcome(verdict=Verdict.CREDENTIALS), {"failed_before": 99}, NextStep(verdict="credentials")),
        (RETRY, {}, NextStep(verdict="retry", delay_s=10)),
        (RETRY, {"failed_before": 7}, NextStep(verdict="retry", delay_s=80)),
        (RETRY, {"failed_before": 8}, NextStep(verdict="dead", reason="server_error")),
        (Outcome(verdict=Verdict.RETRY), {"failed_before": 8}, NextStep(verdict="dead", reason="gave_up")),
        (RETRY, {"retries": 0}, NextStep(verdict="dead", reason="server_error")),
        (RETRY, {"failed_before": 50, "probing": True}, NextStep(verdict="retry", delay_s=510)),
        (Outcome(verdict=Verdict.RETRY, retry_after_s=70), {}, NextStep(verdict="retry", delay_s=70)),
        (RETRY, {"left_s": 100.0}, NextStep(verdict="retry", delay_s=10)),
        (RETRY, {"left_s": 9.0}, NextStep(verdict="retry", delay_s=9 - BEFORE_DEADLINE_S)),
        (RETRY, {"left_s": 2.5}, NextStep(verdict="dead", reason="deadline")),
        (RETRY, {"left_s": -1.0}, NextStep(verdict="dead", reason="deadline")),
    ],
)
def test_table(outcome: Outcome, changes: dict[str, Any], expected: NextStep) -> None:
    assert decide(outcome, **changes) == expected


@given(
    retries=st.integers(0, 20),
    random=st.floats(0, 1, exclude_max=True),
    verdicts=st.lists(st.sampled_from([Verdict.RETRY, Verdict.CREDENTIALS]), max_size=60),
)
def test_a_message_that_always_fails_gets_exactly_its_tries(
    retries: int, random: float, verdicts: list[Verdict]
) -> None:
    """However often the key is refused in between."""
    failed = 0
    for verdict in [*verdicts, *[Verdict.RETRY] * 30]:
        found = decide(Outcome(verdict=verdict), failed_before=failed, retries=retries, random=lambda: random)
        if found.verdict == "dead":
            break
        failed += found.verdict == "retry"
    assert failed == retries


@given(
    left=st.floats(0, 1e6),
    failed=st.integers(0, 7),
    said=st.one_of(st.none(), st.floats(0, 1e9)),
    random=st.floats(0, 1, exclude_max=True),
)
def test_no_try_is_planned_for_after_the_window(left: float, failed: int, said: float | None, random: float) -> None:
    outcome = Outcome(verdict=Verdict.RETRY, retry_after_s=said)
    found = decide(outcome, failed_before=failed, left_s=left, random=lambda: random)
    assert found == NextStep(verdict="dead", reason="deadline") or 1.0 <= found.delay_s <= left - BEFORE_DEADLINE_S
