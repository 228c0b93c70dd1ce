"""An Astrak channel's part of config.yaml.

```yaml
messenger: {kind: astrak, url: https://…, username: shop, password: ${ASTRAK_PASSWORD}, receive: callback}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings, http_address

SANDBOX_USERNAME = "shop"
SANDBOX_PASSWORD = "sandbox-password"  # noqa: S105 - a stand-in, see `BridgeSettings.stand_ins`


class Receive(StrEnum):
    """How events reach us."""

    CALLBACK = "callback"  # the messenger posts them to our hook address
    POLLING = "polling"  # we ask for the next one, again and again


class AstrakSettings(BridgeSettings):
    """A business account in the Astrak messenger (Astrak API v1.0). `url` is the API's base address, or `sandbox`."""

    stand_ins: ClassVar[Mapping[str, str]] = {"password": SANDBOX_PASSWORD}

    kind: Literal["astrak"] = "astrak"
    url: str = Field(description="Base address of the Astrak API, or `sandbox`.")
    username: str = Field(default="", description="Name of the business account.", max_length=200)
    password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    receive: Receive = Field(default=Receive.CALLBACK, description="`callback` or `polling`.")
    bot_id: int | None = Field(
        default=None, description="How the Operator API names this channel; allotted if not set.", ge=1, lt=2**53
    )
    # The document names no limit (FACTS 3); this is far below what any messenger is known to take.
    max_text: int = Field(
        default=1000, description="Longer texts become several messages, in characters.", ge=20, le=100_000
    )

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        return {"username": (self.username,)}

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        parts = http_address(url)
        if url != SANDBOX and (parts is None or parts.query or parts.fragment):
            raise ValueError(f"found {url!r}; allowed is a base address such as https://astrak.example.com, or sandbox")
        return url

    @model_validator(mode="after")
    def _account(self) -> AstrakSettings:
        """A real server needs an account; the sandbox has one."""
        missing = [n for n, v in (("username", self.username), ("password", self.password.get_secret_value())) if not v]
        if missing and not self.sandboxed:
            raise ValueError(f"{' and '.join(missing)} must be set and not empty")
        if not self.username:
            object.__setattr__(self, "username", SANDBOX_USERNAME)
        if not self.password.get_secret_value():
            object.__setattr__(self, "password", SecretStr(SANDBOX_PASSWORD))
        return self
