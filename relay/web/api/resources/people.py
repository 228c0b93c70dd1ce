"""Users, tokens, and the audit of what they did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relay.people.names import objection, user_name
from relay.people.rights import Role, Scope
from relay.people.tokens import Token
from relay.people.users import NameTaken, User
from relay.web.api.operations import ById, ByName, Call, Given, Items, Operation, Page, Reply, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.times import Moment, moment

TAG = "people"


class UserShown(Shown):
    """Somebody who may log in."""

    id: str
    name: str
    role: Literal["operator", "admin"]
    disabled: bool
    invited: bool = Field(description="Has not chosen a password yet.")
    second_factor: bool
    created: Moment | None
    last_login: Moment | None


class UserChange(Given):
    """Who they are to be. Left out: as it is, or operator for somebody new."""

    role: Literal["operator", "admin"] | None = None
    disabled: bool | None = None
    link: bool = Field(default=False, description="Make a link with which they choose a (new) password.")


class UserChanged(Shown):
    """The user, and the link where one was asked for. It works once, for three days, and is shown only now."""

    user: UserShown
    link: str | None


class TokenShown(Shown):
    """A token, without what makes it one."""

    id: str
    name: str
    scope: Literal["read", "write", "admin"]
    created: Moment | None
    created_by: str
    expires: Moment | None
    last_used: Moment | None = Field(description="The day it was last used.")


class NewToken(Given):
    """What the token is for."""

    scope: Literal["read", "write", "admin"] = "read"
    days: int | None = Field(default=365, ge=1, le=3660, description="How long it is good; null: for ever.")


class TokenMade(Shown):
    """The token, shown only now."""

    info: TokenShown
    token: str = Field(description="For `Authorization: Bearer`.")


class AuditEntry(Shown):
    """Who did what, when, and from where."""

    id: str
    at: Moment | None
    who: str
    what: str
    on: str
    address: str
    detail: str


# --- users ------------------------------------------------------------------------------------------------------------


async def list_users(call: Call) -> Items[UserShown]:
    users = await call.services.people.users.all()
    return Items[UserShown](items=[_user(u) for u in users])


async def put_user(call: Call) -> Reply:
    people, change, by = call.services.people, call.body(UserChange), call.who.name
    name = user_name(call.path(ByName).name)
    user, status = await people.users.by_name(name), 200
    if user is None:
        if why := objection(name):
            raise Problem("invalid", why)
        try:
            user = await people.add(name, Role(change.role or "operator"), by=by, address=call.address)
        except NameTaken:
            raise Problem("conflict", "Somebody has just added a user of that name.") from None
        status = 201
    demoted = change.role == "operator" and user.role is Role.ADMIN
    if (demoted or change.disabled) and await people.is_last_admin(user):
        raise Problem("conflict", "This is the last administrator who can log in.")
    if change.role is not None and Role(change.role) is not user.role:
        await people.set_role(user, Role(change.role), by=by, address=call.address)
    if change.disabled and not user.disabled:
        await people.disable(user, by=by, address=call.address)
    elif change.disabled is False and user.disabled:
        await people.enable(user, by=by, address=call.address)
    user = await people.users.by_id(user.id)
    if user is None:
        raise Problem("not-found")
    link = None
    if change.link:
        link = f"{call.origin}/setup/{await people.invite(user, by=by, address=call.address)}"
    return Reply(body=UserChanged(user=_user(user), link=link), status=status)


async def delete_user(call: Call) -> None:
    people = call.services.people
    user = await people.users.by_name(user_name(call.path(ByName).name))
    if user is None:
        raise Problem("not-found", "There is no user of that name.")
    if await people.is_last_admin(user):
        raise Problem("conflict", "This is the last administrator who can log in.")
    await people.remove(user, by=call.who.name, address=call.address)


def _user(user: User) -> UserShown:
    return UserShown(
        id=user.id,
        name=user.name,
        role=user.role.value,
        disabled=user.disabled,
        invited=not user.password,
        second_factor=bool(user.second_factor),
        created=moment(user.created_ms),
        last_login=moment(user.last_login_ms),
    )


# --- tokens -----------------------------------------------------------------------------------------------------------


async def list_tokens(call: Call) -> Items[TokenShown]:
    return Items[TokenShown](items=[_token(t) for t in await call.services.people.tokens.all()])


async def put_token(call: Call) -> Reply:
    new, people, name = call.body(NewToken), call.services.people, call.path(ByName).name.strip()
    if not name or not name.isprintable():
        raise one_invalid("", "A token's name has 1 to 64 printable characters.")
    try:
        token, text = await people.tokens.add(name, Scope(new.scope), by=call.who.name, days=new.days)
    except NameTaken:
        raise Problem("conflict", "There is a token of that name. Revoke it first; nobody can see it again.") from None
    await people.audit.note(
        call.who.name, "token made", on=name, address=call.address, detail=f"{token.id} {new.scope}"
    )
    return Reply(body=TokenMade(info=_token(token), token=text), status=201)


async def delete_token(call: Call) -> None:
    people = call.services.people
    token = await people.tokens.remove(call.path(ById).id)
    if token is None:
        raise Problem("not-found", "There is no token with this id.")
    await people.audit.note(call.who.name, "token revoked", on=token.name, address=call.address, detail=token.id)


def _token(token: Token) -> TokenShown:
    return TokenShown(
        id=token.id,
        name=token.name,
        scope=token.scope.value,
        created=moment(token.created_ms),
        created_by=token.created_by,
        expires=moment(token.expires_ms),
        last_used=moment(token.used_ms),
    )


# --- audit ------------------------------------------------------------------------------------------------------------


async def list_audit(call: Call) -> Items[AuditEntry]:
    limit, position = call.query(Page).limit, call.position()
    entries = await call.services.people.audit.page(int(position[0]) if position else None, limit + 1)
    more = len(entries) > limit
    shown = [
        AuditEntry(
            id=str(e.id), at=moment(e.at_ms), who=e.who, what=e.what, on=e.on, address=e.address, detail=e.detail
        )
        for e in entries[:limit]
    ]
    return Items[AuditEntry](items=shown, next=call.next([entries[limit - 1].id]) if more else None)


OPERATIONS = (
    Operation(
        id="list_users",
        method="GET",
        path="/users",
        summary="Who may log in",
        tag=TAG,
        handler=list_users,
        answer=Items[UserShown],
    ),
    Operation(
        id="put_user",
        method="PUT",
        path="/users/{name}",
        summary="Add somebody, or change what they are",
        tag=TAG,
        handler=put_user,
        parameters=ByName,
        body=UserChange,
        answer=UserChanged,
        also=(201,),
        problems=("conflict",),
    ),
    Operation(
        id="delete_user",
        method="DELETE",
        path="/users/{name}",
        summary="Remove somebody; what they wrote stays",
        tag=TAG,
        handler=delete_user,
        parameters=ByName,
        problems=("conflict",),
    ),
    Operation(
        id="list_tokens",
        method="GET",
        path="/tokens",
        summary="Tokens for scripts",
        tag=TAG,
        handler=list_tokens,
        answer=Items[TokenShown],
    ),
    Operation(
        id="put_token",
        method="PUT",
        path="/tokens/{name}",
        summary="Make a token; it is shown once",
        tag=TAG,
        handler=put_token,
        parameters=ByName,
        body=NewToken,
        answer=TokenMade,
        status=201,
        problems=("conflict",),
    ),
    Operation(
        id="delete_token",
        method="DELETE",
        path="/tokens/{id}",
        summary="Revoke a token",
        tag=TAG,
        handler=delete_token,
        parameters=ById,
    ),
    Operation(
        id="list_audit",
        method="GET",
        path="/audit",
        summary="Who did what, newest first",
        tag=TAG,
        handler=list_audit,
        query=Page,
        answer=Items[AuditEntry],
    ),
)
