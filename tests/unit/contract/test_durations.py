import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from relay.contract.durations import UNITS, Duration, format_duration, parse_duration


class Settings(BaseModel):
    wait: Duration = 2.5


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("5m", 300),
        ("6h", 21600),
        ("30d", 2592000),
        (0, 0),
        ("0", 0),
        ("1.5h", 5400),
        ("5 m", 300),
    ],
)
def test_what_people_write(written: object, seconds: float):
    assert parse_duration(written) == seconds
    assert Settings.model_validate({"wait": written}).wait == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "10", 10, 1.5, "-5s", "5s5s", "five", "1e3s", None, True, [], "5 parsecs", "٥s"]
)
def test_what_is_refused_and_how(written: object):
    with pytest.raises(ValidationError, match=r"expected e\.g\. 500ms, 10s, 5m, 6h or 30d"):
        Settings.model_validate({"wait": written})


def test_the_default_is_in_seconds():
    assert Settings().wait == 2.5


@given(st.integers(1, 10_000), st.sampled_from(sorted(UNITS)))
def test_written_back_it_means_the_same(number: int, unit: str):
    seconds = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str):
    try:
        assert parse_duration(text) >= 0
    except ValueError as e:
        assert "expected" in str(e)
