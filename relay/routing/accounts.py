"""The configured accounts, with their bridges built.

Only here is a config turned into bridges; the classes are handed in by the command line, so the core names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.config.load import Config
from relay.contract import Bridge, BridgeContext, BridgeSettings, HasBotId, Texts
from relay.contract.model import Role
from relay.routing.hook_addresses import hook_secrets
from relay.routing.sandbox_credentials import credential_maker

SECRET_TAIL = "<secret>"  # noqa: S105 - the word in a spec, no secret


@dataclass(slots=True, kw_only=True)
class Account:
    """One account in use: its bridge and what the core knows about it. `base` is where the other side reaches us."""

    name: str
    role: Role
    bridge: Bridge[Any]
    settings: BridgeSettings
    base: str
    secrets: Sequence[str] = ()
    bot_id: int = 0  # allotted at start

    @property
    def is_desk(self) -> bool:
        return self.role is Role.DESK

    @property
    def mirror(self) -> bool:
        """Whether this desk is shown what other desks answer."""
        return bool(getattr(self.settings, "mirror", True))

    @property
    def configured_bot_id(self) -> int | None:
        return self.settings.bot_id if isinstance(self.settings, HasBotId) else None

    def hooks(self) -> dict[str, str]:
        """Our addresses for this account, by tail."""
        out = {}
        for tail in self.bridge.spec.hooks:
            path = self.secrets[0] if tail == SECRET_TAIL else tail
            out[tail] = f"{self.base}/hooks/{self.name}" + (f"/{path}" if path else "")
        return out


@dataclass(slots=True, kw_only=True)
class Accounts:
    """All accounts, and who is connected with whom.

    `panels` are the relay's own desks: they have a name and channels, so an answer can come from one, but no bridge and
    no lane. They are no accounts, and never in `desks_of`.
    """

    by_name: dict[str, Account]
    desks_of: dict[str, tuple[str, ...]]  # by channel: whom its messages are delivered to
    channels_of: dict[str, tuple[str, ...]]  # by desk, panels too
    panels: tuple[str, ...] = ()
    kinds: dict[str, type[Bridge[Any]]] = field(default_factory=dict)

    def channels(self) -> list[Account]:
        return [a for a in self.by_name.values() if not a.is_desk]

    def panels_of(self, channel: str) -> tuple[str, ...]:
        """The panels that show a channel."""
        return tuple(p for p in self.panels if channel in self.channels_of[p])

    def desks(self) -> list[Account]:
        return [a for a in self.by_name.values() if a.is_desk]

    def become(self, other: Accounts) -> None:
        """Take another configuration's accounts, in one step: whoever holds this object sees them from the next event
        on, and none sees a part of them."""
        self.by_name, self.desks_of, self.channels_of = other.by_name, other.desks_of, other.channels_of
        self.panels, self.kinds = other.panels, other.kinds


def sandbox_url(origin: str, name: str) -> str:
    """Where the built-in sandbox of an account is mounted."""
    return f"{origin}/sandbox/{name}"


def build(
    config: Config,
    kinds: Mapping[str, type[Bridge[Any]]],
    texts: Texts,
    *,
    keys: Sequence[str],
    local_origin: str,
    public_url: str,
) -> Accounts:
    """Build every bridge. `local_origin` is where this machine reaches our own web server: sandboxes live there."""
    accounts = {}
    for name, entry in config.accounts.items():
        settings = entry.settings
        sandboxed = settings.sandboxed
        if sandboxed:
            settings = settings.with_own_credentials(credential_maker(keys[0], name))
        url = sandbox_url(local_origin, name) if sandboxed else settings.url.rstrip("/")
        bridge = kinds[entry.kind](settings, BridgeContext(name=name, texts=texts, url=url))
        accounts[name] = Account(
            name=name,
            role=entry.role,
            bridge=bridge,
            settings=settings,
            base=local_origin if sandboxed else public_url,
            secrets=hook_secrets(keys, name),
        )
    return Accounts(
        by_name=accounts,
        desks_of={c: tuple(config.desks_for(c)) for c, a in accounts.items() if not a.is_desk},
        channels_of={
            d: tuple(config.channels_for(d)) for d in (*(d for d, a in accounts.items() if a.is_desk), *config.panels)
        },
        panels=config.panels,
        kinds=dict(kinds),
    )
