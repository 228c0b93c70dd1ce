"""The tables of the history: what is kept of conversations, and what people have done with them.

Two kinds of tables. A projection of the store, written by the archiver alone: `message`, `delivery`, `turn`, `figure`,
`archive_position` and the first half of `conversation`. And people's own acts, written by the API: all others. Times
are milliseconds since the epoch, by the store's clock; 0 or NULL where it never happened.

The words of messages are searched through `message_words` (FTS5 on SQLite) or the column `tsv` (PostgreSQL); both are
made in the first migration, because neither is a table that both engines know.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()
_ROW = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only an INTEGER up by itself

PARTS = {
    "failed": text("failed > 0"),
    "closed": text("closed_at > last_at"),
    "open": text("closed_at <= last_at"),
    "snoozed": text("snoozed_until IS NOT NULL"),
}
"""What lists ask for often, as the conditions of partial indexes; a query must hold the very same words."""

# --- written by the archiver ------------------------------------------------------------------------------------------

message = Table(
    "message",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=False),  # made of its time, see rows.places
    Column("id", String(64), nullable=False, unique=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("origin", String(40), nullable=False),  # the account it came from
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content", JSON, nullable=False),  # the envelope as the store has it, without the text
    Column("words", Text, nullable=False),  # stems, behind the conversation's scope word
    Column("norm", SmallInteger, nullable=False),  # version of the normaliser that made them
    Index("message_conversation_at", "conversation", "at", "id"),
    Index("message_kind_at", "conversation", "kind", "at"),
    Index("message_at", "at"),
)
delivery = Table(
    "delivery",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("message", String(64), nullable=False, index=True),
    Column("conversation", BigInteger, nullable=False),
    Column("destination", String(40), nullable=False),
    Column("state", SmallInteger, nullable=False),  # rank on the ladder, see STATES
    Column("reason", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("remote_ids", JSON, nullable=False),
    Column("log", JSON, nullable=False),
    Column("replay_of", String(80), nullable=False),
    Column("replayed_as", String(80), nullable=False),
    Column("dropped_at", BigInteger, nullable=False),
    Index("delivery_failed", "conversation", "destination", "state"),
)
conversation = Table(
    "conversation",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", String(40), nullable=False, server_default=""),
    Column("remote_id", Text, nullable=False, server_default=""),
    Column("username", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False, server_default=""),
    Column("names", Text, nullable=False, server_default=""),  # name and user name, folded, for searching
    Column("first_at", BigInteger, nullable=False, server_default="0"),
    Column("last_at", BigInteger, nullable=False, server_default="0"),  # of the newest message either way
    Column("last_message", String(64), nullable=False, server_default=""),
    Column("last_answer", String(64), nullable=False, server_default=""),
    Column("answered_at", BigInteger, nullable=False, server_default="0"),
    Column("closed_at", BigInteger, nullable=False, server_default="0"),
    Column("waiting_since", BigInteger),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("direct_at", BigInteger, nullable=False, server_default="0"),  # the newest direct message
    Column("comment_at", BigInteger, nullable=False, server_default="0"),
    # what people decided
    Column("assignee", String(64)),
    Column("snoozed_until", BigInteger),
    Column("snoozed_at", BigInteger),
    Column("closed_by", String(64)),
    Column("answered_by_hand", BigInteger),  # "no answer needed", at that time
    Column("fields", JSON),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("conversation_last", "last_at", "number"),
    Index("conversation_waiting", "waiting_since", "number"),
    # A list of few among many, newest first: without these all conversations would be looked through for them.
    Index("conversation_assignee", "assignee", "last_at", "number"),
    *(
        Index(f"conversation_{name}", "last_at", "number", sqlite_where=which, postgresql_where=which)
        for name, which in PARTS.items()
    ),
)
turn = Table(
    "turn",
    metadata,
    Column("conversation", BigInteger, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    PrimaryKeyConstraint("conversation", "opened"),
    Index("turn_opened", "opened"),
)
figure = Table(
    "figure",
    metadata,
    Column("bucket", BigInteger, nullable=False),  # the hour's beginning
    Column("metric", String(40), nullable=False),
    Column("of", String(80), nullable=False),  # channel, desk or person
    Column("count", BigInteger, nullable=False),
    Column("sum", BigInteger, nullable=False),  # ms, where the metric is a time
    PrimaryKeyConstraint("bucket", "metric", "of"),
)
archive_position = Table(
    "archive_position",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("epoch", String(64), nullable=False),  # which store the position is of
    Column("position", String(40), nullable=False),
)

# --- written by people, through the API -------------------------------------------------------------------------------

user = Table(
    "user",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), unique=True, nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_login_at", BigInteger, nullable=False),
    Column("second_factor", Text, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("recovery_codes", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
)
token = Table(
    "token",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", String(64), unique=True, nullable=False),
    Column("scope", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("who", String(300), nullable=False),
    Column("what", String(300), nullable=False),
    Column("on", String(300), nullable=False),
    Column("address", String(300), nullable=False),
    Column("detail", Text, nullable=False),
)
canned_answer = Table(
    "canned_answer",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)
label = Table(
    "label",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("colour", String(7), nullable=False),
)
conversation_label = Table(
    "conversation_label",
    metadata,
    Column("conversation", BigInteger, nullable=False),
    Column("label", String(64), nullable=False, index=True),
    PrimaryKeyConstraint("conversation", "label"),
)
note = Table(
    "note",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("author", String(64), nullable=False),
    Column("author_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("client_id", String(200), nullable=False),
    Index("note_conversation_at", "conversation", "at", "id"),
)
draft = Table(
    "draft",
    metadata,
    Column("user", String(64), nullable=False),
    Column("conversation", BigInteger, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("user", "conversation", "mode"),
)
read_position = Table(
    "read_position",
    metadata,
    Column("user", String(64), nullable=False),
    Column("conversation", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("user", "conversation"),
)
upload = Table(
    "upload",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("mime", String(128), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

STATES = ("queued", "accepted", "delivered", "read", "failed")
"""The ladder of a delivery, by rank."""
