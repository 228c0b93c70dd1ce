"""What the operator panel can carry, as data."""

from __future__ import annotations

from datetime import date

from bridges.operator.settings import OperatorSettings
from relay.contract import BridgeSpec, Feature, Limits, Support
from relay.contract.model import Role

SPEC = BridgeSpec(
    kind="operator",
    label="Operator panel",
    role=Role.DESK,
    docs="Operator API, help.datingpro.com article 11564506",
    checked_on=date(2026, 11, 21),
    settings=OperatorSettings,
    support={
        Feature.TEXT: Support.FULL,
        # The document speaks of photos only, but of any public address: other media go the same way.
        Feature.IMAGE: Support.FULL,
        Feature.VIDEO: Support.FULL,
        Feature.AUDIO: Support.FULL,
        Feature.FILE: Support.FULL,
        Feature.COMMENT: Support.FULL,
        Feature.OPTIONS: Support.FALLBACK,  # in a mirrored answer, as a line of text
    },
    limits=Limits(),  # the document names none (FACTS 4)
    hooks=("message", "user", "media"),
    takes_files=True,
)
