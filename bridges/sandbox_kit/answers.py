"""JSON in and out."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from bridges.sandbox_kit.models import ActionError


def now_rfc3339() -> str:
    """The time in UTC, to the millisecond: `2026-01-31T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON that survives lone surrogates: what cannot be encoded becomes `?`."""
    body = dumps(value).encode("utf-8", "replace")
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8", headers=headers)


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object. Raises ActionError, HTTPUnsupportedMediaType for anything but application/json."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send Content-Type: application/json.")
    value: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(await request.read())
    if not isinstance(value, dict):
        raise ActionError("The body must be a JSON object.")
    return value


def sentence(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
