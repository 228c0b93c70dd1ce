"""Everything about people in one place: what pages, API and commands start from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from relay.history.database import Database
from relay.people.audit import Audit
from relay.people.guessing import Guessing
from relay.people.invitations import SETUP_S, Invitation, Invitations
from relay.people.log_in import LogIn
from relay.people.passwords import SHORTEST, SHORTEST_ADMIN, Passwords, weakness
from relay.people.rights import Role
from relay.people.sessions import Session, Sessions
from relay.people.tokens import Tokens
from relay.people.users import NameTaken, User, Users
from relay.people.who import Who
from relay.store.store import Store

__all__ = ["NameTaken", "People"]


class People:
    """Users, sessions, tokens and what guards them."""

    def __init__(
        self, database: Database, store: Store, keys: Sequence[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.keys = tuple(keys)
        self.clock = clock
        self.users = Users(database, clock=clock)
        self.tokens = Tokens(database, clock=clock)
        self.audit = Audit(database, clock=clock)
        self.sessions = Sessions(store, clock=clock)
        self.invitations = Invitations(store)
        self.passwords = Passwords()
        self.guessing = Guessing(store, keys, clock=clock)
        self.log_in = LogIn(
            self.users, self.sessions, self.passwords, self.guessing, audit=self.audit, keys=keys, clock=clock
        )
        self._known_to_exist = False

    async def exists(self) -> bool:
        """Whether anybody may log in. Once somebody has been there, it stays so while we run."""
        if not self._known_to_exist:
            self._known_to_exist = await self.users.exists()
        return self._known_to_exist

    async def who(self, session: Session) -> Who | None:
        """Whose session it is, with the role of this moment; None when they may no longer log in."""
        user = await self.users.by_id(session.user)
        if user is None or user.disabled:
            return None
        return Who(kind="user", id=user.id, name=user.name, role=user.role, session=session)

    # --- passwords ---------------------------------------------------------------------------------------------------

    async def password_weakness(self, password: str, *, name: str, role: str, second_factor: bool = False) -> str:
        """Why a new password is refused, as in `relay.people.passwords.weakness`."""
        shortest = SHORTEST_ADMIN if role == Role.ADMIN and not second_factor else SHORTEST
        return weakness(password, words=(name, *name.replace(".", " ").split()), shortest=shortest)

    async def set_password(self, user: User, password: str, *, by: str, keep: str = "", address: str = "") -> None:
        """A new password ends all sessions but the one with the key `keep`."""
        await self.users.set_password_hash(user.id, await self.passwords.hash(password))
        await self.sessions.end_all(user.id, but=keep)
        await self.audit.note(by, "password changed", on=user.name, address=address)

    async def add(self, name: str, role: Role, *, by: str, address: str = "") -> User:
        """Somebody new, without a password yet. Raises NameTaken."""
        user = await self.users.add(name, role)
        self._known_to_exist = True
        await self.audit.note(by, "user added", on=name, address=address, detail=role.value)
        return user

    async def disable(self, user: User, *, by: str, address: str = "") -> None:
        """They are out at once."""
        await self.users.set_disabled(user.id, True)
        await self.sessions.end_all(user.id)
        await self.audit.note(by, "user disabled", on=user.name, address=address)

    async def enable(self, user: User, *, by: str, address: str = "") -> None:
        await self.users.set_disabled(user.id, False)
        await self.audit.note(by, "user enabled", on=user.name, address=address)

    async def remove(self, user: User, *, by: str, address: str = "") -> None:
        await self.users.remove(user.id)
        await self.sessions.end_all(user.id)
        await self.audit.note(by, "user removed", on=user.name, address=address)

    async def set_role(self, user: User, role: Role, *, by: str, address: str = "") -> None:
        """The rights of their sessions are those of this moment; the sessions end, so that their ids change."""
        await self.users.set_role(user.id, role)
        await self.sessions.end_all(user.id)
        await self.audit.note(by, "role changed", on=user.name, address=address, detail=role.value)

    async def is_last_admin(self, user: User) -> bool:
        """Whether nobody could administrate without them."""
        if user.role is not Role.ADMIN or user.disabled or not user.password:
            return False
        return await self.users.admins() <= 1

    # --- links -------------------------------------------------------------------------------------------------------

    async def setup_link(self) -> str:
        """The secret of a link for the first user; "" when there is a user. A new one at each start."""
        if await self.exists():
            return ""
        return await self.invitations.make(Invitation(purpose="setup", role=Role.ADMIN.value), ttl_s=SETUP_S)

    async def invite(self, user: User, *, by: str, address: str = "") -> str:
        """The secret of a link with which they choose a (new) password."""
        purpose: str = "password" if user.password else "invitation"
        invitation = Invitation(purpose=purpose, user=user.name, role=user.role.value)  # type: ignore[arg-type]
        secret = await self.invitations.make(invitation)
        await self.audit.note(by, f"link made: {purpose}", on=user.name, address=address)
        return secret

    async def invitation(self, secret: str) -> Invitation | None:
        """What a link is good for; None for nothing (any more)."""
        found = await self.invitations.look(secret[:100])
        if found is not None and found.purpose == "setup" and await self.exists():
            return None
        return found

    async def accept_invitation(self, secret: str, name: str, password: str, *, address: str) -> User | None:
        """Use a link: the user, with that password; None when somebody else was quicker. Raises NameTaken, and then
        the link is not used up. The password has been judged."""
        found = await self.invitation(secret)
        if found is None:
            return None
        if found.purpose == "setup" and await self.users.by_name(name) is not None:
            raise NameTaken(name)
        hashed = await self.passwords.hash(password)
        if await self.invitations.use(secret) is None:
            return None
        if found.purpose == "setup":
            user = await self.users.add(name, Role(found.role), hashed)
            await self.audit.note(name, "first user set up", on=name, address=address)
            return user
        known = await self.users.by_name(found.user)
        if known is None or known.disabled:
            return None
        await self.users.set_password_hash(known.id, hashed)
        await self.sessions.end_all(known.id)
        await self.audit.note(found.user, f"link used: {found.purpose}", on=found.user, address=address)
        return known
