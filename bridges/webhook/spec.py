"""What a generic webhook can carry, as data: all of it, because the other side is a program that reads JSON."""

from __future__ import annotations

from datetime import date

from bridges.webhook.settings import WebhookDeskSettings, WebhookSettings
from relay.contract import BridgeSpec, Feature, Limits, Support
from relay.contract.model import Role

# "" takes signed events (and simple ones with a bearer token), the secret path simple ones.
HOOKS = ("", "<secret>")
DOCS = "Standard Webhooks, spec/standard-webhooks.md"
CHECKED_ON = date(2026, 11, 28)
_MEDIA = dict.fromkeys((Feature.IMAGE, Feature.VIDEO, Feature.AUDIO, Feature.FILE), Support.FULL)

CHANNEL = BridgeSpec(
    kind="webhook",
    label="Webhook",
    role=Role.CHANNEL,
    docs=DOCS,
    checked_on=CHECKED_ON,
    settings=WebhookSettings,
    support={
        Feature.TEXT: Support.FULL,
        **_MEDIA,
        Feature.OPTIONS: Support.FULL,
        Feature.REPORTS: Support.FULL,
        Feature.DELETE: Support.FULL,
    },
    limits=Limits(),
    hooks=HOOKS,
)

DESK = BridgeSpec(
    kind="webhook_desk",
    label="Webhook",
    role=Role.DESK,
    docs=DOCS,
    checked_on=CHECKED_ON,
    settings=WebhookDeskSettings,
    support={
        Feature.TEXT: Support.FULL,
        **_MEDIA,
        Feature.OPTIONS: Support.FULL,
        Feature.COMMENT: Support.FULL,
        Feature.REPORTS: Support.DROP,  # failures come as notices; the ladder of states is not posted
    },
    limits=Limits(),
    hooks=HOOKS,
)
