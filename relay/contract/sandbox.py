"""The sandbox of a system: the other side, as a real aiohttp application with a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from relay.contract.settings import BridgeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How a sandbox is started.

    `base_url` is where the sandbox itself is reached (no trailing slash), `hooks` the relay's hook addresses by tail
    (`{"": "http://.../hooks/sales"}`); empty when it stands alone. `settings` are the account's settings: its tokens
    and keys are what the sandbox accepts. `seed` makes ids and codes deterministic. `locale` is its page's language.
    """

    name: str
    base_url: str
    settings: BridgeSettings
    hooks: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    locale: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox: mount `app` anywhere; `page` is the path of the page on which one plays the far side."""

    app: web.Application
    page: str = "/"
    title: str = ""
