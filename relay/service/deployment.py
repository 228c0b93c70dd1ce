"""A configuration in use, and what changes from one to the next.

Everything that a running process reads of its configuration per event hangs on one `Accounts`: it is brought up to date
in one step, between two events, so none sees half of the old and half of the new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.config.load import Config
from relay.config.masking import masked
from relay.config.settings import Settings
from relay.contract import Bridge, Texts
from relay.routing.accounts import Accounts, build

# What a running process can change; everything else is decided once, at its start.
LIVE = ("channels", "desks", "routes", "delivery", "provision")
LIVE_DELIVERY = ("retries", "backoff", "warn_before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a process was started with; `with_config` gives the next."""

    config: Config
    kinds: Mapping[str, type[Bridge[Any]]]
    keys: Sequence[str]
    texts: Texts
    origin: str  # where this machine reaches our web server

    def accounts(self) -> Accounts:
        """Fresh accounts with their bridges; nothing is asked and nothing sent."""
        return build(
            self.config,
            self.kinds,
            self.texts,
            keys=self.keys,
            local_origin=self.origin,
            public_url=self.config.public_url or self.origin,
        )

    def with_config(self, config: Config) -> Deployment:
        """The same process with another configuration."""
        return Deployment(config=config, kinds=self.kinds, keys=self.keys, texts=self.texts, origin=self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From one configuration to another: what people are told, and what stands in the way of doing it now."""

    lines: tuple[str, ...]
    needs_restart: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def difference(old: Config, new: Config) -> Difference:
    """Compare two configurations. No secret is in it: of settings only names are told."""
    lines, restart = [], []
    added = tuple(n for n in new.accounts if n not in old.accounts)
    removed = tuple(n for n in old.accounts if n not in new.accounts)
    changed = tuple(n for n in new.accounts if n in old.accounts and old.accounts[n] != new.accounts[n])
    lines += [f"{n}: new, {new.accounts[n].kind}" for n in added]
    lines += [f"{n}: gone; what waits for it is kept" for n in removed]
    for name in changed:
        before, after = old.accounts[name], new.accounts[name]
        if before.kind != after.kind or before.role is not after.role:
            restart.append(f"{name} (another kind)")
            continue
        fields = [f for f in type(after.settings).model_fields if _of(before.settings, f) != _of(after.settings, f)]
        lines.append(f"{name}: {', '.join(fields) or 'the environment it was filled from'} changed")
    for name in {*added, *removed, *changed}:
        settings = (new.accounts.get(name) or old.accounts[name]).settings
        was = old.accounts[name].settings if name in old.accounts else settings
        if settings.sandboxed or was.sandboxed:
            restart.append(f"{name} (a sandbox)")
    if old.panels != new.panels:
        lines.append(f"desks of kind panel: {', '.join(new.panels) or 'none'}")
    for channel in (r.channel for r in new.routes):
        before_desks = next((r.desks for r in old.routes if r.channel == channel), None)
        after_desks = next(r.desks for r in new.routes if r.channel == channel)
        if before_desks is not None and before_desks != after_desks:
            lines.append(f"route of {channel}: {', '.join(after_desks)} (was {', '.join(before_desks)})")
    for field in Settings.model_fields:
        before_value, after_value = getattr(old, field), getattr(new, field)
        if field in LIVE or before_value == after_value:
            continue
        restart.append(field)
    for field in type(new.delivery).model_fields:
        if getattr(old.delivery, field) != getattr(new.delivery, field):
            if field in LIVE_DELIVERY:
                lines.append(f"delivery.{field}: {masked(new.delivery, new.delivery.model_dump(mode='json'))[field]}")
            else:
                restart.append(f"delivery.{field}")
    if old.provision != new.provision:
        lines.append(f"provision: {str(new.provision).lower()}")
    return Difference(
        lines=tuple(lines), needs_restart=tuple(sorted(set(restart))), added=added, removed=removed, changed=changed
    )


def _of(settings: Any, field: str) -> Any:
    return getattr(settings, field, None)
