"""Whoever asks: who they are, their password, their second factor, their sessions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relay.people.log_in import Refused, Visitor
from relay.people.rights import RIGHTS
from relay.people.second_factor import address, matching_step, new_recovery_codes, new_secret, qr_svg, recovery_digest
from relay.people.second_factor import seal as sealed
from relay.people.sessions import Session
from relay.people.users import User
from relay.web.api.operations import ById, Call, Given, Items, Operation, Shown
from relay.web.api.problems import Problem, one_invalid
from relay.web.api.times import Moment, moment

TAG = "me"
_WEAK = {
    "password_short": "Too short: at least 12 characters, for an administrator without a second factor 15.",
    "password_long": "The password is longer than 128 characters.",
    "password_guessable": "This password is easily guessed. Several unrelated words make a good one.",
}


class Me(Shown):
    """Who asks, and what they may do."""

    kind: Literal["user", "token", "demo"]
    id: str
    name: str
    role: Literal["operator", "admin"]
    scope: Literal["read", "write", "admin"]
    operations: list[str] = Field(description="What they may do: operation ids of this document.")
    csrf: str | None = Field(description="To be sent as X-Relay-CSRF with what changes something; null for tokens.")
    sudo_until: Moment | None = Field(description="Until when the password that was given stands.")
    second_factor: bool
    settings: dict[str, Any] = Field(description="What their pages keep for them.")


class NewPassword(Given):
    """A change of one's own password."""

    current: str = Field(min_length=1, max_length=512)
    new: str = Field(min_length=1, max_length=512)


class Proof(Given):
    """The password once more."""

    password: str = Field(min_length=1, max_length=512)


class Settings(Given):
    """What one's pages keep. At most 20 kB."""

    settings: dict[str, Any]


class SecondFactorBegun(Shown):
    """What the authenticator app is shown. It counts once a code of it has come back."""

    secret: str
    address: str
    qr_svg: str


class SecondFactorCode(Given):
    """A code of the app, for the secret that was shown."""

    secret: str = Field(pattern=r"^[A-Z2-7]{16,64}$")
    code: str = Field(min_length=6, max_length=10)


class RecoveryCodes(Shown):
    """Each is good once. They are shown now and never again."""

    recovery_codes: list[str]


class SessionShown(Shown):
    """A browser in which one is logged in."""

    id: str
    current: bool
    created: Moment
    seen: Moment
    network: str
    agent: str


class Ended(Shown):
    """How many sessions were ended."""

    ended: int


async def get_me(call: Call) -> Me:
    who = call.who
    user = await _user(call) if who.kind == "user" else None
    session = who.session
    sudo_until = None
    if session is not None and session.is_sudo(call.services.people.clock()):
        sudo_until = moment(int((session.sudo + 15 * 60) * 1000))
    return Me(
        kind=who.kind,
        id=who.id,
        name=who.name,
        role=who.role.value,
        scope=who.scope.value,
        operations=[name for name, right in RIGHTS.items() if who.may(right)],
        csrf=call.services.gate.csrf_token(who) if who.is_person else None,
        sudo_until=sudo_until,
        second_factor=bool(user and user.second_factor),
        settings=user.settings if user else {},
    )


async def prove_myself(call: Call) -> None:
    await _prove(call, call.body(Proof).password)
    session = _session(call)
    # More may be done with it now, so it gets a new id; the old one is dead at once.
    session_id, _ = await call.services.people.sessions.rotate(session, at_once=True, sudo=True)
    call.new_session_id = session_id


async def change_my_password(call: Call) -> None:
    body, people = call.body(NewPassword), call.services.people
    user = await _prove(call, body.current, pointer="/current")
    weak = await people.password_weakness(
        body.new, name=user.name, role=user.role.value, second_factor=bool(user.second_factor)
    )
    if weak:
        raise one_invalid("/new", _WEAK[weak])
    session = _session(call)
    session_id, renewed = await people.sessions.rotate(session, at_once=True, sudo=True)
    await people.set_password(user, body.new, by=user.name, keep=renewed.key, address=call.address)
    call.new_session_id = session_id


async def change_my_settings(call: Call) -> None:
    settings = call.body(Settings)
    if len(settings.model_dump_json()) > 20_000:
        raise Problem("too-large", "Settings have at most 20 kB.", limit=20_000)
    if call.who.kind == "user":
        await call.services.people.users.set_settings(call.who.id, settings.settings)


async def begin_second_factor(call: Call) -> SecondFactorBegun:
    user = await _user(call)
    secret = new_secret()
    said = address(secret, user.name, "Relay")
    return SecondFactorBegun(secret=secret, address=said, qr_svg=qr_svg(said))


