"""Sessions: who is logged in, in which browser, since when.

The browser holds 256 random bits, the store only their digest, so a stolen copy of the store opens nothing. A session
ends after a week without a request, a month after log-in, when its person or an administrator ends it, and with the
right to log in. Every request asks the store, so it is over everywhere at once.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from relay.store.store import Store

DAY_S: Final = 86_400.0
IDLE_S: Final = 7 * DAY_S
ABSOLUTE_S: Final = 30 * DAY_S
ROTATE_S: Final = DAY_S
SUDO_S: Final = 15 * 60.0  # how long a password that was given stands for its person
SEEN_EVERY_S: Final = 60.0  # "seen" is written down no oftener
OLD_ID_S: Final = (
    30.0  # after a routine change of the id, requests already on their way may still come with the old one
)
ID_CHARS: Final = 43  # 32 bytes, URL-safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser of one user. Times are seconds since the epoch. `key` is the digest of the id."""

    key: str
    user: str
    created: float
    seen: float
    rotated: float
    sudo: float  # when the password was last given
    network: str  # the address prefix it was last seen at
    agent: str
    csrf: str
    replaced_at: float = 0.0  # when it was given a new id; 0: it is current

    def is_sudo(self, now: float) -> bool:
        """Whether its person has proved lately that it is still them."""
        return now - self.sudo < SUDO_S

    @property
    def public_id(self) -> str:
        """What lists show and `end` takes: enough to tell sessions apart, useless to a thief."""
        return self.key[:16]


def digest(session_id: str) -> str:
    """What is kept of a session id."""
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """All sessions of the deployment. Every method may raise StoreUnavailable."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    async def open(self, user: str, *, network: str, agent: str) -> tuple[str, Session]:
        """A new session, for somebody who has just proved who they are. Returns its id, for the cookie, and it."""
        now = self.clock()
        session_id = secrets.token_urlsafe(32)
        session = Session(
            key=digest(session_id),
            user=user,
            created=now,
            seen=now,
            rotated=now,
            sudo=now,
            network=network,
            agent=agent[:200],
            csrf=secrets.token_urlsafe(32),
        )
        await self._write(session)
        return session_id, session

    async def find(self, session_id: str) -> Session | None:
        """The session of this id, if it is still good."""
        if not 0 < len(session_id) <= ID_CHARS:
            return None
        return await self._read(digest(session_id))

    async def touch(self, session: Session, *, network: str) -> Session:
        """A request came with it. (A page's open stream is no request: it does not keep a session alive.)"""
        now = self.clock()
        if now - session.seen < SEEN_EVERY_S and network == session.network:
            return session
        session = replace(session, seen=now, network=network)
        await self._change(session.key, session)
        return session

    def due_for_rotation(self, session: Session) -> bool:
        """Whether it is a day since it got its id."""
        return not session.replaced_at and self.clock() - session.rotated >= ROTATE_S

    async def rotate(self, session: Session, *, at_once: bool = False, sudo: bool = False) -> tuple[str, Session]:
        """Give it a new id. The old id is good for half a minute more, or, with `at_once`, not a moment: where what the
        session may do has changed. `sudo`: the password was just given. A session that was ended meanwhile stays so."""
        now = self.clock()
        session_id = secrets.token_urlsafe(32)
        new = replace(
            session,
            key=digest(session_id),
            rotated=now,
            seen=now,
            sudo=now if sudo else session.sudo,
            csrf=secrets.token_urlsafe(32) if at_once else session.csrf,
            replaced_at=0.0,
        )
        if await self._change(session.key, replace(session, replaced_at=now)):
            await self._write(new)
            if at_once:
                await self._delete(session)
        return session_id, new

    async def of_user(self, user: str) -> list[Session]:
        """A user's sessions, the one last seen first."""
        keys = await self.store.wire.call("SMEMBERS", self._index(user))
        found = []
        for key in keys:
            session = await self._read(key.decode())
            if session is None:
                await self.store.wire.call("SREM", self._index(user), key)
            elif not session.replaced_at:
                found.append(session)
        return sorted(found, key=lambda s: s.seen, reverse=True)

    async def end(self, session: Session) -> None:
        """End one."""
        await self._delete(session)
        await self._announce(session.user)

    async def end_all(self, user: str, *, but: str = "") -> int:
        """End all sessions of a user, but the one with that key; returns how many."""
        ended = 0
        for key in await self.store.wire.call("SMEMBERS", self._index(user)):
            if key.decode() == but:
                continue
            ended += int(await self.store.wire.call("DEL", self._key(key.decode())))
            await self.store.wire.call("SREM", self._index(user), key)
        await self._announce(user)
        return ended

    # --- in the store ------------------------------------------------------------------------------------------------

    def _key(self, key: str) -> str:
        return self.store.key(f"session:{key}")

    def _index(self, user: str) -> str:
        return self.store.key(f"sessions:{user}")

    async def _announce(self, user: str) -> None:
        """Pages that hold a stream open are told to look whether they still may."""
        await self.store.feed.announce("user", 0, user)

    async def _read(self, key: str) -> Session | None:
        flat = await self.store.wire.call("HGETALL", self._key(key))
        fields = {k.decode(): v.decode("utf-8", "replace") for k, v in zip(flat[::2], flat[1::2], strict=True)}
        if "user" not in fields:
            return None
        session = Session(
            key=key,
            user=fields["user"],
            created=float(fields["created"]),
            seen=float(fields["seen"]),
            rotated=float(fields["rotated"]),
            sudo=float(fields["sudo"]),
            network=fields.get("network", ""),
            agent=fields.get("agent", ""),
            csrf=fields["csrf"],
            replaced_at=float(fields.get("replaced_at", 0)),
        )
        now = self.clock()
        over = now - session.seen > IDLE_S or now - session.created > ABSOLUTE_S
        if over or (session.replaced_at and now - session.replaced_at > OLD_ID_S):
            await self._delete(session)
            return None
        return session

    async def _write(self, session: Session) -> None:
        await self.store.wire.call("HSET", self._key(session.key), *_fields(session))
        await self.store.wire.call("PEXPIRE", self._key(session.key), self._ttl_ms(session))
        await self.store.wire.call("SADD", self._index(session.user), session.key)
        await self.store.wire.call("PEXPIRE", self._index(session.user), str(int(ABSOLUTE_S * 1000)))

    async def _change(self, key: str, session: Session) -> bool:
        """Write a session that is there; one that somebody has just ended must not come back to life."""
        fields = _fields(session)
        done = await self.store.wire.call("EVAL", _CHANGE, "1", self._key(key), self._ttl_ms(session), *fields)
        return bool(done)

    def _ttl_ms(self, session: Session) -> str:
        ttl_s = OLD_ID_S if session.replaced_at else min(IDLE_S, session.created + ABSOLUTE_S - self.clock())
        return str(max(1, int(ttl_s * 1000)))

    async def _delete(self, session: Session) -> None:
        await self.store.wire.call("DEL", self._key(session.key))
        await self.store.wire.call("SREM", self._index(session.user), session.key)


_CHANGE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""


def _fields(session: Session) -> list[str]:
    fields = {
        "user": session.user,
        "created": repr(session.created),
        "seen": repr(session.seen),
        "rotated": repr(session.rotated),
        "sudo": repr(session.sudo),
        "network": session.network,
        "agent": session.agent,
        "csrf": session.csrf,
        "replaced_at": repr(session.replaced_at),
    }
    return [x for pair in fields.items() for x in pair]
