"""What a team-chat group can carry, as data."""

from __future__ import annotations

from datetime import date

from bridges.team.settings import TeamSettings
from relay.contract import BridgeSpec, Feature, Limits, Support
from relay.contract.model import Role

SPEC = BridgeSpec(
    kind="team",
    label="Team chat",
    role=Role.DESK,
    docs="Team API v3",
    checked_on=date(2026, 11, 21),
    settings=TeamSettings,
    support={
        Feature.TEXT: Support.FULL,
        Feature.COMMENT: Support.FULL,
        # /api/message carries text only (Team API v3, integrations, `help`), so files go as links.
        Feature.IMAGE: Support.FALLBACK,
        Feature.VIDEO: Support.FALLBACK,
        Feature.AUDIO: Support.FALLBACK,
        Feature.FILE: Support.FALLBACK,
        Feature.OPTIONS: Support.FALLBACK,
        Feature.REPORTS: Support.DROP,
    },
    # The server's own limit stands in /features.json (FACTS 1.5), its value is not documented: `max_chars` is ours.
    limits=Limits(text_chars=4000),
    group=True,
    hooks=("",),
    key_header="key",
    max_body=1024 * 1024,
)
