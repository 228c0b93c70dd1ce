"""Optional abilities of a bridge: small protocols that the core finds by `isinstance`, never by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from relay.contract.bridge import Http, Memory
from relay.contract.model import Attachment, Contact, Delivery, Event, Outcome, Part
from relay.contract.requests import VerifiedRequest


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
class QuestionHook(Protocol):
    """A hook that is a question and waits for JSON in the response."""

    def answers(self, tail: str) -> bool: ...

    async def answer(self, verified: VerifiedRequest, lookup: Lookup) -> tuple[int, Any]:
        """(HTTP status, JSON value)."""
        ...


@runtime_checkable
class KnowsOwnPosts(Protocol):
    """A desk where what we post may come back as a hook, and changed."""

    def is_own_post(self, text: str, contact: Contact, desks: Sequence[str]) -> bool:
        """Whether `text`, as it came and seemingly for this contact, is a post of ours or begins with one. `desks` are
        the names of all desks. Pure."""
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
class CustomSend(Protocol):
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
    """Another server can take our hook address's place; the bridge says so with `AccountWarning("callback_taken")`."""

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
