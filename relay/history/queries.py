"""What people look at, read from the database: lists, conversations, messages. Everything here only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, Select, TableClause, and_, case, column, func, or_, select, text, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from relay.contract.model import Kind, State
from relay.history import words
from relay.history.database import Database
from relay.history.rows import PER_MS
from relay.history.schema import (
    PARTS,
    STATES,
    archive_position,
    conversation,
    conversation_label,
    delivery,
    figure,
    message,
    note,
    read_position,
)
from relay.store.records import DeliveryRecord, MessageRecord

ListState = Literal["open", "waiting", "snoozed", "closed", "failed"]
_CUSTOMER = ("message", "comment")
UNREAD_MAX = 1_000  # nobody reads a larger number
_c = conversation.c
_words = TableClause("message_words", column("rowid"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """One conversation. `row`: the columns of `conversation`; `last` those of its newest message, or None."""

    row: Row[Any]
    last: Row[Any] | None
    labels: tuple[str, ...] = ()
    unread: int | None = None  # for the reader asked about
    open_comment_at: int = 0  # the newest comment that nobody has answered; 0: there is none

    @property
    def number(self) -> int:
        return int(self.row.number)

    @property
    def closed(self) -> bool:
        """Closed by a person, and nobody has written since."""
        return bool(self.row.closed_at > self.row.last_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which conversations. `assignee` "" means nobody's; None: whoever's. `channels`: those that may be seen."""

    channels: Sequence[str]
    state: ListState | None = None
    assignee: str | None = None
    channel: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that was found."""

    message: MessageRecord
    channel: str
    marks: list[tuple[int, int]] = field(default_factory=list)


class Queries:
    """`now_ms` is the store's clock. Every method may raise HistoryUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def position(self) -> str:
        """The position of the feed that the database contains."""
        async with self.database.read() as connection:
            found = (await connection.execute(select(archive_position.c.position))).scalar()
        return str(found or "0-0")

    # --- conversations -----------------------------------------------------------------------------------------------

    async def conversations(
        self,
        asked: Filter,
        *,
        order: Literal["newest", "waiting"],
        after: tuple[int, int] | None,
        limit: int,
        reader: str,
        now_ms: int,
    ) -> list[ConversationRow]:
        """One page of the list. `after`: the `place` of the last row of the page before."""
        query = select(conversation).where(_matches(asked, now_ms))
        parts = []
        if order == "waiting":
            # Whoever does not wait comes last, in the order of their numbers.
            if after is None or after[0] < NOBODY_WAITS:
                waiting = query.where(_c.waiting_since.is_not(None)).order_by(_c.waiting_since, _c.number)
                if after is not None:
                    waiting = waiting.where(tuple_(_c.waiting_since, _c.number) > tuple_(*after))
                parts.append(waiting)
            rest = query.where(_c.waiting_since.is_(None)).order_by(_c.number)
            if after is not None and after[0] == NOBODY_WAITS:
                rest = rest.where(_c.number > after[1])
            if asked.state != "waiting":
                parts.append(rest)
        else:
            query = query.order_by(_c.last_at.desc(), _c.number.desc())
            if after is not None:
                query = query.where(tuple_(_c.last_at, _c.number) < tuple_(*after))
            parts.append(query)
        rows: list[Row[Any]] = []
        async with self.database.read() as connection:
            for part in parts:
                if len(rows) < limit:
                    rows += (await connection.execute(part.limit(limit - len(rows)))).all()
            return await _with_rest(connection, rows, reader)

    async def conversation(self, number: int, reader: str) -> ConversationRow | None:
        """One of them."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(conversation).where(_c.number == number))).all()
            found = await _with_rest(connection, rows, reader)
        return found[0] if found and found[0].row.channel else None

    async def counts(self, channels: Sequence[str], me: str, now_ms: int) -> dict[str, int]:
        """How many stand in each tab."""

        def many(asked: Filter) -> Any:
            return func.coalesce(func.sum(case((_matches(asked, now_ms), 1), else_=0)), 0)

        columns = {
            "mine": Filter(channels=channels, state="open", assignee=me),
            "unassigned": Filter(channels=channels, state="open", assignee=""),
            **{s: Filter(channels=channels, state=s) for s in ("waiting", "open", "snoozed", "closed", "failed")},
        }
        async with self.database.read() as connection:
            seen = select(*[many(f).label(name) for name, f in columns.items()]).where(_c.channel.in_(list(channels)))
            row = (await connection.execute(seen)).one()
        return {name: int(getattr(row, name)) for name in columns}

    # --- messages ----------------------------------------------------------------------------------------------------

    async def messages(
        self, number: int, *, limit: int, before: str = "", after: str = "", around: str = ""
    ) -> tuple[list[MessageRecord | Row[Any]], bool, bool] | None:
        """(messages and notes of a conversation, oldest first; are there older ones; are there newer ones).

        At most one of the three may name a message or note; without, it is the newest. None: there is no such message.
        """
        async with self.database.read() as connection:
            at: tuple[int, str] | None = None
            if named := before or after or around:
                at = await _place_of(connection, number, named)
                if at is None:
                    return None
            if at is None or before:
                found = await _side(connection, number, at, older=True, limit=limit + 1)
                rows, more = found[-limit:], len(found) > limit
                newer = at is not None
                return await _records(connection, rows), more, newer
            if after:
                found = await _side(connection, number, at, older=False, limit=limit + 1)
                return await _records(connection, found[:limit]), True, len(found) > limit
            half = limit // 2
            older = await _side(connection, number, at, older=True, limit=half + 1)
            newer_rows = await _side(connection, number, at, older=False, limit=limit - half + 1, inclusive=True)
            rows = older[-half:] if half else []
            rows = [*rows, *newer_rows[: limit - half]]
            return await _records(connection, rows), len(older) > half, len(newer_rows) > limit - half

    async def message(self, message_id: str) -> MessageRecord | None:
        """One message."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(message).where(message.c.id == message_id))).all()
            found = await _records(connection, rows)
        return found[0] if found and isinstance(found[0], MessageRecord) else None

    async def files(self, number: int, limit: int) -> list[MessageRecord]:
        """A customer's messages that have files, newest first."""
        has_files = func.json_array_length(message.c.content, "$.files") if self.database.is_sqlite else None
        query = select(message).where(message.c.conversation == number, message.c.kind.in_(_CUSTOMER))
        query = query.where(text("content::jsonb ? 'files'") if has_files is None else has_files > 0)
        query = query.order_by(message.c.at.desc()).limit(limit)
        async with self.database.read() as connection:
            found = await _records(connection, (await connection.execute(query)).all())
        return [m for m in found if isinstance(m, MessageRecord)]

    # --- search ------------------------------------------------------------------------------------------------------

    async def search(
        self,
        query: str,
        *,
        channels: Sequence[str],
        number: int | None = None,
        channel: str | None = None,
        after: tuple[int, str] | None = None,
        limit: int,
    ) -> list[Hit]:
        """Messages that hold what was asked for, newest first. `after`: (at, id) of the last one of the page before."""
        built = words.fts5(query, number) if self.database.is_sqlite else words.tsquery(query, number)
        if not built:
            return []
        m = message.c
        if self.database.is_sqlite:
            # The index walks its hits from the newest on, and stops when there are enough.
            found = select(message).select_from(_words.join(message, m.row == _words.c.rowid))
            found = found.where(text("message_words MATCH :built").bindparams(built=built))
            place: Any = _words.c.rowid
        else:
            found = select(message).where(text("tsv @@ to_tsquery('simple', :built)").bindparams(built=built))
            place = m.row
        found = found.where(m.channel.in_(channels))
        if channel is not None:
            found = found.where(m.channel == channel)
        if number is not None:
            found = found.where(m.conversation == number)
        if after is not None:
            last = select(m.row).where(m.id == after[1]).scalar_subquery()
            found = found.where(place < func.coalesce(last, after[0] * PER_MS))
        found = found.order_by(place.desc()).limit(limit)
        async with self.database.read() as connection:
            rows = (await connection.execute(found)).all()
            records = await _records(connection, rows)
        return [
            Hit(message=r, channel=row.channel, marks=words.marks(str(row.text), query))
            for r, row in zip(records, rows, strict=True)
            if isinstance(r, MessageRecord)
        ]

    async def named(self, query: str, *, channels: Sequence[str], limit: int, reader: str) -> list[ConversationRow]:
        """Conversations with somebody of that name, user name or number."""
        pattern = words.name_pattern(query)
        if not pattern:
            return []
        wanted: Any = _c.names.like(pattern, escape="\\")
        digits = query.strip().lstrip("#№＃")
        if digits.isascii() and digits.isdigit() and len(digits) < 16:
            wanted = or_(wanted, _c.number == int(digits))
        found = select(conversation).where(wanted, _c.channel.in_(channels)).order_by(_c.last_at.desc()).limit(limit)
        async with self.database.read() as connection:
            return await _with_rest(connection, (await connection.execute(found)).all(), reader)

    async def hours(self, from_ms: int, to_ms: int) -> list[Row[Any]]:
        """Rows of `figure` between two times."""
        query = select(figure).where(figure.c.bucket >= from_ms, figure.c.bucket < to_ms).order_by(figure.c.bucket)
        async with self.database.read() as connection:
            return list((await connection.execute(query)).all())


