"""The relay's own sandboxes: what they are started with, and what they may do to others.

A sandbox does what a stranger's API or page tells it. So it fetches files through the guarded fetcher alone, posts
hooks to the relay's own addresses alone, and its tokens and keys are different in every deployment.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from relay.contract import FetchedFile, FetchFile, Sandbox, SandboxOptions
from relay.media.fetcher import Fetcher
from relay.routing.accounts import Account, Accounts, sandbox_url


def addresses_of(accounts: Accounts, origin: str) -> list[str]:
    """Where files of customers in our own sandboxes lie: the only addresses of ours that are ever fetched from."""
    return [sandbox_url(origin, a.name) for a in accounts.by_name.values() if a.settings.sandboxed]


def fetching(fetcher: Fetcher) -> FetchFile:
    """What a sandbox fetches files with: into its memory, never out of our own network."""

    async def fetch(url: str, limit: int) -> FetchedFile:
        file = await fetcher.fetch(url, limit)
        try:
            return FetchedFile(body=await asyncio.to_thread(file.path.read_bytes), mime=file.mime)
        finally:
            await asyncio.to_thread(file.close)

    return fetch


def mounted(
    accounts: Accounts, spool: Path, origin: str, public_url: str, *, timeout_s: float, locale: str
) -> tuple[dict[str, Sandbox], Fetcher]:
    """The sandboxes of a deployment by account, and the fetcher they share, which the caller closes.

    They fetch from the public internet, from each other, and what the relay itself serves as media.
    """
    fetcher = Fetcher(spool, allow_private=[*addresses_of(accounts, origin), f"{origin}/media"], timeout_s=timeout_s)
    fetch = fetching(fetcher)
    host = urlsplit(public_url).hostname or ""
    return {
        a.name: _sandbox(a, fetch, host, locale) for a in accounts.by_name.values() if a.settings.sandboxed
    }, fetcher


def _sandbox(account: Account, fetch: FetchFile, public_host: str, locale: str) -> Sandbox:
    return account.bridge.sandbox(
        SandboxOptions(
            name=account.name,
            base_url=account.bridge.context.url,
            settings=account.settings,
            hooks=account.hooks(),
            fetch=fetch,
            hosts=frozenset({public_host} - {""}),
            framed=True,
            locale=locale,
        )
    )
