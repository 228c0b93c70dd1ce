"""Opening the store of a deployment: the embedded server, if it is ours to run, and the connection to it."""

from __future__ import annotations

from relay.config.load import Config
from relay.contract.errors import StoreUnavailable
from relay.store.records import Breaker
from relay.store.server.address import StoreAddress
from relay.store.server.embedded import EmbeddedStore
from relay.store.store import Store


async def open_store(config: Config, *, tell_others: bool = True) -> tuple[Store, EmbeddedStore | None]:
    """Start or find the embedded server, connect. Raises StoreUnavailable with a sentence."""
    embedded: EmbeddedStore | None = None
    where = config.store
    if where.embedded:
        embedded = EmbeddedStore(config.data_dir, config.fsync)
        where = StoreAddress.parse(await embedded.start())
    store = Store(
        where,
        retention_s=config.retention,
        breaker=_limits(config),
        tell_others=tell_others,
        feed=not config.history.off,  # nobody reads it then: no panel, no API
    )
    try:
        await store.start()
    except StoreUnavailable as e:
        await store.stop()
        if embedded is not None:
            await embedded.stop()
        raise StoreUnavailable(f"the store {config.store}: {e}") from e
    return store, embedded


def _limits(config: Config) -> Breaker:
    breaker = config.delivery.breaker
    if breaker is None:
        return Breaker(failures=0)
    return Breaker(
        failures=breaker.failures,
        lanes=breaker.lanes,
        first_ms=int(breaker.pause_s(1) * 1000),
        max_ms=int(breaker.pause_s(1000) * 1000),
    )
