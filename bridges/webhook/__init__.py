"""Any system by signed webhooks (Standard Webhooks): one bridge in two roles, `webhook` as a channel and
`webhook_desk` as a desk. README.md beside this file shows a receiver and a sender."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from bridges.webhook import inbound, outbound
from bridges.webhook.client import WebhookClient, outcome_of, signed
from bridges.webhook.settings import WebhookDeskSettings, WebhookSettings, _WebhookSettings
from bridges.webhook.spec import CHANNEL, DESK
from relay.contract import (
    Bridge,
    BridgeSpec,
    Check,
    Http,
    Memory,
    RawRequest,
    Sandbox,
    SandboxOptions,
    VerifiedRequest,
)
from relay.contract.errors import SendError
from relay.contract.model import Delivery, Event, OutboundRequest, Outcome, Part, RawResponse
from relay.contract.responses import bare_address

S = TypeVar("S", bound=_WebhookSettings)


class _Webhook(Bridge[S]):
    """What both roles share. `CustomSend`, because the signature holds the time of the attempt, which `render`, being
    pure, does not know."""

    now: Callable[[], float] = staticmethod(time.time)

    def verify(self, request: RawRequest) -> VerifiedRequest:
        token = self.settings.token
        return inbound.verify(request, self.settings.keys, token.get_secret_value() if token else "")

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        return inbound.parse(verified, self.spec.role)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        return outbound.render(self.context.url, delivery, part, public_only=self.settings.public_only)

    def classify(self, response: RawResponse) -> Outcome:
        return outcome_of(response)

    async def send(self, delivery: Delivery, part: Part, http: Http, memory: Memory) -> Outcome:
        request = signed(self.render(delivery, part), self.settings.keys, int(self.now()))
        return self.classify(await http(request))

    def client(self, http: Http) -> WebhookClient:
        return WebhookClient(http, self.context.url, self.settings.keys, self.now)

    async def probe(self, http: Http) -> Sequence[Check]:
        """Whether anybody answers there. Only an event would show whether they know the secret."""
        safe_url = bare_address(self.context.url)
        request = OutboundRequest(
            method="OPTIONS", url=self.context.url, safe_url=safe_url, public_only=self.settings.public_only
        )
        what = f"webhook at {safe_url}"
        try:
            status = (await http(request)).status
        except SendError as e:
            remedy = "check `url`; an address in a private network needs `private: true`"
            return [Check(ok=False, what=what, found=str(e), remedy=remedy)]
        found = f"reachable (HTTP {status}); whether it knows the secret shows only when an event is sent"
        remedy = "whoever runs it must look" if status >= 500 else ""
        return [Check(ok=status < 500, what=what, found=found if status < 500 else f"HTTP {status}", remedy=remedy)]

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.webhook.sandbox.app import build  # noqa: PLC0415 - a relay without sandboxes never loads it

        return build(options, cls.spec.role)


class WebhookBridge(_Webhook[WebhookSettings]):
    """A system of yours where customers write."""

    spec: ClassVar[BridgeSpec] = CHANNEL

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit_to_channel(delivery)


class WebhookDeskBridge(_Webhook[WebhookDeskSettings]):
    """A system of yours where people, or a program, answer."""

    spec: ClassVar[BridgeSpec] = DESK

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit_to_desk(delivery, self.context)
