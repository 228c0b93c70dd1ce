"""What a bot can carry, as data. Sizes: what the public Bot API server takes from a bot."""

from __future__ import annotations

from datetime import date

from bridges.telegram.settings import TelegramDeskSettings, TelegramSettings
from relay.contract import BridgeSpec, Feature, FileLimit, Limits, Support
from relay.contract.model import MediaKind, Role

MB = 1024 * 1024
TEXT_UNITS = 4096  # UTF-16
CAPTION_UNITS = 1024
_MEDIA = dict.fromkeys((Feature.IMAGE, Feature.VIDEO, Feature.AUDIO, Feature.FILE), Support.FULL)
FILES = {
    MediaKind.IMAGE: FileLimit(bytes=10 * MB),
    MediaKind.VIDEO: FileLimit(bytes=50 * MB),
    MediaKind.AUDIO: FileLimit(bytes=50 * MB),
    MediaKind.FILE: FileLimit(bytes=50 * MB),
}
DOCS = "Telegram Bot API 10.0"
CHECKED_ON = date(2026, 11, 28)

CHANNEL = BridgeSpec(
    kind="telegram",
    label="Telegram bot",
    role=Role.CHANNEL,
    docs=DOCS,
    checked_on=CHECKED_ON,
    settings=TelegramSettings,
    support={Feature.TEXT: Support.FULL, **_MEDIA, Feature.OPTIONS: Support.FULL, Feature.DELETE: Support.FULL},
    limits=Limits(text_chars=TEXT_UNITS, options=30, option_chars=64, files=FILES, in_flight=30),
    hooks=("",),
)

DESK = BridgeSpec(
    kind="telegram_desk",
    label="Telegram group",
    role=Role.DESK,
    docs=DOCS,
    checked_on=CHECKED_ON,
    settings=TelegramDeskSettings,
    support={
        Feature.TEXT: Support.FULL,
        **_MEDIA,
        Feature.OPTIONS: Support.FALLBACK,
        Feature.COMMENT: Support.FULL,
        Feature.REPORTS: Support.DROP,
    },
    limits=Limits(text_chars=TEXT_UNITS, in_flight=1),
    hooks=("",),
    group=True,
)
