"""What goes wrong, as application/problem+json (RFC 9457): a type with a page of its own, and a sentence.

Everything under /api/ that is no answer is a problem, also what aiohttp itself would have said in plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MIME: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of problem. `title` is what all of its kind have in common, `help` what its page says."""

    status: int
    title: str
    help: str


KINDS: Final[Mapping[str, Kind]] = {
    "malformed": Kind(
        status=400,
        title="The request cannot be read",
        help="The body is not JSON, or a header or cursor is not what it should be. The sentence says which.",
    ),
    "idempotency-key-missing": Kind(
        status=400,
        title="An Idempotency-Key is needed",
        help="What sends a message needs the header Idempotency-Key: 1 to 200 characters that you make up once for "
        "each message and send again with every repeat of it, so that a repeat never sends twice.",
    ),
    "not-logged-in": Kind(
        status=401,
        title="Nobody is logged in",
        help="Log in, or send `Authorization: Bearer` with a token made by `relay token add`.",
    ),
    "not-allowed": Kind(status=403, title="Not allowed", help="Your role, or the scope of your token, is not enough."),
    "sudo-needed": Kind(
        status=403,
        title="Your password is needed once more",
        help="This changes something important, and it is a while since you gave your password. "
        "POST it to /api/v1/me/sudo and try again.",
    ),
    "forged": Kind(
        status=403,
        title="The request came from another site",
        help="A browser's request that changes something must come from our own pages, with the header X-Relay-CSRF "
        "that GET /api/v1/me names. Scripts use a token instead of a cookie.",
    ),
    "not-found": Kind(status=404, title="There is no such thing", help="It may be mistyped, or gone."),
    "method-not-allowed": Kind(status=405, title="Not with this method", help="The header Allow lists those it takes."),
    "in-use": Kind(
        status=409,
        title="The same request is under way",
        help="The first request with this Idempotency-Key has not been answered yet. Ask again in a moment.",
    ),
    "conflict": Kind(status=409, title="That cannot be, as things stand", help="The sentence says what is in the way."),
    "changed": Kind(
        status=412,
        title="Somebody was quicker",
        help="It is no longer as you saw it (If-Match). Read it again, and decide again.",
    ),
    "answered": Kind(
        status=412,
        title="Somebody else has answered",
        help="There is an answer that you had not seen (`after`). `newer` lists what came since; `force: true` sends "
        "all the same.",
    ),
    "too-large": Kind(status=413, title="Too large", help="The sentence says what the limit is."),
    "unsupported-type": Kind(
        status=415, title="Not in this format", help="Send application/json, without a Content-Encoding."
    ),
    "invalid": Kind(
        status=422,
        title="Not as it should be",
        help="`errors` says for each field, by JSON Pointer, what is wrong. Fields we do not know are errors.",
    ),
    "refused": Kind(
        status=422,
        title="The channel cannot take this",
        help="What was written cannot be sent as it is; the sentence says why. Nothing has been sent.",
    ),
    "key-reused": Kind(
        status=422,
        title="The Idempotency-Key was used for something else",
        help="A key stands for one request. Make up a new one for a new request.",
    ),
    "too-many": Kind(status=429, title="Too many requests", help="Wait as long as Retry-After says."),
    "bug": Kind(status=500, title="Something is wrong here", help="It has been noted. `instance` finds it in our log."),
    "unavailable": Kind(
        status=503, title="Not available at the moment", help="The store or the history is away. Retry-After says when."
    ),
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON Pointer into the body, or `?name` for a query parameter.")
    detail: str


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/<name>`: a page that explains this type.")
    title: str
    status: int
    detail: str = Field(description="A sentence about this very case.")
    instance: str = Field(description="The id of the request, as in our log.")
    errors: list[FieldError] = Field(default=[], description="Which fields are wrong.")


class Problem(Exception):
    """Raised by handlers; becomes the answer."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`more`: members besides RFC 9457's own."""
        self.kind = kind
        self.status = KINDS[kind].status
        self.detail = detail or f"{KINDS[kind].title}."
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = more
        super().__init__(self.detail)

    def document(self, instance: str) -> dict[str, Any]:
        """As JSON-ready data."""
        said: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            said["errors"] = [e.model_dump() for e in self.errors]
        return said | self.more

    def response(self, instance: str) -> web.Response:
        """The HTTP answer."""
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.document(instance)),
            content_type=MIME,
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **self.headers},
        )


def invalid(error: ValidationError, *, query: bool = False) -> Problem:
    """What pydantic found, as a problem. Nothing that was sent is repeated."""
    errors = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        steps = [str(step).replace("~", "~0").replace("/", "~1") for step in detail["loc"]]
        pointer = f"?{steps[0]}" if query and steps else "".join(f"/{s}" for s in steps)
        errors.append(FieldError(pointer=pointer, detail=detail["msg"]))
    where = ", ".join(dict.fromkeys(e.pointer or "the body" for e in errors[:5]))
    return Problem("invalid", f"Not as it should be: {where}.", errors=errors)


def one_invalid(pointer: str, detail: str) -> Problem:
    """One wrong field, found by our own rules."""
    return Problem("invalid", detail, errors=[FieldError(pointer=pointer, detail=detail)])


def _page(slug: str, kind: Kind) -> str:
    return f"{kind.title} ({kind.status})\n\n{kind.help}\n"


async def problem_page(request: web.Request) -> web.Response:
    """`GET /problems/<name>`: what a type of problem means."""
    slug = request.match_info["kind"]
    if slug not in KINDS:
        raise web.HTTPNotFound(text="There is no such problem.\n")
    return web.Response(text=_page(slug, KINDS[slug]), content_type="text/plain", charset="utf-8")
