"""A database of each kind, empty for every test."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from relay.history.database import Database, address
from relay.store.store import Store
from tests.harness.postgres_server import PostgresServer
from tests.unit.history.world import World


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(Path(tempfile.mkdtemp(prefix="pg-")))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """The same suite runs on both."""
    if request.param == "sqlite":
        database = Database(address("sqlite", tmp_path))
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        database = Database(address(server.url, tmp_path))
        async with database._writer.begin() as connection:
            await connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            await connection.exec_driver_sql("CREATE SCHEMA public")
    await database.connect()
    yield database
    await database.close()


@pytest.fixture
async def world(store: Store, database: Database) -> World:
    return World(store, database)
