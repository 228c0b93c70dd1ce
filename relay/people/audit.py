"""Who did what, when, and from where. Never what messages say, and never a secret.

Kept in the history, and said in the log as well: the log is still there when the database is not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from relay.contract.errors import RelayError
from relay.history.database import Database
from relay.history.schema import audit

log = logging.getLogger("relay.people.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act. `at_ms`: ms since the epoch."""

    id: int
    at_ms: int
    who: str
    what: str
    on: str
    address: str
    detail: str


class Audit:
    """Writes and reads entries."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    async def note(self, who: str, what: str, *, on: str = "", address: str = "", detail: str = "") -> None:
        """Write one down. That the database is away stops nobody from logging in; the log has it."""
        shown = [_plain(x) for x in (who, what, on, address, detail)]
        log.info("%s: %s%s%s%s", shown[0], shown[1], *(f" ({x})" if x else "" for x in shown[2:]))
        row = dict(zip(("who", "what", "on", "address", "detail"), shown, strict=True))
        try:
            async with self.database.begin() as connection:
                await connection.execute(insert(audit).values(at=int(self.clock() * 1000), **row))
        except (SQLAlchemyError, RelayError, OSError) as e:
            log.warning("the entry stands only in this log: %s", e)

    async def page(self, before: int | None, limit: int) -> list[Entry]:
        """Entries, newest first; `before`: an entry's id."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        async with self.database.read() as connection:
            return [_entry(row) for row in (await connection.execute(query)).all()]


def _plain(text: str) -> str:
    """One line, of a length fit for a log: names come from strangers."""
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        at_ms=row.at,
        who=row.who,
        what=row.what,
        on=row.on or "",
        address=row.address or "",
        detail=row.detail or "",
    )
