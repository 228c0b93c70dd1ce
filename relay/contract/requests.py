"""A hook as it came, before and after its sender has proved itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from relay.contract.errors import MalformedPayload
from relay.contract.model import Upload


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One hook as it came. Form bodies are already taken apart; header names are lower case. Nothing is trusted yet."""

    method: str
    tail: str  # what followed /hooks/<name>/: "", "message", or "<secret>" when a path secret was checked
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes  # as it came, byte for byte: what a signature is about; empty for multipart
    content_type: str  # lower case, without parameters
    form: tuple[tuple[str, str], ...] = ()  # urlencoded and multipart fields, in order
    uploads: tuple[Upload, ...] = ()
    received_at: float = 0.0  # seconds since 1970 by our clock: bridges have none. 0: not known, so nothing is recent
    parsed: Any = msgspec.UNSET  # the body as JSON, or the MalformedPayload it is; what `json` says, known already

    def field(self, name: str) -> str | None:
        """The first form field of that name, or None."""
        return next((v for k, v in self.form if k == name), None)

    def json(self) -> Any:
        """The body as JSON, parsed once. Raises MalformedPayload with a sentence, also for nesting bombs and wrong
        encodings."""
        value = self.parsed
        if value is msgspec.UNSET:
            value = json_of(self.body)
            msgspec.structs.force_setattr(self, "parsed", value)
        if isinstance(value, MalformedPayload):
            raise value
        return value


def json_of(body: bytes) -> Any:
    """A body as JSON, or the MalformedPayload that says why it is none."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass  # the standard library is slower, laxer, and says what is wrong in words
    try:
        return _sound(json.loads(body))
    except RecursionError:
        return MalformedPayload("The JSON is nested too deeply.")
    except UnicodeDecodeError:
        return MalformedPayload("The body is not UTF-8.")
    except ValueError as e:
        return MalformedPayload(f"The body is not JSON: {e}.")


def _sound(value: Any) -> Any:
    """The same JSON value with halves of surrogate pairs, which no UTF-8 can carry, replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_sound(k): _sound(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_sound(v) for v in value]
    return value


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A RawRequest whose sender has proved itself. Only `verify` makes one, so unverified bytes cannot be parsed."""

    request: RawRequest
