"""What leaves the database: messages that are older than what is to be kept, and a person who is to be forgotten.

Figures stay: they are counts of an hour and name nobody but whoever answered.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Table, delete, or_, select, update

from relay.history.database import Database
from relay.history.schema import (
    conversation,
    conversation_label,
    delivery,
    draft,
    message,
    note,
    read_position,
    turn,
)

PART: Final = 500  # rows of one transaction, so that whoever writes meanwhile does not wait long


async def prune(database: Database, before_ms: int) -> int:
    """Delete messages and notes from before a time, and what hangs on them. Returns the number of messages.

    Conversations stay, with the names and numbers that people know. Raises HistoryUnavailable."""
    gone = 0
    while True:
        async with database.begin() as connection:
            old = select(message.c.id).where(message.c.at < before_ms).order_by(message.c.at).limit(PART)
            ids = list((await connection.execute(old)).scalars())
            if ids:
                await connection.execute(delete(delivery).where(delivery.c.message.in_(ids)))
                await connection.execute(delete(message).where(message.c.id.in_(ids)))
            else:
                await connection.execute(delete(note).where(note.c.at < before_ms))
                await connection.execute(delete(turn).where(turn.c.opened < before_ms))
        gone += len(ids)
        if len(ids) < PART:
            break
    return gone


async def erase(database: Database, number: int) -> int:
    """Forget the person of a conversation: texts, words for searching, notes, drafts, names. Returns the number of
    messages. The conversation's number stays taken, with nothing behind it. Raises HistoryUnavailable.

    The store has to have forgotten them before, or the archiver would write them again. Afterwards the file holds no
    byte of it: deleted rows are overwritten, the index is written anew and the file is compacted. On PostgreSQL the
    server's own vacuum and the age of its log decide when that is so."""
    by_number: tuple[tuple[Table, ColumnElement[bool]], ...] = tuple(
        (table, table.c.conversation == number)
        for table in (delivery, message, note, draft, turn, conversation_label, read_position)
    )
    async with database.begin() as connection:
        count = 0
        for table, which in by_number:
            done = await connection.execute(delete(table).where(which))
            count = done.rowcount if table is message else count
        await connection.execute(
            update(conversation)
            .where(conversation.c.number == number)
            .values(
                channel="",
                remote_id="",
                username="",
                name="",
                names="",
                last_message="",
                last_answer="",
                waiting_since=None,
                failed=0,
                assignee=None,
                snoozed_until=None,
                fields=None,
                version=conversation.c.version + 1,
            )
        )
    await database.vacuum()
    return int(count)


async def is_erased(database: Database, number: int) -> bool:
    """Whether nothing is left of the person of a conversation."""
    c = conversation.c
    async with database.read() as connection:
        left = select(c.number).where(c.number == number, or_(c.channel != "", c.remote_id != "", c.names != ""))
        if (await connection.execute(left)).first() is not None:
            return False
        for table in (message, note, draft):
            if (await connection.execute(select(table.c.conversation).where(table.c.conversation == number))).first():
                return False
    return True
