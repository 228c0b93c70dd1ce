"""The contract between the core and a bridge.

A bridge is pure: it verifies, parses, fits, renders and classifies; the core owns network, clock, retries and storage.
So a bridge is tested with golden payloads and no server. Required is `Bridge`; every further ability is a small
optional protocol that the core finds by `isinstance`, never by name.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from relay.errors import MalformedPayload
from relay.model import (
    Attachment,
    Contact,
    Delivery,
    Event,
    MediaKind,
    OutboundRequest,
    Outcome,
    Part,
    RawResponse,
    Role,
    Upload,
)
from relay.values import maker, value

SANDBOX = "sandbox"


class Feature(StrEnum):
    """What a bridge may be able to carry."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"
    OPTIONS = "options"
    COMMENT = "comment"
    REPORTS = "reports"
    DELETE = "delete"


class Support(StrEnum):
    """How well a feature survives the crossing. A feature that a spec does not list counts as REFUSE."""

    REFUSE = "refuse"  # the sender is told; nothing is sent
    DROP = "drop"  # left out
    FALLBACK = "fallback"  # replaced by plain text, such as a link
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimit:
    """Which files of one kind the other side takes."""

    bytes: int | None = None
    mimes: frozenset[str] = frozenset()  # empty: any
    extensions: frozenset[str] = frozenset()  # for people and documents: "jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers with units. None: the other side's document names no limit."""

    text_chars: int | None = None
    text_bytes: int | None = None  # UTF-8
    options: int | None = None
    option_chars: int | None = None
    files: Mapping[MediaKind, FileLimit] = field(default_factory=dict)
    in_flight: int = 100  # requests at once, per account
    reply_window_s: float | None = None  # how long after the contact's last message an answer may be sent
    comment_window_s: float | None = None


class BridgeSettings(BaseModel):
    """An account's part of config.yaml. Secrets are SecretStr; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    url: str

    @property
    def sandboxed(self) -> bool:
        """True when the relay's own sandbox stands behind this account."""
        return self.url == SANDBOX


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """Data about a bridge, readable before any settings are loaded."""

    kind: str  # the word in config.yaml: "team"
    label: str  # for people
    role: Role
    docs: str  # the document it was built from
    checked_on: date  # when a person last compared this with `docs`
    settings: type[BridgeSettings]
    support: Mapping[Feature, Support]
    limits: Limits = Limits()
    hooks: tuple[str, ...]  # path tails below /hooks/<name>/; "" is the bare address, "<secret>" a path secret
    max_body: int = 1024 * 1024  # bytes of one hook
    group: bool = False  # a desk where all conversations share one place: hints can be posted there


@value
class RawRequest:
    """One hook as it came. Form bodies are already taken apart; header names are lower case. Nothing is trusted yet."""

    method: str
    tail: str  # what followed /hooks/<name>/: "", "message", or "<secret>" when a path secret was checked
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes  # empty for multipart
    content_type: str  # lower case, without parameters
    form: tuple[tuple[str, str], ...] = ()  # urlencoded and multipart fields, in order
    uploads: tuple[Upload, ...] = ()

    def field(self, name: str) -> str | None:
        """The first form field of that name, or None."""
        return next((v for k, v in self.form if k == name), None)

    def json(self) -> Any:
        """The body as JSON. Raises MalformedPayload with a sentence, also for nesting bombs and wrong encodings."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            pass  # the standard library is slower, laxer, and says what is wrong in words
        try:
            return _sound(json.loads(self.body))
        except RecursionError:
            raise MalformedPayload("The JSON is nested too deeply.") from None
        except UnicodeDecodeError:
            raise MalformedPayload("The body is not UTF-8.") from None
        except ValueError as e:
            raise MalformedPayload(f"The body is not JSON: {e}.") from None


new_raw_request = maker(RawRequest)


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


class Texts(Protocol):
    """Templates under templates/, in the deployment's locale."""

    def message(self, name: str, /, **facts: Any) -> str:
        """Render templates/messages/<name>.txt.j2 (e.g. "team/message"). Trailing newlines are cut."""
        ...

    def notice(self, name: str, /, **facts: Any) -> str:
        """Render templates/notices/<locale>/<name>.txt.j2."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeContext:
    """What the core hands a bridge besides its settings."""

    name: str  # the account's name in config.yaml
    texts: Texts
    url: str  # base address of the other side, sandbox resolved, no trailing slash


class Http(Protocol):
    """Sends one described request. Raises SendError when no answer came."""

    async def __call__(self, request: OutboundRequest) -> RawResponse: ...


class Memory(Protocol):
    """A few words an account may keep between restarts, in the store (a login token, say). Encrypted at rest: no."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str, ttl_s: float | None = None) -> None: ...

    async def drop(self, key: str) -> None: ...


S = TypeVar("S", bound=BridgeSettings)


