"""What can go wrong at the team chat, as data. Each switch stands for something that FACTS 1.2 to 1.9 name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bridges.sandbox_kit import Preset, SandboxSwitches

RETRIES = 8  # Team API v3, integrations: further tries after the first

_HOOK: dict[str, Any] = {"group": "Webhook"}
_ANSWER: dict[str, Any] = {"group": "Answers"}
_SERVER: dict[str, Any] = {"group": "Server"}


class TeamSwitches(SandboxSwitches):
    encoding: Literal["urlencoded", "multipart", "json", "json_without_type"] = Field(
        "urlencoded", title="Body", description="How webhooks are encoded.", json_schema_extra=_HOOK
    )
    echo: bool = Field(
        True,
        title="Echo of own posts",
        description="What was posted with a key comes back as a webhook of the same group.",
        json_schema_extra=_HOOK,
    )
    in_order: bool = Field(
        True,
        title="One after the other",
        description="Off: a webhook that is repeated lets later ones pass.",
        json_schema_extra=_HOOK,
    )
    extra_field: bool = Field(
        False, title="An extra field", description="Webhooks have a field nobody knows.", json_schema_extra=_HOOK
    )
    twice: bool = Field(False, title="Every webhook twice", json_schema_extra=_HOOK)
    first_pause_s: float = Field(
        1.0,
        ge=0.01,
        le=3600,
        title="First pause, s",
        description="Before the first of 8 repeats.",
        json_schema_extra=_HOOK,
    )
    pause_factor: float = Field(2.0, ge=1, le=10, title="Each pause times", json_schema_extra=_HOOK)

    errors: Literal["as_documented", "codes", "words"] = Field(
        "as_documented",
        title="Errors",
        description="As documented: words from /api/message, codes from everything else.",
        json_schema_extra=_ANSWER,
    )
    always_200: bool = Field(
        False, title="HTTP 200 with every error", description="Only the body says ok: false.", json_schema_extra=_ANSWER
    )
    failing: int = Field(
        0, ge=0, le=100_000, title="Fail the next", description="That many requests fail.", json_schema_extra=_ANSWER
    )
    failing_with: Literal["server_error", "proxy_page", "rate_limit", "html_with_200", "drop"] = Field(
        "server_error", title="… with", json_schema_extra=_ANSWER
    )
    retry_after_s: int = Field(0, ge=0, le=86_400, title="Retry-After, s", json_schema_extra=_ANSWER)
    lost_answers: int = Field(
        0,
        ge=0,
        le=100_000,
        title="Lose the next answers",
        description="That many posts are taken, but answered with a proxy's page.",
        json_schema_extra=_ANSWER,
    )
    latency_ms: int = Field(0, ge=0, le=60_000, title="Latency, ms", json_schema_extra=_ANSWER)

    unpaid: bool = Field(False, title="Account suspended", description="ACCOUNT_SUSPENDED.", json_schema_extra=_SERVER)
    v3: bool = Field(
        True,
        title="Paths of v3",
        description="Off: the server knows only v4, as newer ones may.",
        json_schema_extra=_SERVER,
    )
    clock_offset_s: float = Field(0.0, ge=-1e7, le=1e7, title="Clock off by, s", json_schema_extra=_SERVER)
    max_message_length: int = Field(
        10_000, ge=1, le=1_000_000, title="Longest message", description="Characters.", json_schema_extra=_SERVER
    )

    def pauses_s(self) -> tuple[float, ...]:
        """The growing pauses before the eight repeats, in seconds, none longer than an hour."""
        return tuple(min(3600.0, self.first_pause_s * self.pause_factor**i) for i in range(RETRIES))


PRESETS = (
    Preset(
        name="down",
        title="The team chat is down for 2 minutes",
        text="Posts wait, and come in order afterwards.",
        switches={"failing": 100_000, "failing_with": "server_error"},
        for_s=120,
    ),
    Preset(
        name="unpaid",
        title="The account is suspended",
        text="Posts pause until it is paid.",
        switches={"unpaid": True},
    ),
    Preset(
        name="limit",
        title="It asks to slow down",
        text="The next ten posts are told to come back later.",
        switches={"failing": 10, "failing_with": "rate_limit", "retry_after_s": 5},
    ),
    Preset(
        name="twice",
        title="Every webhook comes twice",
        text="The customer must get each answer once.",
        switches={"twice": True},
    ),
)
