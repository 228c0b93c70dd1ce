"""Who asks: a user with a session, a script with a token, or whoever sits at a demo that needs no log-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relay.people.rights import Right, Role, Scope, includes_role, includes_scope
from relay.people.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """`id` is unique over all kinds, for what is kept per asker; `name` is shown to people."""

    kind: Literal["user", "token", "demo"]
    id: str
    name: str
    role: Role
    scope: Scope = Scope.ADMIN
    session: Session | None = None

    @property
    def is_person(self) -> bool:
        return self.kind != "token"

    def may(self, right: Right) -> bool:
        """Whether role and scope are enough. (Not whether a password was given lately.)"""
        if right.people_only and not self.is_person:
            return False
        return includes_role(self.role, right.role) and includes_scope(self.scope, right.scope)

    def must_prove(self, right: Right, now: float) -> bool:
        """Whether the password must be given once more. A token was made for just what it does."""
        return right.sudo and self.session is not None and not self.session.is_sudo(now)


DEMO = Who(kind="demo", id="demo", name="demo", role=Role.ADMIN)
