"""`/login`, `/logout` and `/setup/<once>`: the pages of those who are not in yet. Forms only, no script."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from relay.contract.errors import StoreUnavailable
from relay.people.guessing import DEVICE_MAX_AGE_S
from relay.people.invitations import Invitation
from relay.people.log_in import LoggedIn, NeedsCode, Visitor
from relay.people.names import objection, user_name
from relay.people.passwords import SHORTEST, SHORTEST_ADMIN
from relay.people.people import NameTaken, People
from relay.people.who import Who
from relay.texts.templates import Templates
from relay.web.assets import assets
from relay.web.headers import page_headers
from relay.web.login.forgery import FIELD, same_token
from relay.web.login.gate import COOKIE, DEVICE_COOKIE, LOGIN_COOKIE, Gate

FORM_AGE_S: Final = 12 * 3600
FORM_BYTES: Final = 16_384
START: Final = "/panel"


def own_path(given: str, default: str = START) -> str:
    """Where to go on after the log-in: one of our own paths, whatever was asked for."""
    if not given.startswith("/") or given.startswith("//") or len(given) > 2000:
        return default
    # Browsers take a backslash for a slash, and leave out control characters before they look.
    if "\\" in given or any(ord(c) <= 0x20 or ord(c) == 0x7F for c in given):
        return default
    parts = urlsplit(given)
    if parts.scheme or parts.netloc or parts.path.rstrip("/") in ("/login", "/logout"):
        return default
    return given


class LoginPages:
    """The forms, and what is done with them."""

    def __init__(self, gate: Gate, people: People, texts: Templates, keys: Sequence[str]) -> None:
        self.gate = gate
        self.people = people
        self.texts = texts
        self.style = assets().url("login/login.css")
        self._key = hmac.digest(keys[0].encode(), b"relay.login-form.v1", hashlib.sha256)

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/login", self._kept(self.show)),
            web.post("/login", self._kept(self.log_in)),
            web.post("/logout", self._kept(self.log_out)),
            web.get("/setup/{once}", self._kept(self.invited)),
            web.post("/setup/{once}", self._kept(self.set_up)),
        ]

    def _kept(self, handler: Any) -> Any:
        """A store that is away is told in words."""

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                response: web.StreamResponse = await handler(request)
            except StoreUnavailable:
                response = self._page(request, "said.html.j2", what="away", status=503)
                response.headers["Retry-After"] = "2"
            return response

        return serve

    # --- log in ------------------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """The form. Whoever is in already goes on, unless the password is wanted once more."""
        following = own_path(request.query.get("next", ""))
        who = await self.gate.who(request)
        if who is not None and who.session is None:
            raise web.HTTPSeeOther(following)
        sudo = "sudo" in request.query and who is not None
        if who is not None and not sudo:
            raise web.HTTPSeeOther(following)
        return self._form(request, next=following, sudo=sudo, name=who.name if who else "")

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """The form, filled in: name and password, or the code."""
        form = await _form(request)
        following = own_path(form.get("next", ""))
        shown: dict[str, Any] = {
            "next": following,
            "sudo": "sudo" in form,
            "name": user_name(form.get("name", ""))[:64],
        }
        if not self._form_is_ours(request, form):
            return self._form(request, **shown, error="forged", status=403)
        before = await self._session_of(request)
        visitor = Visitor(
            address=self.gate.client(request).address,
            agent=request.headers.get("User-Agent", "")[:200],
            device=self.gate.device(request),
            session=before.session if before is not None else None,
        )
        if ticket := form.get("ticket"):
            outcome: Any = await self.people.log_in.by_code(ticket, form.get("code", ""), visitor)
        else:
            if before is not None and shown["sudo"]:
                shown["name"] = before.name
            outcome = await self.people.log_in.by_password(shown["name"], form.get("password", ""), visitor)
        match outcome:
            case LoggedIn():
                return self._welcome(request, outcome, following)
            case NeedsCode():
                return self._form(request, **shown, ticket=outcome.ticket)
            case _:
                # The same sentence for everything; only the status and Retry-After tell a program to wait.
                response = self._form(request, **shown, error="wrong", status=429 if outcome.wait_s else 401)
                if outcome.wait_s:
                    response.headers["Retry-After"] = str(math.ceil(outcome.wait_s))
                return response

    def _welcome(self, request: web.Request, outcome: LoggedIn, following: str) -> web.StreamResponse:
        response = web.Response(status=303, headers={**page_headers(), "Location": following})
        self.gate.set_session(request, response, outcome.session_id)
        self.gate.set_cookie(request, response, DEVICE_COOKIE, outcome.device, DEVICE_MAX_AGE_S)
        return response

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """End the session. The button's form carries the token of our pages."""
        who = await self._session_of(request)
        response = web.Response(status=303, headers={**page_headers(), "Location": "/login"})
        if who is None or who.session is None:
            return response
        form = await _form(request)
        if why := self.gate.forged(request, who, form.get(FIELD)):
            raise web.HTTPForbidden(text=why + "\n")
        await self.people.sessions.end(who.session)
        await self.people.audit.note(who.name, "logged out", address=self.gate.client(request).address)
        self.gate.clear_session(request, response)
        return response

    async def _session_of(self, request: web.Request) -> Who | None:
        """Who is logged in by cookie in this browser."""
        given = request.cookies.get(self.gate.cookie_name(request, COOKIE))
        session = await self.people.sessions.find(given) if given else None
        return await self.people.who(session) if session is not None else None

    # --- links that work once ----------------------------------------------------------------------------------------

    async def invited(self, request: web.Request) -> web.Response:
        """The form behind a link. Looking does not use it up: link previews look, too."""
        invitation = await self.people.invitation(request.match_info["once"])
        if invitation is None:
            return self._page(request, "said.html.j2", what="gone", status=404)
        return self._setup_form(request, invitation, name=invitation.user)

    async def set_up(self, request: web.Request) -> web.StreamResponse:
        """Name and password chosen."""
        invitation = await self.people.invitation(request.match_info["once"])
        if invitation is None:
            return self._page(request, "said.html.j2", what="gone", status=404)
        form = await _form(request)
        name = invitation.user or user_name(form.get("name", ""))
        if not self._form_is_ours(request, form):
            return self._setup_form(request, invitation, name=name, error="forged", status=403)
        password = form.get("password", "")
        error = ""
        if objection(name):
            error = "name_bad"
        elif password != form.get("again", ""):
            error = "password_differs"
        else:
            error = await self.people.password_weakness(password, name=name, role=invitation.role)
        if not error:
            try:
                user = await self.people.accept_invitation(
                    request.match_info["once"], name, password, address=self.gate.client(request).address
                )
            except NameTaken:
                error = "name_taken"
            else:
                if user is None:
                    return self._page(request, "said.html.j2", what="gone", status=404)
                # They prove themselves at once, with what they have just chosen: also that it was kept.
                target = f"/login?next={START}"
                return web.Response(status=303, headers={**page_headers(), "Location": target})
        return self._setup_form(request, invitation, name=name, error=error, status=422)

    def _setup_form(
        self, request: web.Request, invitation: Invitation, *, name: str, error: str = "", status: int = 200
    ) -> web.Response:
        shortest = SHORTEST_ADMIN if invitation.role == "admin" else SHORTEST
        return self._form(
            request,
            "setup.html.j2",
            purpose=invitation.purpose,
            name=name,
            fixed=bool(invitation.user),
            shortest=shortest,
            error=error,
            status=status,
        )

    # --- forms before there is a session -----------------------------------------------------------------------------

    def _form(
        self, request: web.Request, template: str = "login.html.j2", *, status: int = 200, **facts: Any
    ) -> web.Response:
        """A form with a token that fits to a cookie of this browser."""
        facts = {"error": "", "ticket": "", "sudo": False, "name": ""} | facts
        given = request.cookies.get(self.gate.cookie_name(request, LOGIN_COOKIE), "")
        secret = given if self._token(given) else f"{secrets.token_urlsafe(16)}.{int(time.time())}"
        response = self._page(request, template, status=status, csrf=self._token(secret), **facts)
        self.gate.set_cookie(request, response, LOGIN_COOKIE, secret, FORM_AGE_S)
        return response

    def _token(self, secret: str) -> str:
        """The form's token for the cookie's value; "" for a value too old or not ours."""
        _, dot, made = secret.rpartition(".")
        if not dot or not made.isdecimal() or len(secret) > 60 or time.time() - int(made) > FORM_AGE_S:
            return ""
        return hmac.digest(self._key, secret.encode("utf-8", "replace"), hashlib.sha256).hex()

    def _form_is_ours(self, request: web.Request, form: dict[str, str]) -> bool:
        if self.gate.foreign(request):
            return False
        cookie = request.cookies.get(self.gate.cookie_name(request, LOGIN_COOKIE), "")
        return same_token(self._token(cookie), form.get(FIELD))

    def _page(self, request: web.Request, template: str, *, status: int = 200, **facts: Any) -> web.Response:
        secure = self.gate.client(request).secure_cookies
        html = self.texts.page(f"login/{template}", style=self.style, secure=secure, **facts)
        return web.Response(text=html, status=status, content_type="text/html", headers=page_headers())


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a small form. Raises what aiohttp answers for others."""
    if (request.content_length or 0) > FORM_BYTES:
        raise web.HTTPRequestEntityTooLarge(FORM_BYTES, request.content_length or 0)
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    raw = await request.content.read(FORM_BYTES + 1)
    while len(raw) <= FORM_BYTES and not request.content.at_eof():
        raw += await request.content.read(FORM_BYTES + 1 - len(raw))
    if len(raw) > FORM_BYTES:
        raise web.HTTPRequestEntityTooLarge(FORM_BYTES, len(raw))
    try:
        pairs = _parsed(raw)
    except ValueError:
        raise web.HTTPBadRequest(text="The form cannot be read.\n") from None
    return pairs


def _parsed(raw: bytes) -> dict[str, str]:
    """An urlencoded form; the first of several equal names counts. Raises ValueError."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict"):
        fields.setdefault(name, value)
    return fields
