"""An account's part of config.yaml, as every bridge extends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

SANDBOX = "sandbox"


def http_address(url: str) -> SplitResult | None:
    """The parts of an address that begins with http:// or https:// and names a host; None of anything else, such as one
    with a port that cannot be."""
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0 else None
    except ValueError:
        return None


class BridgeSettings(BaseModel):
    """An account's part of config.yaml. Secrets are SecretStr; unknown keys are errors.

    `stand_ins` are the credentials that stand in a sandboxed account until the core puts the deployment's own there, by
    field: they let settings be validated and tested alone, and open nothing in a running relay.
    """

    stand_ins: ClassVar[Mapping[str, str]] = {}
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    url: str

    @property
    def sandboxed(self) -> bool:
        """True when the relay's own sandbox stands behind this account."""
        return self.url == SANDBOX

    def hook_guards(self) -> Mapping[str, tuple[str, ...]]:
        """By field, the keys or tokens that a hook of this account must present: short ones are found by trying."""
        return {}

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        """By field, what opens this account at the other side. Two accounts at one address that share one of them would
        be the same account twice."""
        return {}

    def with_own_credentials(self, make: Callable[[str], str]) -> Self:
        """The settings of a sandboxed account with the deployment's own credentials, `make(field)`, for stand-ins."""
        changed: dict[str, Any] = {}
        for field, stand_in in self.stand_ins.items():
            value = getattr(self, field)
            if isinstance(value, SecretStr) and value.get_secret_value() == stand_in:
                changed[field] = SecretStr(make(field))
        return self.model_copy(update=changed) if changed and self.sandboxed else self
