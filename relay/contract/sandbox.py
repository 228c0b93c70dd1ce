"""The sandbox of a system: the other side, as a real aiohttp application with a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from relay.contract.settings import BridgeSettings

if TYPE_CHECKING:
    from aiohttp import web  # takes a tenth of a second to load, and most commands start no sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file that a sandbox was told to fetch. `mime` is what its first bytes say, "" where they say nothing."""

    body: bytes
    mime: str = ""


class FetchFile(Protocol):
    """Fetches a file from an address that a stranger may have chosen: never out of our own network."""

    async def __call__(self, url: str, limit: int) -> FetchedFile:
        """At most `limit` bytes. Raises FetchRefused with a sentence."""
        ...


def nowhere(_: str) -> bool:
    """No address."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How a sandbox is started.

    `base_url` is where the sandbox itself is reached (no trailing slash), `hooks` the relay's hook addresses by tail
    (`{"": "http://.../hooks/sales"}`); empty when it stands alone. `settings` are the account's settings: its tokens
    and keys are what the sandbox accepts. `seed` makes ids and codes deterministic. `locale` is its page's language.

    What a sandbox may do to others is decided by whoever starts it: it fetches files through `fetch` alone (None: it
    fetches none), and posts hooks to `hooks` and what `posts_to` allows besides. `hosts` are the names under which it
    may be called besides addresses, `localhost` and its own; `framed` lets pages of the same origin show it in a frame.
    """

    name: str
    base_url: str
    settings: BridgeSettings
    hooks: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    locale: str = "en"
    fetch: FetchFile | None = None
    posts_to: Callable[[str], bool] = nowhere
    hosts: frozenset[str] = frozenset()
    framed: bool = False

    def may_post(self, url: str) -> bool:
        """Whether hooks may go to this address. A query is the registering bridge's own matter."""
        bare = url.partition("?")[0].rstrip("/")
        return any(bare == hook.rstrip("/") for hook in self.hooks.values()) or self.posts_to(url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox: mount `app` anywhere; `page` is the path of the page on which one plays the far side."""

    app: web.Application
    page: str = "/"
    title: str = ""
