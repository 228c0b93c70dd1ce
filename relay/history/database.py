"""The database, opened: SQLite beside the store, or PostgreSQL. One writer at a time, readers beside it.

On SQLite (WAL) everything is written over one connection, and read over others that cannot write. On PostgreSQL both
come from one pool. `begin` and `read` give a SQLAlchemy connection; `begin` commits at its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from relay.contract.errors import RelayError
from relay.history import migrations

log = logging.getLogger("relay.history")

BUSY_MS: Final = 5_000  # how long SQLite waits for another process that writes
READERS: Final = 4
CONNECT_S: Final = 10.0
FILE: Final = "history.db"


class HistoryUnavailable(RelayError):
    """The database does not answer, or refuses; a sentence for people."""


def address(setting: str, data_dir: Path) -> str:
    """SQLAlchemy's address for `history.store`: `sqlite` or `postgresql://user@host/db`."""
    if setting == "sqlite":
        return f"sqlite+aiosqlite:///{data_dir / FILE}"
    return "postgresql+asyncpg://" + setting.partition("://")[2]


class Database:
    """One database. `connect` first, `close` at the end. Everything may raise HistoryUnavailable."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.opened = False  # its tables are there, and of this version
        self._writing = asyncio.Lock()
        self._writer: AsyncEngine
        self._readers: AsyncEngine
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, writes=True)
            self._readers = _sqlite_engine(url, writes=False)
        else:
            self._writer = self._readers = create_async_engine(
                url,
                hide_parameters=True,
                pool_size=8,
                max_overflow=4,
                pool_pre_ping=True,
                pool_timeout=10,
                connect_args={"timeout": CONNECT_S},
            )

    async def connect(self) -> None:
        """Open it, and bring its tables up to this version. Raises HistoryUnavailable with a sentence."""
        try:
            async with self._writing, self._writer.connect() as connection:
                await connection.run_sync(migrations.upgrade)
                await connection.commit()
            self.opened = True
        except migrations.NewerDatabase as e:
            raise HistoryUnavailable(str(e)) from None
        except (DBAPIError, InterfaceError, OSError, PoolTimeout) as e:
            raise HistoryUnavailable(f"The history ({self.shown}) cannot be opened: {_why(e)}") from e

    async def close(self) -> None:
        if self.is_sqlite:
            await self._readers.dispose()
        await self._writer.dispose()

    @property
    def shown(self) -> str:
        """The address without a password."""
        return self._writer.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Write: one transaction, committed at the end, rolled back on an error."""
        self._must_be_open()
        try:
            if self.is_sqlite:
                async with self._writing, self._writer.begin() as connection:
                    yield connection
            else:
                async with self._writer.begin() as connection:
                    yield connection
        except (OperationalError, InterfaceError, OSError, PoolTimeout) as e:
            raise HistoryUnavailable(f"The history cannot be written: {_why(e)}") from e

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Read; what is seen does not change while it is open."""
        self._must_be_open()
        try:
            async with self._readers.connect() as connection:
                yield connection
        except (OperationalError, InterfaceError, OSError, PoolTimeout) as e:
            raise HistoryUnavailable(f"The history cannot be read: {_why(e)}") from e

    def _must_be_open(self) -> None:
        if not self.opened:
            raise HistoryUnavailable("The history is not open yet; see the log, it is tried again.")

    async def upsert(
        self,
        connection: AsyncConnection,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        keys: Sequence[str],
        update: Sequence[str] = (),
    ) -> None:
        """Insert rows; of those that are there by `keys`, the columns `update` are overwritten (none: they stay)."""
        if not rows:
            return
        insert: Any = (sqlite if self.is_sqlite else postgresql).insert(table)
        if update:
            statement = insert.on_conflict_do_update(
                index_elements=list(keys), set_={name: insert.excluded[name] for name in update}
            )
        else:
            statement = insert.on_conflict_do_nothing(index_elements=list(keys))
        await connection.execute(statement, list(rows))

    async def vacuum(self) -> None:
        """Give back, and on SQLite overwrite, the room of what was erased."""
        if self.is_sqlite:
            async with self._writing, self._writer.connect() as connection:
                await connection.exec_driver_sql("INSERT INTO message_words(message_words) VALUES ('optimize')")
                await connection.commit()
            await asyncio.to_thread(_vacuum_file, self._writer.url.database or "")

    async def copy_to(self, path: Path) -> None:
        """A consistent copy as one file (SQLite only)."""
        await asyncio.to_thread(_copy_file, self._writer.url.database or "", path)


def _sqlite_engine(url: str, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"isolation_level": None, "timeout": BUSY_MS / 1000},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"busy_timeout={BUSY_MS}",
            "temp_store=MEMORY",
            "cache_size=-8000",
            *(() if writes else ("query_only=ON",)),
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _vacuum_file(path: str) -> None:
    import sqlite3  # noqa: PLC0415

    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _copy_file(path: str, target: Path) -> None:
    import sqlite3  # noqa: PLC0415

    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()


def _why(error: BaseException) -> str:
    """The driver's own words in one line, without SQLAlchemy's statement and parameters: those hold people's words."""
    origin = getattr(error, "orig", None) or error
    return " ".join(str(origin).split())[:300] or type(origin).__name__
