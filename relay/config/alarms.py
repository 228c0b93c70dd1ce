"""`alarms:` in config.yaml: who is told when something is wrong, and from when on something is."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from relay.contract import http_address
from relay.contract.durations import UNITS, Duration
from relay.contract.signatures import standard_secret
from relay.contract.sizes import Size

MB = 1000 * 1000
SECRET_BYTES = range(24, 65)  # what the Standard Webhooks specification allows


def secret_bytes(secret: str) -> bytes:
    """The key behind `whsec_<base64>`, of a length that the specification allows. Raises ValueError with a sentence."""
    key = standard_secret(secret)
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"the base64 behind whsec_ holds {len(key)} bytes; allowed is 24 to 64")
    return key


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in. `tls`: from the first byte (smtps); else STARTTLS wherever the server offers it."""

    host: str
    port: int
    tls: bool
    username: str = ""
    password: str = ""


def mail_server(address: str) -> MailServer:
    """`smtp://user:password@mail.example.com:587` or `smtps://...`. Raises ValueError with a sentence, without the
    password."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError(
            "is not the address of a mail server; expected smtp://[user:password@]host[:port] or smtps://..."
        )
    tls = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        tls=tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class AlarmWebhook(_Part):
    """An address that is told, signed as Standard Webhooks are."""

    url: SecretStr = Field(description="Where alarms are posted; often the address itself is the secret.")
    secret: SecretStr = Field(description="Signs them: whsec_ and 24 to 64 bytes in base64.")

    @field_validator("url")
    @classmethod
    def _address(cls, url: SecretStr) -> SecretStr:
        if http_address(url.get_secret_value()) is None:
            raise ValueError("is not an address; allowed is one such as https://hooks.example.com/relay")
        return url

    @field_validator("secret")
    @classmethod
    def _key(cls, secret: SecretStr) -> SecretStr:
        secret_bytes(secret.get_secret_value())
        return secret


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _mailbox(address: str) -> str:
    name, at, host = address.partition("@")
    if not (name and at and host) or "@" in host or any(c.isspace() or c in "<>,;" for c in address):
        raise ValueError(f"found {address!r}; allowed is an address such as shop@example.com")
    return address


class AlarmMail(_Part):
    """Alarms by e-mail."""

    to: Annotated[tuple[str, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])] = Field(
        min_length=1, max_length=20, description="Who is told."
    )
    sender: str = Field(alias="from", description="Whom the mails come from.")
    smtp: SecretStr = Field(description="The mail server: smtp://user:password@host:587 or smtps://...")

    @field_validator("to")
    @classmethod
    def _mailboxes(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_mailbox(one) for one in to)

    @field_validator("sender")
    @classmethod
    def _sender(cls, sender: str) -> str:
        return _mailbox(sender)

    @field_validator("smtp")
    @classmethod
    def _server(cls, smtp: SecretStr) -> SecretStr:
        mail_server(smtp.get_secret_value())
        return smtp


class Alarms(_Part):
    """Who is told when something is wrong, and from when on something is."""

    desks: bool = Field(default=True, description="Whether desks are told of what they do not hear otherwise.")
    webhook: AlarmWebhook | None = Field(default=None, description="An address that is told, signed.")
    email: AlarmMail | None = Field(default=None, description="Who is told by e-mail.")
    oldest: Duration = Field(
        default=10 * UNITS["m"], ge=10, le=30 * UNITS["d"], description="How long a message may wait."
    )
    disk: Size = Field(default=500 * MB, ge=0, description="How much must be free where data_dir lies.")
