"""How the sandbox answers: the envelope, errors as codes or words, and reading what callers send.

FACTS 1.2 (envelope, codes and their statuses) and 1.4 (JSON posts come without a Content-Type).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bridges.sandbox_kit import json_response
from bridges.team.envelope import CODES

COOKIE = "team_session"


class No(Exception):
    """The server refuses. `code` is one of FACTS 1.2, `words` the free text that some methods give instead."""

    def __init__(self, code: str, words: str, *, details: dict[str, str] | None = None) -> None:
        self.code = code
        self.words = words
        self.details = details or {}
        super().__init__(words)


def refusal(no: No, *, as_text: bool, always_200: bool, headers: dict[str, str] | None = None) -> web.Response:
    """`{"ok": false, "error": …}`, as the switches want it."""
    body: dict[str, Any] = {"ok": False, "error": no.words if as_text else no.code}
    if not as_text and no.code == "INVALID_DATA":
        body["details"] = no.details or {"": no.words}
    if not as_text and no.code == "ACCESS_DENIED":
        body["reason"] = no.words
    known = CODES.get(no.code)
    return json_response(body, 200 if always_200 or known is None else known.status, headers)


def took(seconds: float) -> str:
    """`0.0022` -> `2.2 ms`, `3.9` -> `3.9 s`: the envelope's `_time`."""
    return f"{seconds:.2g} s" if seconds >= 1 else f"{seconds * 1000:.2g} ms"


async def read_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form or a JSON object, whatever the Content-Type says. Raises No."""
    if request.content_type == "multipart/form-data":
        try:
            posted = await request.post()
        except ValueError:
            raise No("INVALID_DATA", "The multipart body cannot be read.") from None
        return {name: value for name, value in posted.items() if isinstance(value, str)}
    body = await request.read()
    if body.lstrip()[:1] == b"{":
        return {
            name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for name, value in (await read_object(request)).items()
        }
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    except ValueError:
        raise No("INVALID_DATA", "The form cannot be read.") from None


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body; no body is an empty one. Raises No."""
    body = await request.read()
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise No("INVALID_DATA", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise No("INVALID_DATA", "The JSON must be an object.")
    return value


def text_of(body: dict[str, Any], name: str, *, required: bool = False, limit: int = 1000) -> str:
    """A text field. Raises No when it is missing though required, no text, or too long."""
    value = body.get(name, "")
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > limit:
        raise No("INVALID_DATA", f"{name}: must be text of at most {limit} characters", details={name: "bad value"})
    if required and not value.strip():
        raise No("INVALID_DATA", f"{name}: is required", details={name: "required"})
    return value.encode("utf-8", "replace").decode("utf-8")


def flag_of(body: dict[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise No("INVALID_DATA", f"{name}: must be true or false", details={name: "bad value"})
    return value
