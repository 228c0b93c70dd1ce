"""A Telegram bot's part of config.yaml, as a channel (private chats) and as a desk (a group).

```yaml
channels: {tg: {kind: telegram, token: "${BOT_TOKEN}"}}
desks: {team: {kind: telegram_desk, token: "${DESK_BOT_TOKEN}", chat: -1001234567890}}
```
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings

API = "https://api.telegram.org"
SANDBOX_CHAT = -1001000000001
SANDBOX_TOKEN = "100001:sandbox-telegram-token"  # noqa: S105 - a stand-in, see `BridgeSettings.stand_ins`
_TOKEN = re.compile(r"[A-Za-z0-9:_-]{8,200}")


class _TelegramSettings(BridgeSettings):
    stand_ins: ClassVar[Mapping[str, str]] = {"token": SANDBOX_TOKEN}

    url: str = Field(default=API, description="The Bot API's server; `sandbox` for a played one.")
    token: SecretStr = Field(default=SecretStr(""), description="The bot's token, as BotFather gave it.")
    receive: Literal["webhook", "polling"] = Field(
        default="webhook", description="webhook: Telegram calls us. polling: we ask, which works behind a firewall too."
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if url != SANDBOX and not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", url):
            raise ValueError(f"found {url!r}; allowed is an address that begins with https:// (or http://), or sandbox")
        return url

    @model_validator(mode="after")
    def _has_token(self) -> _TelegramSettings:
        token = self.token.get_secret_value()
        if not token and self.sandboxed:
            object.__setattr__(self, "token", SecretStr(SANDBOX_TOKEN))
        elif not _TOKEN.fullmatch(token):
            raise ValueError("`token` must be set, as BotFather gave it: digits, a colon, and a word of 35 characters")
        return self

    def with_own_credentials(self, make: Callable[[str], str]) -> Self:
        return super().with_own_credentials(lambda field: f"100001:{make(field)}")

    @property
    def hook_secret(self) -> str:
        """What Telegram puts into a header of each hook. Derived: it changes with the token and is written nowhere."""
        digest = hmac.digest(self.token.get_secret_value().encode(), b"relay.telegram.hook.v1", hashlib.sha256)
        return digest.hex()


class TelegramSettings(_TelegramSettings):
    """A bot that customers write to."""

    kind: Literal["telegram"] = "telegram"


class TelegramDeskSettings(_TelegramSettings):
    """A bot in a group of colleagues."""

    kind: Literal["telegram_desk"] = "telegram_desk"
    chat: int = Field(
        description="The group's id, such as -1001234567890: the number in the group's address in the web client."
    )
    mirror: bool = Field(default=True, description="Show here what other desks answer.")

    @model_validator(mode="before")
    @classmethod
    def _sandbox_has_one(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("url") == SANDBOX and not data.get("chat"):
            return {**data, "chat": SANDBOX_CHAT}
        return data
