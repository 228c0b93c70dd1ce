"""Kinds of bridges that exist only in tests of the configuration: a channel, a desk with much to set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from relay.contract import BridgeSettings, BridgeSpec
from relay.contract.durations import Duration
from relay.contract.model import Role


class ShopSettings(BridgeSettings):
    kind: Literal["insta"] = "insta"
    token: SecretStr = Field(min_length=1, description="The token in the address of the API.")
    bot_id: int | None = Field(default=None, ge=1)

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        return {"token": (self.token.get_secret_value(),)}


class PanelSettings(BridgeSettings):
    kind: Literal["operator"] = "operator"
    attaches: Literal["brackets", "json", "file"] = "brackets"
    dedupe: Duration = Field(default=5.0, ge=0, le=86400)


class GroupSettings(BridgeSettings):
    kind: Literal["team"] = "team"
    guards: bool = False
    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    mirror: bool = True

    def hook_guards(self) -> Mapping[str, tuple[str, ...]]:
        return {"key": (self.key.get_secret_value(),)} if self.guards else {}

    @field_validator("key")
    @classmethod
    def _careless(cls, key: SecretStr) -> SecretStr:
        """A validator as careless as one may be: its error repeats the secret."""
        if key.get_secret_value().startswith("bad"):
            raise ValueError(f"the key {key.get_secret_value()!r} is bad")
        return key


def _spec(kind: str, role: Role, settings: type[BridgeSettings], *hooks: str) -> BridgeSpec:
    return BridgeSpec(
        kind=kind,
        label=kind.title(),
        role=role,
        docs="nowhere",
        checked_on=date(2026, 1, 1),
        settings=settings,
        support={},
        hooks=hooks,
    )


KINDS = {
    spec.kind: spec
    for spec in (
        _spec("insta", Role.CHANNEL, ShopSettings, "<secret>"),
        _spec("operator", Role.DESK, PanelSettings, "message", "user", "media"),
        _spec("team", Role.DESK, GroupSettings, ""),
    )
}

GOOD = """\
channels:
  shop: {kind: insta, url: sandbox, token: ${TOKEN}}
desks:
  panel: {kind: operator, url: sandbox}
  sales: {kind: team, url: sandbox, key: abc}
routes:
  - {channel: shop, desks: [panel, sales]}
"""
ENV = {"TOKEN": "hunter22"}
