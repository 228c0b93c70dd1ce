"""Users, as the history keeps them: who may log in, in which role, with which second factor."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.history.database import Database
from relay.history.schema import user
from relay.people.rights import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person. Times are ms since the epoch, 0 for never. `password` is a hash, "" until one is set."""

    id: str
    name: str
    role: Role
    password: str = field(repr=False, default="")
    disabled: bool = False
    created_ms: int = 0
    last_login_ms: int = 0
    second_factor: str = field(repr=False, default="")  # sealed; "" for none
    last_step: int = 0
    recovery_codes: tuple[str, ...] = field(repr=False, default=())
    settings: dict[str, Any] = field(default_factory=dict)


class NameTaken(Exception):
    """There is a user of that name."""


class Users:
    """All users. Methods raise what the database raises when it is away."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    async def exists(self) -> bool:
        """Whether there is any."""
        async with self.database.read() as connection:
            return (await connection.execute(select(user.c.id).limit(1))).first() is not None

    async def by_name(self, name: str) -> User | None:
        async with self.database.read() as connection:
            return _user((await connection.execute(select(user).where(user.c.name == name))).first())

    async def by_id(self, user_id: str) -> User | None:
        async with self.database.read() as connection:
            return _user((await connection.execute(select(user).where(user.c.id == user_id))).first())

    async def all(self) -> list[User]:
        """By name."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(user).order_by(user.c.name))).all()
        return [found for row in rows if (found := _user(row)) is not None]

    async def add(self, name: str, role: Role, password: str = "") -> User:
        """A new user; `password` is a hash. Raises NameTaken."""
        new = User(
            id=secrets.token_hex(8), name=name, role=role, password=password, created_ms=int(self.clock() * 1000)
        )
        row: dict[str, Any] = {
            "id": new.id,
            "name": name,
            "role": role.value,
            "password": password,
            "disabled": False,
            "created_at": new.created_ms,
            "last_login_at": 0,
            "second_factor": "",
            "last_step": 0,
            "recovery_codes": [],
            "settings": {},
        }
        try:
            async with self.database.begin() as connection:
                await connection.execute(insert(user).values(**row))
        except IntegrityError:
            raise NameTaken(name) from None
        return new

    async def set_password_hash(self, user_id: str, password: str) -> None:
        await self._set(user_id, password=password)

    async def set_role(self, user_id: str, role: Role) -> None:
        await self._set(user_id, role=role.value)

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        await self._set(user_id, disabled=disabled)

    async def set_settings(self, user_id: str, settings: dict[str, Any]) -> None:
        await self._set(user_id, settings=settings)

    async def logged_in(self, user_id: str) -> None:
        await self._set(user_id, last_login_at=int(self.clock() * 1000))

    async def set_second_factor(self, user_id: str, sealed: str, recovery_codes: Sequence[str]) -> None:
        """`recovery_codes`: digests. "" and () take the second factor away."""
        await self._set(user_id, second_factor=sealed, recovery_codes=list(recovery_codes), last_step=0)

    async def use_step(self, user_id: str, step: int) -> bool:
        """Note that the code of a time step was used. False when it, or a later one, had been: of two at once, one."""
        async with self.database.begin() as connection:
            done = await connection.execute(
                update(user).where(user.c.id == user_id, user.c.last_step < step).values(last_step=step)
            )
        return bool(done.rowcount)

    async def use_recovery_code(self, user_id: str, digest: str) -> bool:
        """Use a recovery code up. False when it is none of theirs, or was used."""
        async with self.database.begin() as connection:
            found = _user((await connection.execute(select(user).where(user.c.id == user_id))).first())
            if found is None or digest not in found.recovery_codes:
                return False
            left = [c for c in found.recovery_codes if c != digest]
            await connection.execute(update(user).where(user.c.id == user_id).values(recovery_codes=left))
        return True

    async def remove(self, user_id: str) -> None:
        """Gone. What they wrote stays, under their name."""
        async with self.database.begin() as connection:
            await connection.execute(delete(user).where(user.c.id == user_id))

    async def admins(self) -> int:
        """How many administrators can log in: the last one must not be locked out."""
        async with self.database.read() as connection:
            query = select(func.count()).where(
                user.c.role == Role.ADMIN.value, user.c.disabled.is_(False), user.c.password != ""
            )
            return int((await connection.execute(query)).scalar_one())

    async def _set(self, user_id: str, **values: Any) -> None:
        async with self.database.begin() as connection:
            await connection.execute(update(user).where(user.c.id == user_id).values(**values))


def _user(row: Row[Any] | None) -> User | None:
    if row is None:
        return None
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        password=row.password or "",
        disabled=bool(row.disabled),
        created_ms=row.created_at or 0,
        last_login_ms=row.last_login_at or 0,
        second_factor=row.second_factor or "",
        last_step=row.last_step or 0,
        recovery_codes=tuple(row.recovery_codes or ()),
        settings=dict(row.settings or {}),
    )