NOBODY_WAITS = 2**62
"""Sorts behind every time."""


def place(row: ConversationRow, order: str) -> tuple[int, int]:
    """Where a row stands in the list: `after` of the next page."""
    if order == "waiting":
        return int(row.row.waiting_since or NOBODY_WAITS), row.number
    return int(row.row.last_at), row.number


def _matches(asked: Filter, now_ms: int) -> Any:
    snoozed = _c.snoozed_until > now_ms
    is_open = and_(PARTS["open"], or_(_c.snoozed_until.is_(None), _c.snoozed_until <= now_ms))
    state = {
        None: true(),
        "open": is_open,
        "waiting": and_(is_open, _c.waiting_since.is_not(None)),
        "snoozed": and_(PARTS["open"], PARTS["snoozed"], snoozed),
        "closed": PARTS["closed"],
        "failed": PARTS["failed"],
    }[asked.state]
    parts: list[Any] = [_c.channel.in_(list(asked.channels)), state]
    if asked.assignee is not None:
        parts.append(_c.assignee == asked.assignee if asked.assignee else _c.assignee.is_(None))
    if asked.channel is not None:
        parts.append(_c.channel == asked.channel)
    if asked.label is not None:
        labelled = select(conversation_label.c.conversation).where(conversation_label.c.label == asked.label)
        parts.append(_c.number.in_(labelled))
    return and_(*parts)


