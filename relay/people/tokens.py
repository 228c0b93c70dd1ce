"""Tokens for scripts: `rly_<8 characters of id>_<32 base62>`. Shown once; kept as a digest.

What follows the id has 190 random bits, so a fast digest is enough. The form is greppable, for secret scanners and for
our own log filter.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.history.database import Database
from relay.history.schema import token
from relay.people.rights import Role, Scope
from relay.people.users import NameTaken
from relay.people.who import Who

PREFIX: Final = "rly"
DAY_MS: Final = 86_400_000
GOOD_FOR_DAYS: Final = 365
_BASE62: Final = string.digits + string.ascii_letters
_FORM: Final = re.compile(r"rly_([0-9a-z]{8})_([0-9A-Za-z]{32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token. Times are ms since the epoch; `expires_ms` 0: never, `used_ms` 0: never used."""

    id: str
    name: str
    scope: Scope
    created_ms: int
    created_by: str
    expires_ms: int
    used_ms: int


class Tokens:
    """All tokens. Methods raise what the database raises when it is away."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    async def add(self, name: str, scope: Scope, *, by: str, days: int | None = GOOD_FOR_DAYS) -> tuple[Token, str]:
        """A new token and its text, which nobody will see again. `days` None: it does not end. Raises NameTaken."""
        now_ms = self._now_ms()
        token_id = "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(8))
        secret = "".join(secrets.choice(_BASE62) for _ in range(32))
        made = Token(
            id=token_id,
            name=name,
            scope=scope,
            created_ms=now_ms,
            created_by=by,
            expires_ms=0 if days is None else now_ms + days * DAY_MS,
            used_ms=0,
        )
        row = {
            "id": token_id,
            "name": name,
            "scope": scope.value,
            "digest": _digest(secret),
            "created_at": now_ms,
            "created_by": by,
            "expires_at": made.expires_ms,
            "used_at": 0,
        }
        try:
            async with self.database.begin() as connection:
                await connection.execute(insert(token).values(**row))
        except IntegrityError:
            raise NameTaken(name) from None
        return made, f"{PREFIX}_{token_id}_{secret}"

    async def who(self, text: str) -> Who | None:
        """Whose token this is; None for a wrong, expired or revoked one."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        async with self.database.read() as connection:
            row = (await connection.execute(select(token).where(token.c.id == form[1]))).first()
        if row is None or not hmac.compare_digest(row.digest, _digest(form[2])):
            return None
        found, now_ms = _token(row), self._now_ms()
        if found.expires_ms and found.expires_ms <= now_ms:
            return None
        if found.used_ms // DAY_MS != now_ms // DAY_MS:  # once a day is enough to find those that nobody needs
            async with self.database.begin() as connection:
                await connection.execute(update(token).where(token.c.id == found.id).values(used_at=now_ms))
        role = Role.ADMIN if found.scope is not Scope.READ else Role.OPERATOR
        return Who(kind="token", id=f"token:{found.id}", name=found.name, role=role, scope=found.scope)

    async def all(self) -> list[Token]:
        """By name."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(token).order_by(token.c.name))).all()
        return [_token(row) for row in rows]

    async def remove(self, token_id: str) -> Token | None:
        """Revoke one; None where there is none. It is dead at once, everywhere."""
        async with self.database.begin() as connection:
            row = (await connection.execute(select(token).where(token.c.id == token_id))).first()
            if row is None:
                return None
            await connection.execute(token.delete().where(token.c.id == token_id))
        return _token(row)

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        created_ms=row.created_at,
        created_by=row.created_by or "",
        expires_ms=row.expires_at or 0,
        used_ms=row.used_at or 0,
    )
