"""Sizes as people write them in config.yaml: `500 B`, `64KB`, `25MB`, `1GB`, counted in thousands; `MiB` in 1024s."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
}  # bytes
_WRITTEN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMG]?I?B)", re.IGNORECASE)
EXPECTED = "expected e.g. 500KB, 25MB or 1GiB"


def parse_size(value: Any) -> int:
    """`"25MB"` -> 25000000 (bytes). A bare number has no unit and is refused. Raises ValueError."""
    written = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is None or written[2].upper() not in UNITS:
        what = "has no unit" if isinstance(value, int | float) and not isinstance(value, bool) else "is not a size"
        raise ValueError(f"{value!r} {what}; {EXPECTED}")
    return int(float(written[1]) * UNITS[written[2].upper()])


def format_size(size: int) -> str:
    """25000000 -> `25MB`: the largest unit that divides it."""
    for unit in ("GB", "MB", "KB"):
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size}B"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,3})? ?([KMGkmg][Ii]?)?[Bb]$"}),
]
"""Bytes, written with a unit."""
