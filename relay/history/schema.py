from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()
user = Table(
    "user",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), unique=True, nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False, default=""),
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
    Column("created_by", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("on", String, nullable=False),
    Column("address", String, nullable=False),
    Column("detail", Text, nullable=False),
)
