"""What a person or a script can do at a sandbox, and what can go wrong there, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class ActionError(Exception):
    """An action that cannot be done; the sentence is shown to whoever asked (status 400)."""


class ActionModel(BaseModel):
    """Base of an action's arguments."""

    model_config = ConfigDict(extra="forbid")


class SandboxSwitches(BaseModel):
    """Base of a sandbox's switches: plain fields (bool, int, float, str, Literal) with `title` and `description`.

    The page draws them by itself, in order, under the headings of `json_schema_extra={"group": "..."}`.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A trouble by one press, in the words of who runs a business. After `for_s` seconds it is over."""

    name: str
    title: str
    text: str
    switches: Mapping[str, Any]
    for_s: float | None = None
