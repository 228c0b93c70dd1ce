"""Fixtures for everybody, and the logs of relay processes attached to failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, settings

from relay.store.records import Breaker
from relay.store.server.address import StoreAddress
from relay.store.store import Store
from tests.harness import RelayProcess, StoreServer

# Machines that run tests are slow and shared: a single slow example is no finding.
settings.register_profile("relay", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("relay")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Attach what running relays said last to a failure."""
    report = yield
    if report.failed:
        for relay in RelayProcess.known:
            if said := relay.log():
                report.sections.append((f"log of {relay.name} ({relay.folder})", said[-6000:]))
    return report


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One Valkey for all tests of the store; it keeps nothing on disk."""
    server = StoreServer(tmp_path_factory.mktemp("store"), durable=False).start()
    yield server
    server.close()


@pytest.fixture
async def store(store_server: StoreServer) -> AsyncIterator[Store]:
    """An empty store, with a short lease and a breaker that opens soon."""
    store = Store(
        StoreAddress.parse(store_server.url),
        lease_s=0.2,
        breaker=Breaker(failures=4, lanes=2, first_ms=50, max_ms=200),
    )
    store_server.command("FLUSHALL")
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def relay_process(tmp_path: Path) -> AsyncIterator[Any]:
    """`relay_process(config, command="run", …)` -> a RelayProcess, not yet started; all are closed at the end."""
    made: list[RelayProcess] = []

    def make(config: dict[str, Any], **options: Any) -> RelayProcess:
        name = options.pop("name", f"relay{len(made) or ''}")
        relay = RelayProcess(tmp_path / name, config, name=name, **options)
        made.append(relay)
        return relay

    yield make
    for relay in reversed(made):
        await relay.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client without cookies and with as many connections as asked for."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session
