"""Who may do what: one table of operation x role and scope. An operation or page that is not in it cannot be served,
and a test fails for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a user is. An administrator may do whatever an operator may."""

    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token is for. Each includes the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What an operation asks of a caller. `sudo`: a person must have given their password lately. `people_only`: it is
    about the person who asks, so a token cannot."""

    role: Role
    scope: Scope
    sudo: bool = False
    people_only: bool = False


def _read(role: Role = Role.OPERATOR) -> Right:
    return Right(role=role, scope=Scope.READ)


def _write(role: Role = Role.OPERATOR, *, sudo: bool = False) -> Right:
    return Right(role=role, scope=Scope.WRITE, sudo=sudo)


def _admin(*, sudo: bool = False) -> Right:
    return Right(role=Role.ADMIN, scope=Scope.ADMIN, sudo=sudo)


def _own(*, sudo: bool = False) -> Right:
    return Right(role=Role.OPERATOR, scope=Scope.WRITE, sudo=sudo, people_only=True)


RIGHTS: Final[Mapping[str, Right]] = {
    # conversations
    "list_conversations": _read(),
    "count_conversations": _read(),
    "get_conversation": _read(),
    "change_conversation": _write(),
    "list_messages": _read(),
    "send_message": _write(),
    "get_message": _read(),
    "retry_message": _write(),
    "mark_read": _own(),
    "get_draft": _own(),
    "put_draft": _own(),
    "delete_draft": _own(),
    "say_presence": _own(),
    "upload_file": _write(),
    "search": _read(),
    "get_figures": _read(),
    "follow_events": _read(),
    "poll_events": _read(),
    # contacts
    "get_contact": _read(),
    "change_contact": _write(),
    "erase_contact": _admin(sudo=True),
    # what runs
    "list_dead_letters": _read(),
    "replay_dead_letters": _write(Role.ADMIN),
    "drop_dead_letters": _admin(sudo=True),
    "get_status": _read(),
    "pause_destination": _admin(sudo=True),
    "resume_destination": _admin(sudo=True),
    "get_doctor": _read(Role.ADMIN),
    "get_config": _admin(),
    # lists that colleagues share
    "list_canned_answers": _read(),
    "put_canned_answer": _write(),
    "delete_canned_answer": _write(),
    "list_labels": _read(),
    "put_label": _write(),
    "delete_label": _write(),
    # people
    "get_me": _read(),
    "change_my_password": _own(),
    "change_my_settings": _own(),
    "begin_second_factor": _own(sudo=True),
    "confirm_second_factor": _own(sudo=True),
    "remove_second_factor": _own(sudo=True),
    "prove_myself": _own(),
    "list_users": _read(),
    "put_user": _admin(sudo=True),
    "delete_user": _admin(sudo=True),
    "list_tokens": _admin(),
    "put_token": _admin(sudo=True),
    "delete_token": _admin(sudo=True),
    "list_sessions": _own(),
    "end_other_sessions": _own(),
    "end_session": _own(),
    "list_audit": _admin(),
}

# Pages, by address. Whoever may not is shown the log-in, or told so.
PAGES: Final[Mapping[str, Right]] = {
    "/panel": _read(),
    "/console": _admin(sudo=True),
    "/api/docs": _read(),
}


def includes_scope(has: Scope, asked: Scope) -> bool:
    """Whether a token of one scope may do what asks for another."""
    order = list(Scope)
    return order.index(has) >= order.index(asked)


def includes_role(has: Role, asked: Role) -> bool:
    """Whether a user of one role may do what asks for another."""
    return has is Role.ADMIN or has is asked
