"""An Insta channel's part of config.yaml.

```yaml
shop: {kind: insta, url: https://api.getloo.ru/insta, token: ${INSTA_TOKEN}}
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings, http_address

SANDBOX_TOKEN = "SNDBX-00000-INSTA-00000-00000"  # noqa: S105 - a stand-in, see `BridgeSettings.stand_ins`
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


class Encoding(StrEnum):
    """How requests are encoded. The document's only sample is JSON; it does not say so in words (FACTS 2)."""

    JSON = "json"
    FORM = "form"


class InstaSettings(BridgeSettings):
    """One Instagram account behind the Insta API. `token` is part of every address, so it is a secret there too."""

    stand_ins: ClassVar[Mapping[str, str]] = {"token": SANDBOX_TOKEN}

    kind: Literal["insta"] = "insta"
    url: str = Field(description="Address of the Insta API, https://api.getloo.ru/insta, or `sandbox`.")
    token: SecretStr = Field(default=SecretStr(""), description="Access key, the TOKEN of the API's addresses.")
    bot_id: int | None = Field(
        default=None, ge=1, le=2**53, description="This channel's id in the Operator API; allotted when left out."
    )
    encoding: Encoding = Field(default=Encoding.JSON, description="How our requests are encoded.")
    reports: bool = Field(default=True, description="Whether delivery reports are believed; off: they are ignored.")

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        return {"token": (self.token.get_secret_value(),)}

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        parts = http_address(url)
        if url != SANDBOX and (parts is None or parts.query or parts.fragment or parts.username):
            raise ValueError(f"found {url!r}; allowed is an address such as https://api.getloo.ru/insta, or sandbox")
        return url.rstrip("/")

    @field_validator("token")
    @classmethod
    def _one_segment(cls, token: SecretStr) -> SecretStr:
        """The token stands between two slashes. Its value is never repeated in an error."""
        value = token.get_secret_value().strip()
        if value and not _PATH_SEGMENT.fullmatch(value):
            raise ValueError("allowed are letters, digits and - . _ ~ only, such as G23SF-AKFH5-H390S-HDRJS-Y5U43")
        return SecretStr(value)

    @model_validator(mode="after")
    def _token_there(self) -> InstaSettings:
        """The sandbox has a token of its own; anything else needs the account's."""
        if not self.token.get_secret_value():
            if not self.sandboxed:
                raise ValueError("token must be set and not empty (the access key of the Insta API)")
            object.__setattr__(self, "token", SecretStr(SANDBOX_TOKEN))
        return self
