"""The Astrak messenger (Astrak API v1.0): a channel of plain text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from bridges.astrak import inbound, outbound
from bridges.astrak.catching_up import CatchUp
from bridges.astrak.client import CALLBACK_SET, answer_of
from bridges.astrak.polling import Poller
from bridges.astrak.session import LOGIN_REFUSED, Session, is_refusal
from bridges.astrak.settings import AstrakSettings, Receive
from bridges.astrak.spec import SECRET, SPEC
from relay.contract import (
    Bridge,
    BridgeContext,
    BridgeSpec,
    Check,
    Http,
    Memory,
    RawRequest,
    Sandbox,
    SandboxOptions,
    VerifiedRequest,
)
from relay.contract.errors import RemoteError, SendError
from relay.contract.model import (
    AccountWarning,
    Delivery,
    Event,
    OutboundRequest,
    Outcome,
    Part,
    RawResponse,
    Unknown,
    Verdict,
)
from relay.contract.responses import bare_address

RECLAIM_PAUSE_S = 60.0


class AstrakBridge(Bridge[AstrakSettings]):
    """One business account. Also `CustomSend` (a login first), `Polling`, `CatchingUp`, `Probing`, `Provisioning`,
    `Reclaiming`, `Identified` and `HasBotId`."""

    spec: ClassVar[BridgeSpec] = SPEC

    def __init__(self, settings: AstrakSettings, context: BridgeContext) -> None:
        super().__init__(settings, context)
        self._session = Session(settings, context.url)
        self._catch_up = CatchUp(self._session)
        self._poller = Poller(self._session, self._catch_up)
        self._our_prefix = ""  # host and path of the registered address, up to its secret
        self._registered_at = float("-inf")  # monotonic
        self._reclaiming = False
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def bot_id(self) -> int | None:
        return self.settings.bot_id

    # --- in ---------------------------------------------------------------------------------------------------------

    def verify(self, request: RawRequest) -> VerifiedRequest:
        """Nothing is signed: the secret in the path, which the core has checked, is all there is."""
        return VerifiedRequest(request)

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        request = verified.request
        events = inbound.events_of(
            inbound.payload(request),
            own_id=self._session.own_id or inbound.own_id_in(request),
            usernames=self._session.usernames,
            ours=self._ours(request),
        )
        if self.settings.receive is Receive.POLLING:
            # A callback that we did not ask for, left from before. Losing it to others is no trouble.
            return [Unknown(type=e.notice) if isinstance(e, AccountWarning) else e for e in events]
        return events

    def _ours(self, request: RawRequest) -> frozenset[str]:
        """Beginnings of addresses that are our own callbacks, whatever their secret."""
        host = request.headers.get("host", "").lower()
        found = {self._our_prefix, f"{host}/hooks/{self.context.name}/" if host else ""}
        return frozenset(found - {""})

    def polls(self) -> bool:
        return self.settings.receive is Receive.POLLING

    def events(self, http: Http, memory: Memory) -> AsyncIterator[Sequence[Event]]:
        return self._poller.events(http, memory)

    async def missed(self, http: Http, memory: Memory) -> Sequence[Event]:
        """What customers wrote while we were away, by message id, marked late. Safe to call at any time and often:
        what is found twice has the same id. Raises RemoteError, SendError."""
        return await self._catch_up.look(http, memory)

    # --- out --------------------------------------------------------------------------------------------------------

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit(delivery, self.settings, self.context)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        """The request as it would be, without the token: `send` has it."""
        return outbound.render(delivery, part, self.context.url, "")

    def classify(self, response: RawResponse) -> Outcome:
        return outbound.outcome_of(response, *self._session.secrets())

    async def send(self, delivery: Delivery, part: Part, http: Http, memory: Memory) -> Outcome:
        """Logs in where needed, sends, and logs in anew, once, when the token turns out to be dead."""
        response: RawResponse | None = None

        async def step(token: str) -> Outcome:
            nonlocal response
            response = await http(outbound.render(delivery, part, self.context.url, token))
            answer_of(response, token, *self._session.secrets())  # raises for a "no"
            return outbound.outcome_of(response)

        try:
            outcome = await self._session.call(http, memory, step)
        except RemoteError as e:
            outcome = outbound.outcome_of_error(e, response)
        if outcome.verdict is Verdict.ACCEPTED:
            await self._catch_up.save_what_is_sure(memory)
        return outcome

    # --- the account ------------------------------------------------------------------------------------------------

    async def identity(self, http: Http) -> str:
        return str((await self._session.login(http, None)).id)

    async def probe(self, http: Http) -> Sequence[Check]:
        """Log in if need be, then users/check."""
        what = f"Astrak at {bare_address(self.context.url)}: login and token"
        try:
            login = await self._session.login(http, None)
            try:
                await self._session.client(http).check(login.token)
            except RemoteError as e:
                if not is_refusal(e):
                    raise
                login = await self._session.login(http, None, dead=login)
        except (RemoteError, SendError) as e:
            return [self._failed(what, e)]
        return [Check(ok=True, what=what, found=f"{self.settings.username} is user {login.id}")]

    async def provision(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        """Sends events to our hook address. There is no method that tells which address is set, so it is set each
        time; setting the same one again changes nothing."""
        what = f"Astrak at {bare_address(self.context.url)}: callback"
        if self.polls():
            return [Check(ok=True, what=what, found="not needed: `receive: polling`")]
        ours = hooks.get(SECRET, "")
        if not ours:
            return [Check(ok=None, what=what, found="there is no hook address to register")]
        try:
            login = await self._session.login(http, None)
            self._registered_at = time.monotonic()
            self._our_prefix = ours.partition("://")[2].rpartition("/")[0] + "/"
            client = self._session.client(http)
            # The own id goes with the address, so that every process of ours can tell own messages from others'.
            address = f"{ours}?{inbound.OWN_ID}={login.id}"
            code = await self._session.call(http, None, lambda token: client.start_callback(token, address))
        except (RemoteError, SendError) as e:
            return [self._failed(what, e)]
        if code != CALLBACK_SET:
            remedy = "write to the account and see whether it arrives; if not, use `receive: polling`"
            return [Check(ok=None, what=what, found=f"answered code {code}, not {CALLBACK_SET}", remedy=remedy)]
        return [
            Check(ok=True, what=what, found=f"events come to {bare_address(ours.rpartition('/')[0])}/…", changed=True)
        ]

    async def reclaim(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        """Takes the callback back, a minute after the last time it was set at the earliest: two servers that both want
        it must not keep taking it from each other."""
        if self._reclaiming:
            return []
        self._reclaiming = True
        try:
            await self._sleep(max(0.0, self._registered_at + RECLAIM_PAUSE_S - time.monotonic()))
            return await self.provision(http, hooks)
        finally:
            self._reclaiming = False

    def _failed(self, what: str, error: RemoteError | SendError) -> Check:
        if isinstance(error, SendError):
            remedy = f"check the network and `url` ({bare_address(self.context.url)})"
            return Check(ok=False, what=what, found=f"no answer: {error}", remedy=remedy)
        remedy = error.remedy or "check `url`; if it is right, the messenger is in trouble"
        credentials = error.code == LOGIN_REFUSED
        return Check(ok=False, what=what, found=error.words or error.code, remedy=remedy, credentials=credentials)

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.astrak.sandbox.app import build  # noqa: PLC0415 - a relay without sandboxes never loads it

        return build(options)