async def _with_rest(connection: AsyncConnection, rows: Sequence[Row[Any]], reader: str) -> list[ConversationRow]:
    """Newest message, labels and unread messages of each."""
    if not rows:
        return []
    numbers = [r.number for r in rows]
    ids = [r.last_message for r in rows if r.last_message]
    last = {m.id: m for m in (await connection.execute(select(message).where(message.c.id.in_(ids)))).all()}
    labels: dict[int, list[str]] = {}
    query = select(conversation_label).where(conversation_label.c.conversation.in_(numbers))
    for one in (await connection.execute(query.order_by(conversation_label.c.label))).all():
        labels.setdefault(one.conversation, []).append(one.label)
    unread = await _unread(connection, numbers, reader) if reader else {}
    comments = await _open_comments(connection, [r.number for r in rows if r.comment_at])
    return [
        ConversationRow(
            row=r,
            last=last.get(r.last_message),
            labels=tuple(labels.get(r.number, ())),
            unread=unread.get(r.number, 0) if reader else None,
            open_comment_at=comments.get(r.number, 0),
        )
        for r in rows
    ]


async def _open_comments(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, int]:
    """When the newest comment without an answer came, of each conversation that has one. An answer that failed gives
    the comment's one answer back."""
    if not numbers:
        return {}
    m, d = message.c, delivery.c
    failed = select(d.message).where(
        d.conversation.in_(numbers), d.state == STATES.index("failed"), d.replayed_as == ""
    )
    answers = select(m.conversation, m.content).where(
        m.conversation.in_(numbers), m.kind == "answer", m.id.not_in(failed)
    )
    answered = {(n, content.get("comment_id")) for n, content in (await connection.execute(answers)).all()}
    comments = select(m.conversation, m.content, m.at).where(m.conversation.in_(numbers), m.kind == "comment")
    newest: dict[int, int] = {}
    for n, content, at in (await connection.execute(comments.order_by(m.at.desc()).limit(1_000))).all():
        if (n, content.get("comment_id")) not in answered:
            newest.setdefault(int(n), int(at))
    return newest


