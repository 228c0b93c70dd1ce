"""What the Astrak messenger can carry, as data: text, and nothing else (FACTS 3)."""

from __future__ import annotations

from datetime import date

from bridges.astrak.settings import AstrakSettings
from relay.contract import BridgeSpec, Feature, FileLimit, Limits, Support
from relay.contract.model import MediaKind, Role

SECRET = "<secret>"  # noqa: S105 - the name of the hook's tail, see BridgeSpec.hooks

SPEC = BridgeSpec(
    kind="astrak",
    label="Astrak messenger",
    role=Role.CHANNEL,
    docs="Astrak API v1.0",
    checked_on=date(2026, 11, 21),
    settings=AstrakSettings,
    support={
        Feature.TEXT: Support.FULL,
        Feature.IMAGE: Support.FALLBACK,  # files become links
        Feature.VIDEO: Support.FALLBACK,
        Feature.AUDIO: Support.FALLBACK,
        Feature.FILE: Support.FALLBACK,
        Feature.OPTIONS: Support.FALLBACK,  # lines of text
        Feature.DELETE: Support.FULL,
    },
    # Files are links, so their type and size do not matter here. The length of a text is a setting: no limit is known.
    limits=Limits(files={kind: FileLimit() for kind in MediaKind}, in_flight=20),
    hooks=(SECRET,),
    max_body=1024 * 1024,
)
