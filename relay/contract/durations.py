"""Durations as people write them in config.yaml: `500ms`, `10s`, `5m`, `6h`, `30d`, and plain `0`.

In settings a field of type `Duration` holds seconds as a float; give its default in seconds (`dedupe: Duration = 5.0`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
EXPECTED = "expected e.g. 500ms, 10s, 5m, 6h or 30d"


def parse_duration(value: Any) -> float:
    """`"5m"` -> 300.0 (seconds). A bare number other than 0 has no unit and is refused. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration; {EXPECTED}")
    if isinstance(value, int | float):
        if value == 0:
            return 0.0
        raise ValueError(f"{value!r} has no unit; {EXPECTED}")
    text = str(value).strip().replace(" ", "")
    if text == "0":
        return 0.0
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(f"{value!r} is not a duration; {EXPECTED}")
    return float(written[1]) * UNITS[written[2]]


def format_duration(seconds: float) -> str:
    """300.0 -> `5m`: the largest unit that divides it, for messages and the map of `relay check`."""
    if seconds == 0:
        return "0"
    ms = round(seconds * 1000)
    for unit in ("d", "h", "m", "s"):
        size = round(UNITS[unit] * 1000)
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "description": "A duration: 500ms, 10s, 5m, 6h, 30d, or 0.",
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})? ?(ms|s|m|h|d)$|^0$"},
                {"const": 0},
            ],
        }
    ),
]
"""Seconds, written with a unit."""
