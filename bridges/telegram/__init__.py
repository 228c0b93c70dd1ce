"""A Telegram bot, as a channel (private chats with customers) and as a desk (a group, with `#42`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, TypeVar

from bridges.telegram import inbound, outbound
from bridges.telegram.client import TelegramClient, outcome_of
from bridges.telegram.settings import TelegramDeskSettings, TelegramSettings, _TelegramSettings
from bridges.telegram.spec import CHANNEL, DESK
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
from relay.contract.errors import RemoteError, SendError
from relay.contract.model import Delivery, Event, OutboundRequest, Outcome, Part, RawResponse, Role

S = TypeVar("S", bound=_TelegramSettings)


class _Telegram(Bridge[S]):
    """What both roles share: one bot, its client, its hook or its polling."""

    @property
    def chat(self) -> int:
        """The desk's group; 0 for a channel."""
        return 0

    def client(self, http: Http) -> TelegramClient:
        return TelegramClient(http, self.context.url, self.settings.token.get_secret_value())

    def verify(self, request: RawRequest) -> VerifiedRequest:
        return inbound.verify(request, self.settings.hook_secret)

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        return [inbound.event_of(inbound.update_of(verified.request), self.spec.role, self.chat)]

    def classify(self, response: RawResponse) -> Outcome:
        return outcome_of(response, self.spec.role)

    def polls(self) -> bool:
        return self.settings.receive == "polling"

    async def events(self, http: Http, memory: Memory) -> AsyncIterator[Sequence[Event]]:
        """An update is confirmed by asking for the next one, so only after it has been taken in."""
        client, offset = self.client(http), 0
        while True:
            updates = await client.get_updates(offset)
            found = [u for u in updates if isinstance(u, dict)] if isinstance(updates, list) else []
            if found:
                yield [inbound.event_of(update, self.spec.role, self.chat) for update in found]
                offset = max(u["update_id"] for u in found if isinstance(u.get("update_id"), int)) + 1

    async def identity(self, http: Http) -> str:
        return str((await self.client(http).get_me())["id"])

    async def provision(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        """setWebhook where the address differs, deleteWebhook where we poll: Telegram does one or the other."""
        client, what = self.client(http), "Telegram webhook"
        wanted = "" if self.polls() else hooks[""]
        try:
            now = str((await client.get_webhook_info()).get("url", ""))
            if now == wanted and not wanted:
                return (Check(ok=True, what=what, found="none: we poll"),)
            # Also where the address is right: whether the secret still is, Telegram does not tell.
            await (client.set_webhook(wanted, self.settings.hook_secret) if wanted else client.delete_webhook())
        except (RemoteError, SendError) as e:
            return (Check(ok=False, what=what, found=str(e), remedy="Telegram wants a public https address on port "
                          "443, 80, 88 or 8443; behind a firewall use `receive: polling`."),)  # fmt: skip
        return (Check(ok=True, what=what, found=wanted or "removed: we poll", changed=now != wanted),)

    async def probe(self, http: Http) -> Sequence[Check]:
        """Whose token it is; for a desk also whether the group can be read and reached."""
        client = self.client(http)
        try:
            me = await client.get_me()
        except (RemoteError, SendError) as e:
            refused = isinstance(e, RemoteError) and e.status in (401, 404)
            return (Check(ok=False, what="bot token", found=str(e), remedy="Ask BotFather for the token.",
                          credentials=refused),)  # fmt: skip
        checks = [Check(ok=True, what="bot token", found=f"@{me.get('username', '?')}")]
        if self.spec.role is Role.DESK:
            if not me.get("can_read_all_group_messages"):
                remedy = "BotFather, /setprivacy, Disable; then put the bot into the group anew."
                checks.append(
                    Check(ok=None, what="privacy mode", found="on: the bot may not see answers", remedy=remedy)
                )
            try:
                chat = await client.get_chat(self.chat)
                checks.append(Check(ok=True, what="group", found=str(chat.get("title", self.chat))))
            except (RemoteError, SendError) as e:
                checks.append(
                    Check(ok=False, what="group", found=str(e), remedy="Put the bot into the group; check `chat`.")
                )
        return checks

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.telegram.sandbox.app import build  # noqa: PLC0415 - a relay without sandboxes never loads it

        return build(options, cls.spec.role)


class TelegramBridge(_Telegram[TelegramSettings]):
    """Customers in private chats with a bot."""

    spec: ClassVar[BridgeSpec] = CHANNEL

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit_to_channel(delivery)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        chat = delivery.contact.remote_id if delivery.contact else ""
        return outbound.render(self.context.url, self.settings.token.get_secret_value(), chat, delivery, part)


class TelegramDeskBridge(_Telegram[TelegramDeskSettings]):
    """Colleagues in a group."""

    spec: ClassVar[BridgeSpec] = DESK

    @property
    def chat(self) -> int:
        return self.settings.chat

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return outbound.fit_to_desk(delivery, self.context)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        token = self.settings.token.get_secret_value()
        return outbound.render(self.context.url, token, str(self.chat), delivery, part)
