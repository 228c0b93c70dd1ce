"""What a bridge can carry and how well, as data: features, levels of support, limits with units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from relay.contract.model import MediaKind, Role
from relay.contract.settings import BridgeSettings


class Feature(StrEnum):
    """What a bridge may be able to carry."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"
    OPTIONS = "options"
    COMMENT = "comment"
    REPORTS = "reports"
    DELETE = "delete"


class Support(StrEnum):
    """How well a feature survives the crossing. A feature that a spec does not list counts as REFUSE."""

    REFUSE = "refuse"  # the sender is told; nothing is sent
    DROP = "drop"  # left out
    FALLBACK = "fallback"  # replaced by plain text, such as a link
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimit:
    """Which files of one kind the other side takes."""

    bytes: int | None = None
    mimes: frozenset[str] = frozenset()  # empty: any
    extensions: frozenset[str] = frozenset()  # for people and documents: "jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers with units. None: the other side's document names no limit."""

    text_chars: int | None = None
    text_bytes: int | None = None  # UTF-8
    options: int | None = None
    option_chars: int | None = None
    files: Mapping[MediaKind, FileLimit] = field(default_factory=dict)
    in_flight: int = 100  # requests at once, per account
    reply_window_s: float | None = None  # how long after the contact's last message an answer may be sent
    comment_window_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """Data about a bridge, readable before any settings are loaded."""

    kind: str  # the word in config.yaml: "team"
    label: str  # for people
    role: Role
    docs: str  # the document it was built from
    checked_on: date  # when a person last compared this with `docs`
    settings: type[BridgeSettings]
    support: Mapping[Feature, Support]
    limits: Limits = Limits()
    hooks: tuple[str, ...]  # path tails below /hooks/<name>/; "" is the bare address, "<secret>" a path secret
    max_body: int = 1024 * 1024  # bytes of one hook, without its files
    takes_files: bool = False  # hooks may carry files, as large as the deployment allows (`max_body`, `media.max_file`)
    key_header: str = ""  # the header that proves the caller, if it is one: `verify` then needs nothing but headers
    group: bool = False  # a desk where all conversations share one place: hints can be posted there
