"""Logging in: name and password, then a code where a second factor is set up.

Whatever is wrong (nobody of that name, a wrong password, a wrong code, disabled, too many attempts) is told in the same
words, and takes as long.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

from relay.people.audit import Audit
from relay.people.guessing import Attempt, Guessing
from relay.people.names import address_prefix, user_name
from relay.people.passwords import Passwords
from relay.people.second_factor import Unsealable, matching_step, recovery_digest, unseal
from relay.people.sessions import Session, Sessions
from relay.people.users import User, Users

TICKET_S: Final = 300  # to find the phone and type the code


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The browser that logs in. `device`: its device cookie, `session`: the session it came with."""

    address: str
    agent: str = ""
    device: str = ""
    session: Session | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """It was them. Two cookies for the browser."""

    user: User
    session_id: str
    session: Session
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsCode:
    """The password was right. `ticket` goes with the code."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It was not, or there were too many attempts: then `wait_s` is above 0."""

    wait_s: float = 0.0


class LogIn:
    """One for a process."""

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        passwords: Passwords,
        guessing: Guessing,
        *,
        audit: Audit,
        keys: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.users = users
        self.sessions = sessions
        self.passwords = passwords
        self.guessing = guessing
        self.audit = audit
        self.keys = tuple(keys)
        self.clock = clock
        self._tickets = URLSafeTimedSerializer(
            list(reversed(self.keys)),
            salt="relay.second-step.v1",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    async def by_password(self, name: str, password: str, visitor: Visitor) -> LoggedIn | NeedsCode | Refused:
        """The first step. Raises StoreUnavailable, and what the database raises when it is away."""
        name = user_name(name)[:64]
        attempt = await self._attempt(name, visitor)
        if attempt.wait_s:
            return await self._refused(name, visitor, "too many attempts", attempt.wait_s)
        user = await self.users.by_name(name)
        if not await self.passwords.check(user.password if user else None, password) or user is None:
            return await self._refused(name, visitor, "wrong name or password")
        if user.disabled:
            return await self._refused(name, visitor, "disabled")
        if self.passwords.outdated(user.password):
            await self.users.set_password_hash(user.id, await self.passwords.hash(password))
        if user.second_factor:
            # The attempt stays counted until the code is right as well.
            return NeedsCode(ticket=str(self._tickets.dumps([user.id, user.password[-16:], secrets.token_hex(4)])))
        return await self._welcome(user, visitor, attempt)

    async def by_code(self, ticket: str, code: str, visitor: Visitor) -> LoggedIn | Refused:
        """The second step: a code of the app, or a recovery code."""
        user = await self._of_ticket(ticket)
        if user is None:
            return Refused()
        attempt = await self._attempt(user.name, visitor)
        if attempt.wait_s:
            return await self._refused(user.name, visitor, "too many attempts", attempt.wait_s)
        if not await self.check_code(user, code):
            return await self._refused(user.name, visitor, "wrong code")
        return await self._welcome(user, visitor, attempt)

    async def check_code(self, user: User, code: str) -> bool:
        """Whether a code is good for this user; it is used up."""
        try:
            secret = unseal(self.keys, user.second_factor)
        except Unsealable as e:
            await self.audit.note(user.name, "second factor cannot be read", detail=str(e))
            secret = ""
        if secret:
            step = matching_step(secret, code, self.clock(), user.last_step)
            if step is not None:
                return await self.users.use_step(user.id, step)
        return await self.users.use_recovery_code(user.id, recovery_digest(code))

    async def prove(self, user: User, password: str, visitor: Visitor) -> bool | Refused:
        """The password once more, of somebody who is logged in."""
        attempt = await self._attempt(user.name, visitor)
        if attempt.wait_s:
            return Refused(wait_s=attempt.wait_s)
        if not await self.passwords.check(user.password, password):
            await self.audit.note(user.name, "password refused", address=visitor.address)
            return False
        await self.guessing.right(attempt)
        return True

    async def _of_ticket(self, ticket: str) -> User | None:
        try:
            said = self._tickets.loads(ticket[:1000], max_age=TICKET_S)
        except BadData:
            return None
        match said:
            case [str(user_id), str(tail), str()]:
                user = await self.users.by_id(user_id)
                # A ticket does not outlive the password it was given for.
                return user if user is not None and not user.disabled and user.password[-16:] == tail else None
            case _:
                return None

    async def _attempt(self, name: str, visitor: Visitor) -> Attempt:
        device = self.guessing.known_device(visitor.device, name) if visitor.device else ""
        return await self.guessing.begin(name, address_prefix(visitor.address), device=device)

    async def _refused(self, name: str, visitor: Visitor, why: str, wait_s: float = 0.0) -> Refused:
        await self.audit.note(name, "log-in failed", address=visitor.address, detail=why)
        return Refused(wait_s=wait_s)

    async def _welcome(self, user: User, visitor: Visitor, attempt: Attempt) -> LoggedIn:
        await self.guessing.right(attempt)
        if visitor.session is not None:
            # Never go on with an id from before: somebody else may have planted it.
            await self.sessions.end(visitor.session)
        session_id, session = await self.sessions.open(
            user.id, network=address_prefix(visitor.address), agent=visitor.agent
        )
        await self.users.logged_in(user.id)
        await self.audit.note(user.name, "logged in", address=visitor.address)
        device = self.guessing.known_device(visitor.device, user.name) or secrets.token_hex(8)
        return LoggedIn(
            user=user,
            session_id=session_id,
            session=session,
            device=self.guessing.device_cookie(user.name, device),
        )
