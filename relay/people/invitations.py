"""Links that work once: to set up the first user, to invite a colleague, to set a new password.

A link holds 128 random bits; the store keeps their digest and what the link is good for, until it ends. Nothing about
it stands in a log.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from relay.store.store import Store

SETUP_S: Final = 3600.0
INVITATION_S: Final = 72 * 3600.0
Purpose = Literal["setup", "invitation", "password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a link is good for. `user` is the name it was made for; "" where its reader chooses one."""

    purpose: Purpose
    user: str = ""
    role: str = "operator"


class Invitations:
    """All open links. Every method may raise StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def make(self, invitation: Invitation, *, ttl_s: float = INVITATION_S) -> str:
        """The secret part of a new link. A new one for the same person and purpose ends the one before."""
        secret = secrets.token_urlsafe(16)
        said = {"purpose": invitation.purpose, "user": invitation.user, "role": invitation.role}
        newest = self.store.key(f"invited:{invitation.purpose}:{invitation.user}")
        if (before := await self.store.wire.call("GET", newest)) is not None:
            await self.store.wire.call("DEL", self._key(before.decode()))
        ttl_ms = str(int(ttl_s * 1000))
        await self.store.wire.call("SET", self._key(_digest(secret)), orjson.dumps(said), "PX", ttl_ms)
        await self.store.wire.call("SET", newest, _digest(secret), "PX", ttl_ms)
        return secret

    async def look(self, secret: str) -> Invitation | None:
        """What the link is good for, without using it up."""
        return _read(await self.store.wire.call("GET", self._key(_digest(secret))))

    async def use(self, secret: str) -> Invitation | None:
        """Use it up: of several at once, one gets it."""
        return _read(await self.store.wire.call("GETDEL", self._key(_digest(secret))))

    def _key(self, digest: str) -> str:
        return self.store.key(f"invitation:{digest}")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _read(raw: bytes | None) -> Invitation | None:
    if raw is None:
        return None
    said = orjson.loads(raw)
    return Invitation(purpose=said["purpose"], user=said["user"], role=said["role"])
