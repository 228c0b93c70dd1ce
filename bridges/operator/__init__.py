"""The operator panel (Operator API): a desk where operators answer customers one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bridges.operator import answer, inbound, outbound
from bridges.operator.client import outcome_of
from bridges.operator.settings import OperatorSettings
from bridges.operator.spec import SPEC
from relay.contract import (
    Bridge,
    BridgeSpec,
    Check,
    Http,
    Lookup,
    RawRequest,
    Sandbox,
    SandboxOptions,
    VerifiedRequest,
)
from relay.contract.errors import SendError
from relay.contract.model import Delivery, Event, OutboundRequest, Outcome, Part, RawResponse
from relay.contract.responses import bare_address


class OperatorBridge(Bridge[OperatorSettings]):
    """One panel. Also `QuestionHook` (the panel asks about users) and `Probing`."""

    spec: ClassVar[BridgeSpec] = SPEC

    def verify(self, request: RawRequest) -> VerifiedRequest:
        return inbound.verify(request, self.settings.webhook_token.get_secret_value())

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        return inbound.parse(verified, dedupe_s=self.settings.dedupe)

    def answers(self, tail: str) -> bool:
        return tail in answer.QUESTIONS

    async def answer(self, verified: VerifiedRequest, lookup: Lookup) -> tuple[int, Any]:
        return await answer.answer(verified, lookup)

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit(delivery, self.settings, self.context)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        return outbound.render(delivery, part, self.settings, self.context)

    def classify(self, response: RawResponse) -> Outcome:
        return outcome_of(response)

    async def probe(self, http: Http) -> Sequence[Check]:
        """Whether anything answers at `url`. The panel has no method that would tell whether the token is good
        without sending a message."""
        safe_url = bare_address(self.context.url)
        what = f"panel at {safe_url}"
        status = 0
        for method in ("OPTIONS", "GET"):
            try:
                status = (await http(OutboundRequest(method=method, url=self.context.url, safe_url=safe_url))).status
            except SendError as e:
                return [Check(ok=False, what=what, found=str(e), remedy="check `url`, and whether the panel runs")]
            if status < 500:
                found = f"reachable (HTTP {status}); the token shows only when a message is sent"
                return [Check(ok=True, what=what, found=found)]
        return [
            Check(ok=False, what=what, found=f"HTTP {status}", remedy="the panel is in trouble; ask those who run it")
        ]

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.operator.sandbox.app import build  # noqa: PLC0415 - a relay without sandboxes never loads it

        return build(options)
