"""What an operation is, and what its handler is given.

`Operation` is data: router, rights, limits and the OpenAPI document are all made from it. A handler is a function of a
`Call`; it returns a model, or a `Reply` where status or headers matter, and raises `Problem`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, field_validator

from relay.people.who import Who
from relay.web.api.cursors import Cursors

if TYPE_CHECKING:
    from relay.web.api.services import Services

PREFIX: Final = "/api/v1"
BIGGEST_NUMBER: Final = 2**53 - 1
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Given(BaseModel):
    """Base of everything a caller sends: fields we do not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)

    @field_validator("*", mode="before")
    @classmethod
    def _no_zeros(cls, value: Any) -> Any:
        if _holds_zero(value):
            raise ValueError("must not contain the character U+0000")
        return value


class Shown(BaseModel):
    """Base of everything we answer. Fields may be added; callers ignore those they do not know."""

    model_config = ConfigDict(frozen=True)


def _holds_zero(value: Any) -> bool:
    """PostgreSQL keeps no U+0000 in a text, and nobody means it."""
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_holds_zero, value))
        case dict():
            return any(_holds_zero(k) or _holds_zero(v) for k, v in value.items())
        case _:
            return False


class Nothing(Given):
    """No query parameters, or no path parameters."""


class ByNumber(Given):
    """A conversation, or its contact."""

    n: int = Field(ge=1, le=BIGGEST_NUMBER, description="The conversation's number, as in #42.")


class ById(Given):
    """A thing with an id."""

    id: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")


class ByName(Given):
    """A thing with a name."""

    name: str = Field(min_length=1, max_length=64)


class Page(Given):
    """Query of a list."""

    limit: int = Field(default=50, ge=1, le=200, description="How many at most.")
    cursor: str | None = Field(default=None, max_length=2000, description="`next` of the page before.")


class Items(Shown, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="Cursor of the next page; null where there is none.")


Handler = Callable[["Call"], Awaitable["BaseModel | Reply | None"]]
RawHandler = Callable[["Call"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `id` is its entry in `relay.people.rights`."""

    id: str
    method: str
    path: str  # below /api/v1
    summary: str
    tag: str
    handler: Handler | None = None
    raw: RawHandler | None = None  # answers by itself: streams
    parameters: type[Given] = Nothing  # of the path
    query: type[Given] = Nothing
    body: type[Given] | None = None
    body_optional: bool = False
    body_type: str = "application/json"  # what the document says it takes; others are read by the handler itself
    answer: type[BaseModel] | None = None  # None: 204
    answer_type: str = "application/json"
    status: int = 200
    also: tuple[int, ...] = ()  # other good statuses, with the same body
    problems: tuple[str, ...] = ()  # besides those that every operation has
    sends: bool = False  # needs an Idempotency-Key
    conditional: bool = False  # takes If-Match
    refreshes: bool = True  # counts as activity of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A body with more to it. `version` becomes the ETag."""

    body: BaseModel | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, as its handler sees it."""

    operation: Operation
    services: Services
    who: Who
    request: web.Request
    request_id: str
    given_path: Given
    given_query: Given
    given_body: Given | None
    idempotency_key: str = ""
    if_match: int | None = None
    new_session_id: str = ""  # set where the session got a new id on the way

    @property
    def n(self) -> int:
        """The number in the path."""
        number: int = self.given_path.n  # type: ignore[attr-defined]  # of the operations that have one
        return number

    def path(self, model: type[M]) -> M:
        assert isinstance(self.given_path, model)
        return self.given_path

    def query(self, model: type[M]) -> M:
        assert isinstance(self.given_query, model)
        return self.given_query

    def body(self, model: type[M]) -> M:
        assert isinstance(self.given_body, model)
        return self.given_body

    @property
    def address(self) -> str:
        """The caller's."""
        return self.services.gate.client(self.request).address

    @property
    def origin(self) -> str:
        """How whoever asks reaches us: for links that we hand out."""
        return self.services.config.public_url or self.services.gate.client(self.request).origin

    @property
    def device(self) -> str:
        """The browser's device cookie."""
        return self.services.gate.device(self.request)

    # --- paging ------------------------------------------------------------------------------------------------------

    @property
    def cursors(self) -> Cursors:
        return self.services.cursors

    def position(self) -> list[Any] | None:
        """Where the list that is asked for goes on."""
        page = self.query(Page)
        return self.cursors.read(self.operation.id, self._filters(page), page.cursor)

    def next(self, position: list[Any] | None) -> str | None:
        """The cursor after the last row shown; None for none."""
        if position is None:
            return None
        return self.cursors.make(self.operation.id, self._filters(self.query(Page)), position)

    def _filters(self, page: Page) -> dict[str, Any]:
        asked = page.model_dump(exclude={"cursor", "limit"})
        return asked | {"": self.given_path.model_dump(), "who": self.who.id}


Version = Annotated[int, Field(description="Goes up with each change; send it as If-Match.")]
