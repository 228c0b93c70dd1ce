"""A team desk's part of config.yaml.

```yaml
sales: {kind: team, url: https://web.tada.team, key: ${TEAM_KEY}}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from relay.contract import SANDBOX, BridgeSettings, http_address

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# What a desk on the sandbox uses when it names nothing, so a demo needs no secrets: key and token are stand-ins (see
# `BridgeSettings.stand_ins`). They are taken only with `url: sandbox`; any other address needs a key of its own.
SANDBOX_KEY = "BWDydgHkSQ_2JSOiBDeEoR9KILo"
SANDBOX_TOKEN = "WoqtDSoWibETHyZcFJvixHGbp9AdYeg0"  # noqa: S105 -- the document's sample
SANDBOX_TEAM = "3525d76d-cfe0-469f-b46e-cbb79ae5491e"
SANDBOX_GROUP = "g-edb35028-b3ff-48ef-afc4-6fcd4c86b5ad"

TeamUid = Annotated[str, StringConstraints(pattern=rf"^{UUID}$")]
Jid = Annotated[str, StringConstraints(pattern=rf"^[dg]-{UUID}$")]  # FACTS 1.3: d- a person, g- a group
GroupJid = Annotated[str, StringConstraints(pattern=rf"^g-{UUID}$")]


class TeamSettings(BridgeSettings):
    """`key` is the group's integration key: we post with it, and the hooks that come to us must carry it."""

    stand_ins: ClassVar[Mapping[str, str]] = {"key": SANDBOX_KEY, "token": SANDBOX_TOKEN}

    kind: Literal["team"] = "team"
    url: str = Field(description="Address of the team chat's server, such as https://web.tada.team, or `sandbox`.")
    key: SecretStr | None = Field(
        None,
        description="Key of the group's API/Webhook integration; several, separated by commas, are several groups.",
    )
    key_file: Path | None = Field(
        None, description="File with the key; `relay provision` writes the key it read into it. Read at start."
    )
    mirror: bool = Field(True, description="Show here what other desks answer.")
    mode: Literal["key", "user"] = Field(
        "key", description="key: post as the integration. user: post as the user of `token`, to `to`."
    )
    token: SecretStr | None = Field(None, description="A user's or bot's API token, for `mode: user` and provisioning.")
    token_file: Path | None = Field(None, description="File with the token, as `relay team login` writes it.")
    team: TeamUid | None = Field(None, description="The team's uid, for `mode: user` and provisioning.")
    to: Jid | None = Field(None, description="Where `mode: user` posts: d-… a person, g-… a group.")
    group: GroupJid | None = Field(None, description="The group whose integration `relay provision` looks after.")
    max_chars: int = Field(4000, ge=200, le=100_000, description="Longer posts are split into several, at words.")
    send_message_id: bool = Field(
        False, description="Send our own message_id with /api/message, so that a server which knows it drops repeats."
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        parts = http_address(url)
        if url != SANDBOX and (parts is None or parts.query or parts.fragment):
            raise ValueError(f"found {url!r}; allowed is a base address such as https://web.tada.team, or sandbox")
        return url

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Reads `key_file` and `token_file`, and gives a sandboxed desk the sandbox's own credentials."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        for field in ("key", "token"):
            path = filled.get(f"{field}_file")
            if filled.get(field) is None and isinstance(path, str | Path):
                filled[field] = _read_secret(Path(path), f"{field}_file")
        if filled.get("url") == SANDBOX:
            if not filled.get("key"):
                filled["key"] = SANDBOX_KEY
            if filled.get("mode") == "user":
                for field, value in (("token", SANDBOX_TOKEN), ("team", SANDBOX_TEAM), ("to", SANDBOX_GROUP)):
                    filled[field] = filled.get(field) or value
        return filled

    @model_validator(mode="after")
    def _complete(self) -> TeamSettings:
        """Each mode has what it needs. A file that is named but not there yet is a matter for `relay doctor`."""
        if self.mode == "key" and not self.keys and self.key_file is None:
            raise ValueError("`key` is missing: the API key of the group's API/Webhook integration")
        if self.mode == "user":
            missing = [
                name
                for name, there in (
                    ("token (or token_file)", self.token or self.token_file),
                    ("team", self.team),
                    ("to", self.to),
                )
                if not there
            ]
            if missing:
                raise ValueError(f"`mode: user` needs {', '.join(missing)}")
        return self

    def hook_guards(self) -> Mapping[str, tuple[str, ...]]:
        return {"key": self.keys}

    def logins(self) -> Mapping[str, tuple[str, ...]]:
        return {"key": self.keys}

    @property
    def keys(self) -> tuple[str, ...]:
        """The integration keys, one per group (FACTS 1.8: the server takes several, separated by commas)."""
        return split_keys(self.key.get_secret_value()) if self.key else ()


def split_keys(value: str) -> tuple[str, ...]:
    """`"a, b"` -> `("a", "b")`."""
    return tuple(key for key in (part.strip() for part in value.split(",")) if key)


def _read_secret(path: Path, field: str) -> str | None:
    """The file's one line; None where there is no file yet. Raises ValueError where it cannot be read."""
    try:
        return path.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise ValueError(f"`{field}` {path} cannot be read: {getattr(e, 'strerror', None) or 'not UTF-8'}") from None