async def _unread(connection: AsyncConnection, numbers: Sequence[int], reader: str) -> dict[int, int]:
    """Customers' messages behind each read position."""
    positions = select(read_position.c.conversation, read_position.c.at).where(
        read_position.c.user == reader, read_position.c.conversation.in_(numbers)
    )
    read = positions.subquery()
    # Counted up to a limit: whoever has never looked at a long conversation would have all of it counted each time.
    some = select(message.c.row).where(
        message.c.conversation == _c.number,
        message.c.kind.in_(_CUSTOMER),
        message.c.at > func.coalesce(read.c.at, 0),
    )
    limited = some.limit(UNREAD_MAX).correlate(conversation, read).subquery()
    counted = select(func.count()).select_from(limited).scalar_subquery()
    query = (
        select(_c.number, counted)
        .select_from(conversation.outerjoin(read, read.c.conversation == _c.number))
        .where(_c.number.in_(numbers))
    )
    return {int(n): int(count) for n, count in (await connection.execute(query)).all()}


async def _place_of(connection: AsyncConnection, number: int, named: str) -> tuple[int, str] | None:
    for table in (message, note):
        query = select(table.c.at, table.c.id).where(table.c.id == named, table.c.conversation == number)
        if (row := (await connection.execute(query)).first()) is not None:
            return int(row.at), str(row.id)
    return None


async def _side(
    connection: AsyncConnection,
    number: int,
    at: tuple[int, str] | None,
    *,
    older: bool,
    limit: int,
    inclusive: bool = False,
) -> list[Row[Any]]:
    """Rows of `message` and `note` on one side of a place, oldest first."""

    def part(table: Any) -> Select[Any]:
        query = select(table).where(table.c.conversation == number)
        here = tuple_(table.c.at, table.c.id)
        if at is not None:
            there = tuple_(*at)
            query = query.where(here < there if older else here >= there if inclusive else here > there)
        columns = (table.c.at.desc(), table.c.id.desc()) if older else (table.c.at, table.c.id)
        return query.order_by(*columns).limit(limit)

    found = [row for table in (message, note) for row in (await connection.execute(part(table))).all()]
    found.sort(key=lambda row: (row.at, row.id), reverse=older)
    found = found[:limit]
    return found[::-1] if older else found


async def _records(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[MessageRecord | Row[Any]]:
    """Messages with their deliveries; notes stay rows."""
    ids = [r.id for r in rows if hasattr(r, "words")]
    deliveries: dict[str, list[DeliveryRecord]] = {}
    if ids:
        query = select(delivery).where(delivery.c.message.in_(ids)).order_by(delivery.c.id)
        for d in (await connection.execute(query)).all():
            deliveries.setdefault(d.message, []).append(_delivery(d))
    return [_message(r, deliveries.get(r.id, [])) if hasattr(r, "words") else r for r in rows]


def _message(row: Row[Any], deliveries: Sequence[DeliveryRecord]) -> MessageRecord:
    return MessageRecord(
        id=row.id,
        kind=Kind(row.kind),
        origin=row.origin,
        number=row.conversation,
        at_ms=row.at,
        envelope={"text": row.text, **({"author": row.author} if row.author else {}), **row.content},
        raw=b"",
        records=tuple(deliveries),
    )


def _delivery(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        id=row.id,
        destination=row.destination,
        state=State(STATES[row.state]),
        number=row.conversation,
        tries=row.tries,
        reason=row.reason,
        words=row.words,
        remote_ids=tuple(row.remote_ids),
        log=tuple(row.log),
        replay_of=row.replay_of,
        replayed_as=row.replayed_as,
        dropped_ms=row.dropped_at,
    )
