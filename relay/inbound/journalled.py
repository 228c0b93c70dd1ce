"""What is kept of a hook: the body as it came, but never what proves its sender."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import orjson

from relay.contract import RawRequest
from relay.contract.errors import MalformedPayload
from relay.fitting.texts import clean

SECRET_FIELDS: Final = frozenset({"token", "key"})


def journalled(raw: RawRequest) -> bytes:
    """The body without our key or token, cut out of what was parsed: a pattern of bytes would miss it in another
    encoding, or spelt with escapes. Of files only names and sizes are kept."""
    if raw.form or raw.uploads:
        fields: dict[str, Any] = {k: v for k, v in raw.form if _is_plainly_public(k) or not is_secret(k)}
        if raw.uploads:
            fields["_files"] = [{"field": u.field, "filename": u.filename, "size": u.size} for u in raw.uploads]
        return dumped(fields)
    try:
        value = raw.json()
    except MalformedPayload:
        return raw.body
    if type(value) is dict and not all(map(_is_plainly_public, value)):
        return dumped({k: v for k, v in value.items() if not is_secret(k)})
    return raw.body


def is_secret(name: str) -> bool:
    """Whether a field of that name proves who sent it, however the bridge will read the name."""
    return clean(name).strip().lower() in SECRET_FIELDS


@lru_cache(maxsize=1024)
def _is_plainly_public(name: str) -> bool:
    return name.isascii() and name.isprintable() and name.strip().lower() not in SECRET_FIELDS


def dumped(value: Any) -> bytes:
    """JSON of whatever JSON gave, also of half surrogates, long integers and what is not a number."""
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(value).encode("utf-8", "replace")
