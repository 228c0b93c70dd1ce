"""Settings for people and logs: secrets and passwords inside addresses are `***`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr

MASK = "***"


def masked(value: Any, dumped: Any = None) -> Any:
    """A value, made plain for JSON. `dumped` is how pydantic writes it (durations as `5m`), where that is known."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        plain = value.model_dump(mode="json") if dumped is None else dumped
        return {
            info.alias or name: masked(getattr(value, name), plain.get(name))
            for name, info in type(value).model_fields.items()
        }
    if isinstance(value, Mapping):
        plain = dumped if isinstance(dumped, Mapping) else {}
        return {str(k): masked(v, plain.get(k)) for k, v in value.items()}
    if isinstance(value, tuple | list):
        plain = dumped if isinstance(dumped, list) and len(dumped) == len(value) else [None] * len(value)
        return [masked(v, d) for v, d in zip(value, plain, strict=True)]
    plain = value if dumped is None else dumped
    if isinstance(plain, str):
        return mask_url(plain)
    return plain if plain is None or isinstance(plain, bool | int | float) else mask_url(str(plain))


def mask_url(text: str) -> str:
    """`https://user:pass@host/` -> `https://***@host/`; anything else as it is."""
    if "://" not in text or "@" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    if "@" not in parts.netloc:
        return text
    return urlunsplit(parts._replace(netloc=f"{MASK}@" + parts.netloc.rpartition("@")[2]))
