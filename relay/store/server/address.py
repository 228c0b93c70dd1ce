"""Where the store is: `embedded`, or the address of a Redis or Valkey. The address may hold a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

EMBEDDED = "embedded"
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel")
ALLOWED = (
    "embedded, redis://[user:password@]host[:port][/db], rediss://…, unix:///path/to.sock, "
    "or redis+sentinel://host1[:port],host2[:port]/service[/db]"
)
DEFAULT_PORT = 6379
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """The store's address, taken apart. `str()` of it shows no password."""

    scheme: str = EMBEDDED
    hosts: tuple[tuple[str, int], ...] = ()  # several only for Sentinel
    path: str = ""  # unix socket
    service: str = ""  # Sentinel: the name of the primary
    db: int = 0
    username: str = ""
    password: SecretStr = field(default=SecretStr(""))

    @property
    def embedded(self) -> bool:
        return self.scheme == EMBEDDED

    @property
    def sentinel(self) -> bool:
        return self.scheme == "redis+sentinel"

    @property
    def tls(self) -> bool:
        return self.scheme == "rediss"

    def __str__(self) -> str:
        if self.embedded:
            return EMBEDDED
        user = f"{self.username}:***@" if self.password.get_secret_value() else ""
        if self.scheme == "unix":
            return f"unix://{user}{self.path}" + (f"?db={self.db}" if self.db else "")
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.hosts)
        tail = f"/{self.service}" if self.sentinel else ""
        return f"{self.scheme}://{user}{hosts}{tail}" + (f"/{self.db}" if self.db or not self.sentinel else "")

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Take an address apart. Raises ValueError with a sentence that does not repeat it: it may hold a password."""
        text = text.strip()
        if text == EMBEDDED:
            return cls()
        scheme = text.partition("://")[0]
        if scheme not in SCHEMES or "://" not in text:
            found = f'found "{scheme[:20]}…"; ' if scheme.isalpha() and scheme != text else ""
            raise ValueError(f"{found}allowed is {ALLOWED}")
        if "#" in text or text.count("@") > 1 or -1 < text.find("?") < text.rfind("@"):
            # All of them would be taken for something else than the password they are part of.
            raise ValueError("a #, ?, / or @ in a password must be written %23, %3F, %2F or %40")
        try:
            # urlsplit cannot read several hosts in one: only user and path are taken from it.
            parts = urlsplit(text)
            username, password, netloc = _user(parts)
            if scheme == "unix":
                return cls._unix(parts, username, password)
            hosts = tuple(_host(h, SENTINEL_PORT if "sentinel" in scheme else DEFAULT_PORT) for h in netloc.split(","))
            segments = [unquote(s) for s in parts.path.split("/") if s]
            service = segments.pop(0) if scheme == "redis+sentinel" and segments else ""
            db = int(segments.pop(0)) if segments else _db(parts)
        except ValueError:
            raise ValueError(f"cannot read this address; allowed is {ALLOWED}") from None
        if segments or not 0 <= db <= 1_000_000:
            raise ValueError(f"after the host only the number of a database may follow; allowed is {ALLOWED}")
        if scheme == "redis+sentinel" and not service:
            raise ValueError(f"the name of the service is missing after the hosts; allowed is {ALLOWED}")
        if scheme != "redis+sentinel" and len(hosts) > 1:
            raise ValueError("several hosts are allowed only with redis+sentinel://host1,host2/service")
        return cls(scheme, hosts, "", service, db, username, SecretStr(password))

    @classmethod
    def _unix(cls, parts: SplitResult, username: str, password: str) -> StoreAddress:
        if not parts.path.startswith("/"):
            raise ValueError("no path")
        return cls("unix", (), unquote(parts.path), "", _db(parts), username, SecretStr(password))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: cls.parse(value) if isinstance(value, str) else value,
            core_schema.is_instance_schema(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^(embedded|(redis|rediss|unix|redis\+sentinel)://.+)$"}


def _user(parts: SplitResult) -> tuple[str, str, str]:
    """(user, password, hosts) of the part between // and the path."""
    user, at, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":") if at else ("", "", "")
    return unquote(name), unquote(password), hosts


def _host(text: str, default_port: int) -> tuple[str, int]:
    """`h`, `h:6379`, `[::1]:6379` -> (host, port). Raises ValueError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("brackets")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    number = int(port) if port else default_port
    if not host or not 0 < number < 65536:
        raise ValueError("host or port")
    return host, number


def _db(parts: SplitResult) -> int:
    """`?db=2`, the way redis-py writes it for sockets."""
    query = dict(parse_qsl(parts.query))
    if set(query) - {"db"}:
        raise ValueError("unknown option")
    return int(query.get("db", "0"))
