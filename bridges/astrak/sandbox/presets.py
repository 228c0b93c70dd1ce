"""Troubles by one press, in the words of who runs a business."""

from __future__ import annotations

from bridges.sandbox_kit import Preset

PRESETS = (
    Preset(
        name="down",
        title="The messenger is down for 2 minutes",
        text="Every request fails; afterwards everything that waited is delivered.",
        switches={"failing": 100_000, "failing_as": "html_503"},
        for_s=120,
    ),
    Preset(
        name="slow",
        title="Everything takes 8 seconds",
        text="Nothing may be lost or sent twice.",
        switches={"slow_s": 8.0},
    ),
    Preset(
        name="refuses",
        title="The next request is refused",
        text="A code below 0, with the reason in words.",
        switches={"failing": 1, "failing_as": "negative_code"},
    ),
)
