"""From what an attempt came to, to what happens next. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relay.contract.model import Outcome, Verdict
from relay.outbound.backoff import delay_s

# A last try is made this long before the reply window closes, so that its answer is still in time.
BEFORE_DEADLINE_S = 2.0


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` is what finish.lua or fail.lua takes; `reason` is set for dead letters."""

    verdict: str
    delay_s: float = 0.0
    reason: str = ""


def next_step(
    outcome: Outcome,
    *,
    more_parts: bool,
    failed_before: int,
    retries: int,
    pause_s: Callable[[int], float],
    probing: bool,
    left_s: float | None,
    random: Callable[[], float],
) -> NextStep:
    """Decide.

    `failed_before` counts the failed tries of this part so far, `retries` the further tries allowed, `pause_s(k)` the
    schedule's k-th pause, `left_s` the seconds until the reply window closes (None: it never does). `probing`: the
    breaker is open and this was its one probe, which uses up no try.
    """
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return NextStep(verdict="part" if more_parts else "ok")
        case Verdict.REJECTED:
            return NextStep(verdict="dead", reason=outcome.reason or "rejected")
        case Verdict.CREDENTIALS:
            return NextStep(verdict="credentials", reason=outcome.reason)
        case Verdict.RETRY:
            pass
    failed = failed_before + 1
    delay = delay_s(pause_s(failed), random, outcome.retry_after_s)
    if probing:
        return NextStep(verdict="retry", delay_s=delay)
    if failed > retries:
        return NextStep(verdict="dead", reason=outcome.reason or "gave_up")
    if left_s is not None and delay > left_s - BEFORE_DEADLINE_S:
        delay = left_s - BEFORE_DEADLINE_S
        if delay < 1.0:
            return NextStep(verdict="dead", reason="deadline")
    return NextStep(verdict="retry", delay_s=delay)
