"""Looking: what the store, the disk and the certificate of public_url say right now."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from relay.contract.errors import StoreUnavailable
from relay.observe.alarms import DestinationFacts, Facts
from relay.store.records import Destination

CERTIFICATE_EVERY_S = 6 * 3600.0
CONNECT_S = 10.0


class StoreState(Protocol):
    """What the store says of itself. Every method may raise StoreUnavailable."""

    async def now_s(self) -> float: ...

    async def destination(self, name: str) -> Destination: ...

    async def orphans(self, names: Collection[str]) -> Sequence[str]: ...

    async def dead_count(self) -> int: ...


def destination_facts(d: Destination, now_ms: int, *, known: bool = True) -> DestinationFacts:
    """One destination as the store knows it; `now_ms` by the store's clock."""

    def age_s(at_ms: int) -> float:
        return max(0.0, (now_ms - at_ms) / 1000) if at_ms else 0.0

    return DestinationFacts(
        name=d.name,
        paused=d.paused,
        open_s=age_s(d.open_ms),
        failing_s=age_s(d.failing_ms),
        oldest_s=age_s(d.oldest_ms),
        backlog=d.backlog,
        words=d.words or d.last_words,
        known=known,
    )


class FactFinder:
    """Looks on demand; what costs more than a moment is looked up rarely and remembered."""

    def __init__(
        self,
        store: StoreState,
        names: Callable[[], Collection[str]],
        *,
        data_dir: Path,
        public_url: str | None,
        history_problem: Callable[[], str | None] = lambda: "",
        wrong_hook_secrets: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`names`: of the accounts, which a reload changes. `wrong_hook_secrets` is asked once a look."""
        self.store = store
        self.names = names
        self.data_dir = data_dir
        self.public_url = public_url
        self.history_problem = history_problem
        self.wrong_hook_secrets = wrong_hook_secrets
        self._certificate: tuple[float, float | None] = (-CERTIFICATE_EVERY_S, None)  # looked at, ends at (unix s)

    async def __call__(self) -> Facts:
        destinations: tuple[DestinationFacts, ...] = ()
        dead: int | None = None
        names = tuple(self.names())
        problem = ""
        try:
            now_ms = int(await self.store.now_s() * 1000)
            found = [destination_facts(await self.store.destination(n), now_ms) for n in names]
            for name in await self.store.orphans(names):
                found.append(destination_facts(await self.store.destination(name), now_ms, known=False))
            destinations = tuple(found)
            dead = await self.store.dead_count()
        except StoreUnavailable as e:
            problem = str(e)
        return Facts(
            destinations=destinations,
            dead_letters=dead,
            store_problem=problem,
            history_problem=self.history_problem(),
            disk_free=await asyncio.to_thread(_free, self.data_dir),
            certificate_s=await self._certificate_left_s(),
            wrong_hook_secrets=self.wrong_hook_secrets(),
        )

    async def _certificate_left_s(self) -> float | None:
        if not (self.public_url or "").startswith("https://"):
            return None
        looked, ends = self._certificate
        if time.monotonic() - looked >= CERTIFICATE_EVERY_S:
            ends = await certificate_end(self.public_url or "")
            self._certificate = (time.monotonic(), ends)
        return None if ends is None else ends - time.time()


def _free(folder: Path) -> int | None:
    """Bytes free for us; None where the folder cannot be asked."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


async def certificate_end(url: str, context: ssl.SSLContext | None = None) -> float | None:
    """When the certificate of an https address ends, in seconds since the epoch. None where it cannot be had; a
    certificate that has ended already gives 0.0, for then no connection comes about that would name its date."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context or ssl.create_default_context()
            )
    except ssl.SSLCertVerificationError as e:
        return 0.0 if "expired" in str(e) else None
    except (OSError, TimeoutError):
        return None
    try:
        found = writer.get_extra_info("peercert") or {}
        return float(ssl.cert_time_to_seconds(found["notAfter"])) if "notAfter" in found else None
    finally:
        writer.close()
