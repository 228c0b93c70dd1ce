"""Tables for people and their own acts. (To be replaced by the history's own schema.)"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text

metadata = MetaData()

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
    Column("at", BigInteger, nullable=False),
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
    Column("label", String(64), nullable=False),
    PrimaryKeyConstraint("conversation", "label"),
)
note = Table(
    "note",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("author", String(64), nullable=False),
    Column("author_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("client_id", String(200), nullable=False),
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
conversation = Table(
    "conversation",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("assignee", String(64)),
    Column("snoozed_until", BigInteger),
    Column("snoozed_at", BigInteger),
    Column("closed_by", String(64)),
    Column("answered_by_hand", BigInteger),
    Column("fields", JSON),
    Column("version", Integer),
)
