"""A Content-Type header taken apart."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MULTIPART: Final = "multipart/form-data"
URLENCODED: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
UNNAMED: Final = "application/octet-stream"
_PARAMETER: Final = re.compile(r';\s*([\w.-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')


class ContentType(NamedTuple):
    """`kind` in lower case, without parameters; `charset` and `boundary` as written, None where there is none."""

    kind: str
    charset: str | None
    boundary: str | None


@lru_cache(maxsize=256)
def content_type_of(header: str) -> ContentType:
    """Of nothing: UNNAMED."""
    kind, _, _ = header.partition(";")
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header[:1000]):
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        found.setdefault(name.lower(), plain)
    return ContentType(kind.strip().lower() or UNNAMED, found.get("charset"), found.get("boundary"))
