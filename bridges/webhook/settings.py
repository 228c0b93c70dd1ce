"""A generic webhook's part of config.yaml, as a channel and as a desk.

```yaml
channels: {crm: {kind: webhook, url: https://crm.example.com/relay, secret: "${CRM_SECRET}"}}
desks: {bot: {kind: webhook_desk, url: https://bot.example.com/hook, secret: "${BOT_SECRET}", token: "${BOT_TOKEN}"}}
```
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings, http_address
from relay.contract.signatures import SECRET_PREFIX, standard_secret

MIN_BYTES = 8
MIN_TOKEN = 8  # characters
MAKE_ONE = "make one with `echo whsec_$(openssl rand -base64 32)`"

# A stand-in, see `BridgeSettings.stand_ins`.
SANDBOX_SECRET = SECRET_PREFIX + base64.b64encode(b"sandbox-webhook-secret--").decode("ascii")


class _WebhookSettings(BridgeSettings):
    stand_ins: ClassVar[Mapping[str, str]] = {"secret": SANDBOX_SECRET}

    url: str = Field(description="Where our events are posted, or `sandbox`.")
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signing secret, whsec_ and base64; several, separated by spaces, while one is being replaced: all "
        "are accepted, and what we send carries a signature of each.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="Scripts that cannot sign write with `Authorization: Bearer <token>`, as a form or plain JSON.",
    )
    private: bool = Field(default=False, description="Whether `url` may lead to a private network or this machine.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        parts = http_address(url)
        if url != SANDBOX and (parts is None or parts.username is not None):
            raise ValueError(
                f"found {url!r}; allowed is an address that begins with https:// (or http://) and holds no password, "
                "or sandbox"
            )
        return url

    @field_validator("secret")
    @classmethod
    def _keys_in_base64(cls, secret: SecretStr) -> SecretStr:
        for text in split_secrets(secret.get_secret_value()):
            if len(standard_secret(text)) < MIN_BYTES:
                raise ValueError(f"a signing secret of under {MIN_BYTES} bytes can be guessed; {MAKE_ONE}")
        return secret

    @field_validator("token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < MIN_TOKEN:
            raise ValueError(f"a token of under {MIN_TOKEN} characters can be guessed")
        return token

    @model_validator(mode="after")
    def _signed(self) -> _WebhookSettings:
        if not self.keys:
            if not self.sandboxed:
                raise ValueError(f"`secret` must be set and not empty; {MAKE_ONE}")
            object.__setattr__(self, "secret", SecretStr(SANDBOX_SECRET))
        return self

    def with_own_credentials(self, make: Callable[[str], str]) -> Self:
        return super().with_own_credentials(
            lambda field: SECRET_PREFIX + base64.b64encode(make(field).encode()).decode("ascii")
        )

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The signing keys, the newest first."""
        return tuple(standard_secret(text) for text in split_secrets(self.secret.get_secret_value()))

    @property
    def public_only(self) -> bool:
        return not (self.private or self.sandboxed)


class WebhookSettings(_WebhookSettings):
    """Any system of yours as a channel: it posts customers' messages to us and is posted the answers."""

    kind: Literal["webhook"] = "webhook"


class WebhookDeskSettings(_WebhookSettings):
    """Any system of yours as a desk: it is posted customers' messages and posts the answers to us."""

    kind: Literal["webhook_desk"] = "webhook_desk"
    mirror: bool = Field(default=True, description="Whether answers from other desks are posted here.")


def split_secrets(value: str) -> tuple[str, ...]:
    """`"whsec_a whsec_b"` -> both; commas separate, too."""
    return tuple(re.split(r"[\s,]+", value.strip())) if value.strip(" ,\t\n") else ()
