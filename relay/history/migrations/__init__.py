"""The tables, brought up to this version: alembic, run by the relay itself at its start.

A database of a newer version than ours is left alone. Before an SQLite file is changed, a copy is put beside it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

HERE = Path(__file__).parent


class NewerDatabase(Exception):
    """A newer relay has written it; the sentence says what to do."""


def upgrade(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest version. Raises NewerDatabase."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        raise NewerDatabase(
            f"The history was written by a newer version of the relay (its tables are {current}). "
            "Start that version again, or restore the copy it made before it changed the file."
        )
    if current == scripts.get_current_head():
        return
    if current is not None and connection.dialect.name == "sqlite":
        _copy_beside(connection, current)
    command.upgrade(config, "head")


def _copy_beside(connection: Connection, version: str) -> None:
    path = connection.engine.url.database
    if not path:
        return
    copy = Path(f"{path}.{version}.bak")
    copy.unlink(missing_ok=True)
    with sqlite3.connect(path) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
