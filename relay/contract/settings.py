"""An account's part of config.yaml, as every bridge extends it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

SANDBOX = "sandbox"


class BridgeSettings(BaseModel):
    """An account's part of config.yaml. Secrets are SecretStr; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    url: str

    @property
    def sandboxed(self) -> bool:
        """True when the relay's own sandbox stands behind this account."""
        return self.url == SANDBOX
