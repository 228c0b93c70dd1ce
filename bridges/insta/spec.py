"""What the Insta API can carry, as data. Source: the document "Документация по Insta API"."""

from __future__ import annotations

from datetime import date

from bridges.insta.settings import InstaSettings
from relay.contract import BridgeSpec, Feature, FileLimit, Limits, Support
from relay.contract.model import MediaKind, Role

MB = 1024 * 1024
HOUR_S = 3600.0

# "Поддерживаемые типы и максимальные размеры файлов". The mime types are all names under which these go about.
IMAGES = FileLimit(
    bytes=8 * MB,
    mimes=frozenset(
        {
            "image/jpeg",
            "image/jpg",
            "image/png",
            "image/x-icon",
            "image/vnd.microsoft.icon",
            "image/bmp",
            "image/x-ms-bmp",
        }
    ),
    extensions=frozenset({"jpg", "png", "ico", "bmp"}),
)
AUDIO = FileLimit(
    bytes=25 * MB,
    mimes=frozenset(
        {
            "audio/mpeg",
            "audio/mp3",
            "audio/aac",
            "audio/x-aac",
            "audio/acc",
            "audio/aacp",
            "audio/mp4",
            "audio/m4a",
            "audio/x-m4a",
            "audio/wav",
            "audio/x-wav",
            "audio/wave",
            "audio/vnd.wave",
        }
    ),
    extensions=frozenset(
        {"mp3", "aac", "m4a", "wav", "mp4"}
    ),  # the document's "acc" is Meta's misprint of aac (FACTS 2)
)
VIDEO = FileLimit(bytes=25 * MB, mimes=frozenset({"video/mp4", "video/x-m4v"}), extensions=frozenset({"mp4"}))

SPEC = BridgeSpec(
    kind="insta",
    label="Instagram (Insta API)",
    role=Role.CHANNEL,
    docs="https://privet.getloo.ru/insta-api",
    checked_on=date(2026, 11, 21),
    settings=InstaSettings,
    support={
        Feature.TEXT: Support.FULL,
        Feature.IMAGE: Support.FULL,
        Feature.VIDEO: Support.FULL,
        Feature.AUDIO: Support.FULL,
        Feature.FILE: Support.REFUSE,
        Feature.OPTIONS: Support.FULL,
        Feature.COMMENT: Support.FULL,
        Feature.REPORTS: Support.FULL,
        Feature.DELETE: Support.REFUSE,
    },
    limits=Limits(
        text_chars=1000,
        text_bytes=1000,  # the document says characters; the network underneath counts bytes (FACTS 2): both are kept
        options=13,
        option_chars=20,
        files={MediaKind.IMAGE: IMAGES, MediaKind.AUDIO: AUDIO, MediaKind.VIDEO: VIDEO},
        # Not in the document, but in the network underneath (FACTS 2.1): later answers end in errorActionFail.
        reply_window_s=24 * HOUR_S,
        comment_window_s=24 * HOUR_S,  # "По нему можно дать ответ в direct клиенту в течении 24 часов 1 раз"
    ),
    hooks=("<secret>",),
    max_body=1 * MB,
)
