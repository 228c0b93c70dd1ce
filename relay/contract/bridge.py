"""The contract between the core and a bridge.

A bridge is pure: it verifies, parses, fits, renders and classifies; the core owns network, clock, retries and storage.
So a bridge is tested with golden payloads and no server. Required is `Bridge`; every further ability is a small
optional protocol that the core finds by `isinstance`, never by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from relay.contract.capabilities import BridgeSpec
from relay.contract.model import Delivery, Event, OutboundRequest, Outcome, Part, RawResponse
from relay.contract.requests import RawRequest, VerifiedRequest
from relay.contract.sandbox import Sandbox, SandboxOptions
from relay.contract.settings import BridgeSettings


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
