"""The sandbox's switches, and the arguments of its actions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bridges.sandbox_kit import ActionModel, Preset, SandboxSwitches

ReportName = Literal["pending", "delivered", "read", "fail"]


def _group(name: str) -> dict[str, Any]:
    return {"group": name}


_API, _TICKS, _HOOKS = _group("Answers of the API"), _group("Delivery reports"), _group("Hooks")


class Switches(SandboxSwitches):
    """What can go wrong behind the Insta API; each is backed by its document or by what is known about it."""

    auto_deliver: bool = Field(
        True,
        title="Deliver by itself",
        description="Pending, then delivered. Off: use the buttons under an answer.",
        json_schema_extra=_TICKS,
    )
    auto_read: bool = Field(
        True,
        title="Read when open",
        description="Answers in the conversation on the screen are read.",
        json_schema_extra=_TICKS,
    )
    report_delay_s: float = Field(
        0.4, ge=0, le=600, title="Pause before each, seconds", allow_inf_nan=False, json_schema_extra=_TICKS
    )
    report_order: Literal["in_order", "shuffled", "before_the_answer"] = Field(
        "in_order",
        title="Order",
        description="Shuffled: all at once in any order. Before: they come before sendMsg has answered.",
        json_schema_extra=_TICKS,
    )
    reports_missing: Literal["none", "pending", "delivered", "read", "all"] = Field(
        "none", title="Missing", description="Which of them are never sent.", json_schema_extra=_TICKS
    )
    reports_twice: bool = Field(False, title="Each one twice", json_schema_extra=_TICKS)
    report_device: Literal["mdn", "user_id", "none"] = Field(
        "mdn",
        title="Customer named by",
        description="The document's samples have a phone number.",
        json_schema_extra=_TICKS,
    )
    report_dates: Literal["impossible", "real"] = Field(
        "impossible", title="Dates", description="The document's samples say 2020-00-00.", json_schema_extra=_TICKS
    )
    window_closed: bool = Field(
        False,
        title="24 hours have passed",
        description="Answers are accepted, then errorActionFail comes.",
        json_schema_extra=_TICKS,
    )

    unpaid: Literal["no", "402", "status_false"] = Field(
        "no",
        title="Channel not paid",
        description="402 to everything, or only channel.status false.",
        json_schema_extra=_API,
    )
    token_rejected: bool = Field(False, title="Token not valid (401)", json_schema_extra=_API)
    other_account: bool = Field(
        False,
        title="Token of another account",
        description="getInfo names a different user_id.",
        json_schema_extra=_API,
    )
    fail_next: int = Field(0, ge=0, le=1_000_000, title="Fail the next requests", json_schema_extra=_API)
    fail_status: int = Field(503, ge=400, le=599, title="… with status", json_schema_extra=_API)
    retry_after: str = Field(
        "",
        max_length=100,
        title="… and Retry-After",
        description="Seconds, a date or nonsense.",
        json_schema_extra=_API,
    )
    html_next: int = Field(0, ge=0, le=1_000_000, title="HTML with 200 to the next requests", json_schema_extra=_API)
    refuse_next: int = Field(
        0,
        ge=0,
        le=1_000_000,
        title="Refuse the next messages",
        description="200 with success: false.",
        json_schema_extra=_API,
    )
    refuse_error: str = Field("Сообщение отклонено", max_length=500, title="… with the words", json_schema_extra=_API)
    slow_s: float = Field(
        0, ge=0, le=600, allow_inf_nan=False, title="Seconds before each answer", json_schema_extra=_API
    )
    slow_after: bool = Field(
        False,
        title="Slow only after accepting",
        description="The message is queued, the answer comes late.",
        json_schema_extra=_API,
    )
    caption_limit: Literal["characters", "bytes"] = Field("characters", title="1000 counted in", json_schema_extra=_API)
    fetch_files: bool = Field(
        True, title="Fetch files", description="Off: addresses of files are believed.", json_schema_extra=_API
    )
    strangers: Literal["accept", "refuse"] = Field(
        "accept",
        title="Unknown recipients",
        description="Accept: a customer of that id appears.",
        json_schema_extra=_API,
    )

    video_as_image: bool = Field(
        True, title="Videos are typed image", description="As in the document.", json_schema_extra=_HOOKS
    )
    hooks_twice: bool = Field(False, title="Each message comes twice", json_schema_extra=_HOOKS)
    trailing_commas: bool = Field(
        False,
        title="Trailing commas",
        description="No valid JSON, as two samples in the document.",
        json_schema_extra=_HOOKS,
    )
    hook_encoding: Literal["json", "form"] = Field(
        "json", title="Encoding", description="Form: one field holds the JSON.", json_schema_extra=_HOOKS
    )
    ids_as_numbers: bool = Field(False, title="Ids as numbers", json_schema_extra=_HOOKS)


# --- what one can do ------------------------------------------------------------------------------------------------


class NewCustomer(ActionModel):
    username: str = Field("", max_length=200)
    name: str = Field("", max_length=500)


class Rename(ActionModel):
    customer_id: str
    username: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=500)


class Write(ActionModel):
    customer_id: str
    text: str = Field(max_length=1_000_000)


class SendFile(ActionModel):
    customer_id: str
    what: Literal["photo", "film", "voice"] = "photo"
    text: str = Field("", max_length=1_000_000)
    href: str = ""
    mime: str = ""
    filename: str = ""
    type: str = ""


class SendUnknown(ActionModel):
    customer_id: str
    type: str = Field(min_length=1, max_length=100)
    text: str = ""
    with_file: bool = False


class Tap(ActionModel):
    message_id: str
    option: str


class Open(ActionModel):
    customer_id: str | None = None


class ReportByHand(ActionModel):
    message_id: str
    status: ReportName


class SetWebHook(ActionModel):
    url: str


class Raw(ActionModel):
    body: str
    content_type: str = "application/json"


PRESETS = (
    Preset(
        name="down",
        title="Instagram is down for 2 minutes",
        text="Every request gets a 503; afterwards everything that waited is delivered.",
        switches={"fail_next": 1_000_000, "fail_status": 503},
        for_s=120,
    ),
    Preset(
        name="token",
        title="The token has expired",
        text="The channel pauses and says so; it goes on once the token is taken again.",
        switches={"token_rejected": True},
    ),
    Preset(
        name="unpaid",
        title="The channel is not paid",
        text="402 to everything, until it is paid.",
        switches={"unpaid": "402"},
    ),
    Preset(
        name="window",
        title="The 24 hours are over",
        text="Answers are accepted, then reported as failed.",
        switches={"window_closed": True},
    ),
    Preset(
        name="refuses",
        title="The next answer is refused",
        text="Not delivered, with the reason in words.",
        switches={"refuse_next": 1},
    ),
    Preset(
        name="late",
        title="Reports come late and out of order",
        text="The ticks must never go back.",
        switches={"report_delay_s": 4.0, "report_order": "shuffled", "reports_twice": True},
    ),
)
