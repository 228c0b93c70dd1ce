"""The operator desk's part of config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings, http_address
from relay.contract.durations import Duration

BUILTIN = "builtin"
SANDBOX_TOKEN = "sandbox-panel-token"  # noqa: S105 - a stand-in, see `BridgeSettings.stand_ins`


class Attaching(StrEnum):
    """How files go to the panel. The document does not say how `attaches` is encoded (FACTS 4)."""

    BRACKETS = "brackets"  # attaches[0][file_url]=..., the way of PHP, the panel's likely language
    JSON = "json"  # one field `attaches` holding a JSON array
    FILE = "file"  # the binary field `attach`


class OperatorSettings(BridgeSettings):
    """An operator panel (Operator API). `url` is its endpoint for our messages, or `sandbox`."""

    stand_ins: ClassVar[Mapping[str, str]] = {"token": SANDBOX_TOKEN, "webhook_token": SANDBOX_TOKEN}

    kind: Literal["operator"] = "operator"
    url: str = Field(description="The panel's endpoint for messages, or `sandbox`.")
    token: SecretStr = Field(default=SecretStr(""), description="Sent with each of our requests.")
    webhook_token: SecretStr = Field(default=SecretStr(""), description="Comes with each of the panel's hooks.")
    attaches: Attaching = Field(default=Attaching.BRACKETS, description="How files are handed over.")
    dedupe: Duration = Field(
        default=5.0, description="Identical messages within this time are one; 0 turns it off.", ge=0, le=86400
    )
    mirror: bool = Field(default=True, description="Whether answers from other desks are shown here.")

    def hook_guards(self) -> Mapping[str, tuple[str, ...]]:
        return {"webhook_token": (self.webhook_token.get_secret_value(),)}

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        return {"token": (self.token.get_secret_value(),)}

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if url == BUILTIN:
            raise ValueError("found 'builtin': the relay's own panel is not in this version yet, use sandbox")
        if url != SANDBOX and http_address(url) is None:
            raise ValueError(f"found {url!r}; allowed is an address that begins with https:// (or http://), or sandbox")
        return url

    @field_validator("token", "webhook_token")
    @classmethod
    def _trimmed(cls, token: SecretStr) -> SecretStr:
        """A blank around a token is a slip of whoever copied it: no panel sends it."""
        return SecretStr(token.get_secret_value().strip())

    @model_validator(mode="after")
    def _tokens(self) -> OperatorSettings:
        """A real panel needs both tokens; the sandbox has its own."""
        missing = [name for name in ("token", "webhook_token") if not getattr(self, name).get_secret_value()]
        if missing and not self.sandboxed:
            raise ValueError(
                f"{' and '.join(missing)} must be set and not empty (the panel's administrator gives them)"
            )
        for name in missing:
            object.__setattr__(self, name, SecretStr(SANDBOX_TOKEN))
        return self