class Bridge(ABC, Generic[S]):
    """One account at one outside system. Built once at start; must not do I/O, not even in its constructor."""

    spec: ClassVar[BridgeSpec]

    def __init__(self, settings: S, context: BridgeContext) -> None:
        self.settings = settings
        self.context = context

    # in
    @abstractmethod
    def verify(self, request: RawRequest) -> VerifiedRequest:
        """Called first. Compares in constant time. Raises VerificationFailed, or MalformedPayload where the proof would
        be in a body that cannot be read. (Path secrets the core checks itself.)"""

    @abstractmethod
    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        """Called on what `verify` let through. Lenient: unknown fields and types are no errors; an event type that
        is not known gives `Unknown`. Raises MalformedPayload only where nothing can be made of the body."""

    # out
    @abstractmethod
    def fit(self, delivery: Delivery) -> Sequence[Part]:
        """Pure: the parts, in order, that bring this delivery over, at least one. Raises UnsupportedContent with
        every reason at once. Called when an answer is accepted (so the desk is told at once) and again when it is
        sent; must give the same both times."""

    @abstractmethod
    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        """Pure: the request that sends this part. Attachments have fetchable urls by now."""

    @abstractmethod
    def classify(self, response: RawResponse) -> Outcome:
        """Pure, never raises, whatever the other side answers."""

    @classmethod
    @abstractmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        """The other side, as a real aiohttp application with its own page."""


# --- the sandbox of a system ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How a sandbox is started.

    `base_url` is where the sandbox itself is reached (no trailing slash), `hooks` the relay's hook addresses by tail
    (`{"": "http://.../hooks/sales"}`); empty when it stands alone. `settings` are the account's settings: its tokens
    and keys are what the sandbox accepts. `seed` makes ids and codes deterministic.
    """

    name: str
    base_url: str
    settings: BridgeSettings
    hooks: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox: mount `app` anywhere; `page` is the path of the page on which one plays the far side."""

    app: web.Application
    page: str = "/"
    title: str = ""


# --- optional abilities: the core asks isinstance() -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactProfile:
    """What we know of a contact, for the operator panel's questions."""

    contact: Contact
    first_seen: str = ""  # RFC 3339
    last_seen: str = ""
    link: str = ""


class Lookup(Protocol):
    """What an answering bridge may ask the core."""

    async def profile(self, contact_id: int) -> ContactProfile | None: ...

    async def media(self, contact_id: int, limit: int = 100) -> Sequence[Attachment]: ...


@runtime_checkable
class Answering(Protocol):
    """A hook that is a question and waits for JSON in the response."""

    def answers(self, tail: str) -> bool: ...

    async def answer(self, verified: VerifiedRequest, lookup: Lookup) -> tuple[int, Any]:
        """(HTTP status, JSON value)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `relay doctor` or `relay provision`."""

    ok: bool | None  # None: could not be told
    what: str
    found: str = ""
    remedy: str = ""  # what a person can do; shown whatever `ok` says
    credentials: bool = False  # False finding that means "our key is bad": the destination pauses
    changed: bool = False  # provision: something was registered


@runtime_checkable
class Probing(Protocol):
    """Would it work? Cheap, sends no message."""

    async def probe(self, http: Http) -> Sequence[Check]: ...


@runtime_checkable
class Provisioning(Protocol):
    """Registers our hook addresses where the system allows it. Compares before it sets."""

    async def provision(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]: ...


@runtime_checkable
class MultiStep(Protocol):
    """Sending takes more than one request (a login first)."""

    async def send(self, delivery: Delivery, part: Part, http: Http, memory: Memory) -> Outcome:
        """Never raises for what the other side says; SendError may pass through."""
        ...


@runtime_checkable
class Polling(Protocol):
    """Events are fetched, not pushed. The core runs one poller per account, whatever the number of processes."""

    def polls(self) -> bool:
        """Whether these settings ask for polling."""
        ...

    def events(self, http: Http, memory: Memory) -> AsyncIterator[Sequence[Event]]:
        """For ever: the next events, each batch accepted durably before the next is asked for. Raises RemoteError or
        SendError on trouble; the core backs off and calls again."""
        ...


@runtime_checkable
class CatchingUp(Protocol):
    """Can fetch what was missed while we were away."""

    async def missed(self, http: Http, memory: Memory) -> Sequence[Event]: ...


@runtime_checkable
class HasBotId(Protocol):
    """A channel that may carry a configured integer id for the Operator API."""

    @property
    def bot_id(self) -> int | None: ...


@runtime_checkable
class Identified(Protocol):
    """Can name the account that its credentials open. A different answer than last time means that they were changed
    for somebody else's, whose customers must not get this one's answers."""

    async def identity(self, http: Http) -> str:
        """The other side's stable id of the account. Raises RemoteError or SendError."""
        ...


@runtime_checkable
class Reclaiming(Protocol):
    """Another server can take our hook address's place; the bridge says so with `Warned("callback_taken")`."""

    async def reclaim(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        """Called for each such warning, as a task of its own: registers ours again, at most once a minute, for which it
        waits. While one call waits, others return [] at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A code is on its way to a person's phone."""

    phone: str  # as the other side writes it
    digits: int | None = None  # of the code
    valid_until: str = ""  # RFC 3339


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A token of the account's own. `hints` are sentences about what config.yaml could name now."""

    token: str = field(repr=False)
    who: str
    hints: tuple[str, ...] = ()


@runtime_checkable
class LogsIn(Protocol):
    """A person can log the account in with their phone; the token is kept in a file that only we can read.

    All three raise RelayError with a sentence that says what to do: for what is no phone, a wrong code, an expired one.
    """

    @property
    def token_path(self) -> Path | None:
        """The file config.yaml names for it."""
        ...

    async def send_code(self, http: Http, phone: str) -> CodeSent:
        """Have a code sent. `phone` as people write it."""
        ...

    async def log_in(self, http: Http, phone: str, code: str) -> LoggedIn: ...

    async def log_in_by_qr(self, http: Http, text: str) -> LoggedIn:
        """`text` is what a QR code says, which somebody who is logged in already shows."""
        ...
