"""The schedule: grows as configured, jitters within bounds, and believes Retry-After within reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.settings import Delivery, Growing
from relay.contract.model import RawResponse
from relay.contract.responses import retry_after_s
from relay.outbound.backoff import JITTER, RETRY_AFTER_MAX_S, delay_s

BASES = st.floats(0.001, 7 * 86400)
UNIT = st.floats(0, 1, exclude_max=True)


@given(base=BASES, random=UNIT)
def test_jitter_is_ten_percent_either_way(base: float, random: float) -> None:
    delay = delay_s(base, lambda: random)
    assert base * (1 - JITTER) * 0.999 <= delay <= base * (1 + JITTER) * 1.001


def test_the_ends_of_the_jitter() -> None:
    assert delay_s(100, lambda: 0.0) == pytest.approx(90)
    assert delay_s(100, lambda: 0.5) == pytest.approx(100)
    assert delay_s(100, lambda: 1.0) == pytest.approx(110)


@given(base=BASES, random=UNIT, said=st.floats(allow_nan=False))
def test_retry_after_lengthens_and_never_without_end(base: float, random: float, said: float) -> None:
    """PITFALLS experiment 17: 0, -1 and 10^9 are answers, too."""
    plain, delay = delay_s(base, lambda: random), delay_s(base, lambda: random, said)
    assert plain <= delay <= max(plain, RETRY_AFTER_MAX_S, 2 * base)
    if plain <= said <= RETRY_AFTER_MAX_S:
        assert delay == said


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(1, 5), (2, 15), (3, 60), (4, 300), (5, 900), (6, 3600), (7, 10_800), (8, 21_600), (99, 21_600)],
)
def test_the_default_schedule_and_its_last_step_repeats(number: int, seconds: float) -> None:
    assert Delivery().pause_s(number) == seconds


@given(first=st.integers(1, 100), factor=st.floats(1, 10), longest=st.integers(1, 10_000), number=st.integers(1, 2000))
def test_a_growing_schedule_grows_to_its_longest(first: int, factor: float, longest: int, number: int) -> None:
    growing = Growing.model_validate({"first": f"{first}s", "factor": factor, "max": f"{longest}s"})
    here, after = growing.pause_s(number), growing.pause_s(number + 1)
    assert 0 < here <= after <= longest
    assert growing.pause_s(1) == min(first, longest)


@given(st.text(max_size=30))
def test_garbage_in_a_retry_after_header_is_no_answer(value: str) -> None:
    found = retry_after_s(RawResponse(status=429, headers=(("retry-after", value),)))
    assert found is None or found >= 0
