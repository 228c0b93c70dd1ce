"""The Insta API (getloo.ru): Instagram's direct messages and comments as a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from bridges.insta import inbound, outbound
from bridges.insta.client import INACTIVE_REMEDY, InstaClient
from bridges.insta.settings import InstaSettings
from bridges.insta.spec import SPEC
from relay.contract import (
    Bridge,
    BridgeSpec,
    Check,
    Http,
    RawRequest,
    Sandbox,
    SandboxOptions,
    VerifiedRequest,
)
from relay.contract.errors import RemoteError, SendError
from relay.contract.model import Delivery, Event, OutboundRequest, Outcome, Part, RawResponse, Report, Unknown

SECRET = "<secret>"  # noqa: S105 - the name of the hook's tail, see BridgeSpec.hooks


class InstaBridge(Bridge[InstaSettings]):
    """One Instagram account. Also `Probing`, `Provisioning`, `Identified` and `HasBotId`."""

    spec: ClassVar[BridgeSpec] = SPEC

    @property
    def bot_id(self) -> int | None:
        return self.settings.bot_id

    def verify(self, request: RawRequest) -> VerifiedRequest:
        """Nothing is signed (FACTS 2): the secret in the path, which the core has checked, is all there is."""
        return VerifiedRequest(request)

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        events = inbound.events(verified.request)
        if self.settings.reports:
            return events
        return tuple(Unknown(type=f"report: {e.status}") if isinstance(e, Report) else e for e in events)

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit(delivery)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        return outbound.render(self.context.url, self.settings, delivery, part)

    def classify(self, response: RawResponse) -> Outcome:
        return outbound.classify(response)

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.insta.sandbox.app import insta_sandbox  # noqa: PLC0415 - a relay without sandboxes never loads it

        return insta_sandbox(options)

    def client(self, http: Http) -> InstaClient:
        """The whole API, with this account's token."""
        token = self.settings.token.get_secret_value()
        return InstaClient(http, self.context.url, token, encoding=self.settings.encoding)

    async def identity(self, http: Http) -> str:
        """getInfo's `channel.user_id`: "требуется для проверки уникальности привязки"."""
        return (await self.client(http).get_info()).user_id

    async def probe(self, http: Http) -> Sequence[Check]:
        """getInfo: is the token good, is the channel paid for and logged in?"""
        what = "Insta API: getInfo"
        try:
            channel = await self.client(http).get_info()
        except RemoteError as e:
            credentials = e.status in (401, 402) or e.code == "refused"
            return [Check(ok=False, what=what, found=e.words or e.code, remedy=e.remedy, credentials=credentials)]
        except SendError as e:
            remedy = f"check the network and `url` in config.yaml ({self.context.url})"
            return [Check(ok=False, what=what, found=f"no answer: {e}", remedy=remedy)]
        account = f"@{channel.username} (account {channel.user_id}, channel {channel.id})"
        if not channel.status:
            found = f"{account} is not paid for or not logged in"
            return [Check(ok=False, what=what, found=found, remedy=INACTIVE_REMEDY, credentials=True)]
        return [Check(ok=True, what=what, found=f"{account} is paid for and logged in")]

    async def provision(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        """Registers our hook address, if it is not the one already registered."""
        ours, what = hooks.get(SECRET, ""), "Insta API: webhook"
        if not ours:
            return [Check(ok=None, what=what, found="there is no hook address to register")]
        client = self.client(http)
        try:
            before = (await client.get_webhook()).webhook
            if before == ours:
                return [Check(ok=True, what=what, found="ours is registered already")]
            after = (await client.set_webhook(ours)).webhook
        except RemoteError as e:
            return [
                Check(ok=False, what=what, found=e.words or e.code, remedy=e.remedy, credentials=e.status in (401, 402))
            ]
        except SendError as e:
            return [Check(ok=False, what=what, found=f"no answer: {e}", remedy="run `relay provision` again later")]
        if after and after != ours:
            found = f"setWebHook answered with another address ({_shown(after)})"
            return [Check(ok=False, what=what, found=found, remedy="run `relay provision` again, then ask getloo.ru")]
        found, remedy = _registered(before, ours)
        return [Check(ok=True, what=what, found=found, remedy=remedy, changed=True)]


def _registered(before: str, ours: str) -> tuple[str, str]:
    """What registering our address did, and what to do where somebody else lost theirs."""
    if not before:
        return "registered ours; there was none before", ""
    if before.rpartition("/")[0] == ours.rpartition("/")[0]:
        return "registered ours; it replaces our own address with an older secret", ""
    return (
        f"registered ours; it REPLACES somebody else's: {_shown(before)} hears of nothing any more",
        "if that was not meant, stop the relay and register the other address again: a channel has only one",
    )


def _shown(url: str) -> str:
    """Another party's hook address, without what may be a secret of theirs."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}/…" if parts.scheme else "(unreadable address)"
    except ValueError:
        return "(unreadable address)"
