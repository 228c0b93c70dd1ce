"""The ways to reach people: the desks, a signed webhook, e-mail. Each says the same sentence."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from relay.config.alarms import MailServer, secret_bytes
from relay.contract import Http, Texts
from relay.observe.alarms import Alarm, AlarmKind, sentence
from relay.service.alarms import mail, webhook

# Desks hear of these from the notices of the conversations and accounts themselves, or cannot hear while it lasts.
NOT_FOR_DESKS = frozenset({AlarmKind.CREDENTIALS, AlarmKind.FAILING, AlarmKind.DEAD_LETTER, AlarmKind.STORE})


def told(texts: Texts, alarm: Alarm, *, over: bool) -> str:
    """The sentence, marked when it is over."""
    text = sentence(texts, alarm)
    return texts.notice("alarm_over", what=text) if over else text


class DeskTeller:
    """To every desk, as a notice that concerns no conversation."""

    name = "desks"

    def __init__(self, texts: Texts, tell: Callable[[str, str], Awaitable[None]]) -> None:
        """`tell(text, once)`: queue it for all desks; `once` makes a repeat of it none. Raises StoreUnavailable."""
        self.texts = texts
        self._tell = tell

    async def tell(self, alarm: Alarm, *, over: bool, message_id: str) -> bool:
        if alarm.kind not in NOT_FOR_DESKS:
            await self._tell(told(self.texts, alarm, over=over), message_id)
        return True


class WebhookTeller:
    """To an address of the owner's, signed."""

    name = "webhook"

    def __init__(self, texts: Texts, http: Http, url: str, secret: str) -> None:
        """Raises ValueError for a secret that is none."""
        self.texts = texts
        self.http = http
        self.url = url
        self._key = secret_bytes(secret)

    async def tell(self, alarm: Alarm, *, over: bool, message_id: str) -> bool:
        data = {
            "alarm": alarm.kind.value,
            "subject": alarm.subject,
            "text": sentence(self.texts, alarm),
            **alarm.facts,
        }
        return await webhook.post(
            self.http,
            webhook.request(
                self.url,
                self._key,
                message_id=message_id,
                at=int(time.time()),
                kind="alarm.over" if over else "alarm.raised",
                data=data,
            ),
        )


class MailTeller:
    """By e-mail."""

    name = "e-mail"

    def __init__(self, texts: Texts, server: MailServer, sender: str, to: Sequence[str]) -> None:
        self.texts = texts
        self.server = server
        self.sender = sender
        self.to = tuple(to)

    async def tell(self, alarm: Alarm, *, over: bool, message_id: str) -> bool:
        text = told(self.texts, alarm, over=over)
        subject = f"[relay] {alarm.kind.value.replace('_', ' ')}{' ' + alarm.subject if alarm.subject else ''}"
        await mail.send(self.server, mail.message(self.sender, self.to, subject + (": over" if over else ""), text))
        return True
