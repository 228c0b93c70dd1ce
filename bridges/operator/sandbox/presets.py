"""Troubles by one press, in the words of who runs a business."""

from __future__ import annotations

from bridges.sandbox_kit import Preset

PRESETS = (
    Preset(
        name="down",
        title="The panel is down for 2 minutes",
        text="Messages wait, and come in order afterwards.",
        switches={"failing": 100_000, "failing_status": 503},
        for_s=120,
    ),
    Preset(
        name="token",
        title="It no longer knows our token",
        text="401 to every message, until it does again.",
        switches={"failing": 100_000, "failing_status": 401},
    ),
    Preset(
        name="twice",
        title="Answers are sent twice",
        text="The customer must get each of them once.",
        switches={"twice": True},
    ),
)