async def confirm_second_factor(call: Call) -> RecoveryCodes:
    body, people = call.body(SecondFactorCode), call.services.people
    user = await _user(call)
    if matching_step(body.secret, body.code, people.clock(), 0) is None:
        raise one_invalid("/code", "This is not the code that belongs to that secret now.")
    codes = new_recovery_codes()
    await people.users.set_second_factor(user.id, sealed(people.keys, body.secret), [recovery_digest(c) for c in codes])
    session_id, renewed = await people.sessions.rotate(_session(call), at_once=True)
    await people.sessions.end_all(user.id, but=renewed.key)
    call.new_session_id = session_id
    await people.audit.note(user.name, "second factor set up", address=call.address)
    return RecoveryCodes(recovery_codes=codes)


async def remove_second_factor(call: Call) -> None:
    user = await _user(call)
    await call.services.people.users.set_second_factor(user.id, "", ())
    await call.services.people.audit.note(user.name, "second factor removed", address=call.address)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def list_sessions(call: Call) -> Items[SessionShown]:
    current = call.who.session
    found = await call.services.people.sessions.of_user(call.who.id) if current is not None else []
    return Items[SessionShown](items=[_shown(s, current) for s in found])


async def end_session(call: Call) -> None:
    people = call.services.people
    for session in await people.sessions.of_user(call.who.id):
        if session.public_id == call.path(ById).id:
            await people.sessions.end(session)
            await people.audit.note(call.who.name, "session ended", address=call.address)
            return
    raise Problem("not-found", "None of your sessions has this id.")


async def end_other_sessions(call: Call) -> Ended:
    session, people = call.who.session, call.services.people
    if session is None:
        return Ended(ended=0)
    ended = await people.sessions.end_all(call.who.id, but=session.key)
    await people.audit.note(call.who.name, "other sessions ended", address=call.address, detail=str(ended))
    return Ended(ended=ended)


def _shown(session: Session, current: Session | None) -> SessionShown:
    created, seen = moment(int(session.created * 1000)), moment(int(session.seen * 1000))
    assert created is not None
    assert seen is not None
    return SessionShown(
        id=session.public_id,
        current=current is not None and current.key == session.key,
        created=created,
        seen=seen,
        network=session.network,
        agent=session.agent,
    )


async def _user(call: Call) -> User:
    user = await call.services.people.users.by_id(call.who.id)
    if user is None:
        raise Problem("conflict", "There is no log-in here, so there is no user to change.")
    return user


def _session(call: Call) -> Session:
    if call.who.session is None:
        raise Problem("conflict", "There is no log-in here.")
    return call.who.session


async def _prove(call: Call, password: str, *, pointer: str = "/password") -> User:
    """The asking user, who has just given their password. Raises Problem."""
    user = await _user(call)
    proved = await call.services.people.log_in.prove(user, password, Visitor(address=call.address, device=call.device))
    if isinstance(proved, Refused):
        wait_s = max(1, round(proved.wait_s))
        raise Problem("too-many", f"Too many attempts; wait {wait_s} s.", headers={"Retry-After": str(wait_s)})
    if not proved:
        raise one_invalid(pointer, "This is not your password.")
    return user


OPERATIONS = (
    Operation(id="get_me", method="GET", path="/me", summary="Who asks", tag=TAG, handler=get_me, answer=Me),
    Operation(
        id="prove_myself",
        method="POST",
        path="/me/sudo",
        summary="Give the password once more",
        tag=TAG,
        handler=prove_myself,
        body=Proof,
        problems=("conflict",),
    ),
    Operation(
        id="change_my_password",
        method="PUT",
        path="/me/password",
        summary="Change one's password; all other sessions end",
        tag=TAG,
        handler=change_my_password,
        body=NewPassword,
        problems=("conflict",),
    ),
    Operation(
        id="change_my_settings",
        method="PUT",
        path="/me/settings",
        summary="What one's pages keep",
        tag=TAG,
        handler=change_my_settings,
        body=Settings,
    ),
    Operation(
        id="begin_second_factor",
        method="POST",
        path="/me/second-factor",
        summary="A new secret for an authenticator app",
        tag=TAG,
        handler=begin_second_factor,
        answer=SecondFactorBegun,
        problems=("conflict",),
    ),
    Operation(
        id="confirm_second_factor",
        method="PUT",
        path="/me/second-factor",
        summary="Set the second factor up, with a first code",
        tag=TAG,
        handler=confirm_second_factor,
        body=SecondFactorCode,
        answer=RecoveryCodes,
        problems=("conflict",),
    ),
    Operation(
        id="remove_second_factor",
        method="DELETE",
        path="/me/second-factor",
        summary="Do without a second factor",
        tag=TAG,
        handler=remove_second_factor,
        problems=("conflict",),
    ),
    Operation(
        id="list_sessions",
        method="GET",
        path="/sessions",
        summary="Where one is logged in",
        tag=TAG,
        handler=list_sessions,
        answer=Items[SessionShown],
    ),
    Operation(
        id="end_other_sessions",
        method="DELETE",
        path="/sessions",
        summary="End all sessions but this one",
        tag=TAG,
        handler=end_other_sessions,
        answer=Ended,
    ),
    Operation(
        id="end_session",
        method="DELETE",
        path="/sessions/{id}",
        summary="End one session",
        tag=TAG,
        handler=end_session,
        parameters=ById,
    ),
)
