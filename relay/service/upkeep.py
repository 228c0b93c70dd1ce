"""What is looked after now and then: lost wake-ups, lanes of processes that died, old files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from relay.media.library import MediaStore
from relay.outbound.lane_worker import LaneWorker, is_gone
from relay.store.awaited_files import awaited_files
from relay.store.store import Store

log = logging.getLogger("relay.service.upkeep")

SWEEP_EVERY_S = 30.0
PURGE_EVERY_S = 3600.0


class Upkeep:
    """One process's share of it. `name` is the process's own; `keep_s`: how long other files are kept."""

    def __init__(self, store: Store, media: MediaStore, workers: Mapping[str, LaneWorker], name: str, keep_s: float):
        self.store = store
        self.media = media
        self.workers = workers
        self.name = name
        self.keep_s = keep_s

    async def revive(self) -> None:
        """Lanes held by processes of this machine that are gone go on at once: after a kill -9 the next start need not
        wait for leases to end."""
        dead = [w for w in await self.store.known_workers() if w != self.name and is_gone(w)]
        if dead:
            for name in self.workers:
                if lanes := await self.store.free_dead_workers_lanes(name, dead):
                    log.warning("%s: %d lanes of a process that died go on", name, lanes)
            for worker in dead:
                await self.store.unregister(worker)

    async def sweep(self) -> None:
        """Wake what is due and was forgotten."""
        for name, worker in list(self.workers.items()):
            if armed := await self.store.sweep(name):
                log.warning("%s: %d lanes had lost their wake-up", name, armed)
                worker.ring()

    async def purge_media(self) -> None:
        """Remove files that are older than what shows them and that nothing waits for; one process at a time does."""
        if await self.store.try_lease("purge", self.name, PURGE_EVERY_S / 2):
            await self.media.purge(self.keep_s, self._awaited)

    async def _awaited(self, _: Sequence[str]) -> set[str]:
        return await awaited_files(self.store)
