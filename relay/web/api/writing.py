"""Writing to either engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    keep: bool = False,
) -> None:
    """Insert a row, or change the one with that primary key; with `keep`, leave one that is there as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**key, **values)
    if values and not keep:
        changed = statement.on_conflict_do_update(index_elements=list(key), set_=dict(values))
    else:
        changed = statement.on_conflict_do_nothing(index_elements=list(key))
    await connection.execute(changed)
