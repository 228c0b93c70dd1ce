"""The gate: says who a request comes from, and whether a browser's request is its own.

Pages and `/api/v1` ask it; nothing else needs to know about cookies. On a demo (this machine only, sandboxes only, and
nobody has been made a user) there is no log-in, but a request must still be meant for this machine by name, and must
come from our own pages.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from relay.people.names import address_prefix
from relay.people.people import People
from relay.people.rights import PAGES
from relay.people.sessions import ABSOLUTE_S
from relay.people.who import DEMO, Who
from relay.web.client_address import Client, ClientAddresses
from relay.web.login.forgery import FIELD, HEADER, SAFE_METHODS, foreign, same_token

COOKIE: Final = "relay"
DEVICE_COOKIE: Final = "relay-device"
LOGIN_COOKIE: Final = "relay-login"  # carries the token of the log-in form, before there is a session
PageHandler = Callable[[web.Request, Who], Awaitable[web.StreamResponse]]
WHO: Final = web.RequestKey("who", Who)
_NEW_COOKIE: Final = web.RequestKey("relay_new_cookie", str)


class Gate:
    """One for the web half of a process."""

    def __init__(
        self,
        people: People,
        addresses: ClientAddresses,
        keys: Sequence[str],
        *,
        public_url: str | None,
        demo: bool,
    ) -> None:
        """`demo`: whether this deployment may do without log-in while it has no users."""
        self.people = people
        self.addresses = addresses
        self.may_be_demo = demo
        self._public_origin = _origin(public_url)
        self._demo_token = hmac.digest(keys[0].encode(), b"relay.demo-csrf.v1", hashlib.sha256).hex()

    # --- who ---------------------------------------------------------------------------------------------------------

    def client(self, request: web.Request) -> Client:
        return self.addresses.of(request)

    async def is_demo(self, request: web.Request) -> bool:
        """Whether this request needs no log-in. A page elsewhere that has its own name point at this machine (DNS
        rebinding) is not taken for a person at it."""
        if not self.may_be_demo or not self.client(request).is_loopback_name:
            return False
        return not await self.people.exists()

    async def who(self, request: web.Request, *, refresh: bool = True) -> Who | None:
        """Who the request comes from, by bearer token or cookie; None for nobody. `refresh`: it counts as activity."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self.people.tokens.who(token.strip())
        who = await self._by_cookie(request, refresh=refresh)
        if who is None and await self.is_demo(request):
            who = DEMO
        return who

    async def _by_cookie(self, request: web.Request, *, refresh: bool) -> Who | None:
        given = request.cookies.get(self.cookie_name(request, COOKIE))
        if not given:
            return None
        sessions = self.people.sessions
        session = await sessions.find(given)
        if session is None:
            return None
        who = await self.people.who(session)
        if who is None:
            await sessions.end(session)
            return None
        if refresh:
            network = address_prefix(self.client(request).address)
            session = await sessions.touch(session, network=network)
            if sessions.due_for_rotation(session):
                request[_NEW_COOKIE], session = await sessions.rotate(session)
            who = replace(who, session=session)
        return who

    # --- forged requests ---------------------------------------------------------------------------------------------

    def csrf_token(self, who: Who) -> str:
        """What our own pages send with everything that changes something."""
        return who.session.csrf if who.session is not None else self._demo_token

    def forged(self, request: web.Request, who: Who | None, given: str | None = None) -> str:
        """Why an unsafe request is not believed to be our own page's, as a sentence; "" where it is. A request with a
        bearer token is nobody's who does not know the token. `given`: the form's token; the header's by default."""
        if request.method in SAFE_METHODS or (who is not None and who.kind == "token"):
            return ""
        if why := self.foreign(request):
            return why
        if who is not None and not same_token(self.csrf_token(who), given or request.headers.get(HEADER)):
            return f"The token of our pages ({HEADER}, or the field {FIELD}) is missing or old; reload the page."
        return ""

    def foreign(self, request: web.Request) -> str:
        """Why the request is taken for another site's; "" where it is our own."""
        origins = [self.client(request).origin]
        if self._public_origin:
            origins.append(self._public_origin)
        return foreign(request.headers, origins)

    # --- cookies -----------------------------------------------------------------------------------------------------

    def cookie_name(self, request: web.Request, name: str) -> str:
        """`__Host-` where the browser keeps such cookies: nobody but this very host can set them. Not over plain http
        to a name, where they would be dropped."""
        return f"__Host-{name}" if self.client(request).secure_cookies else name

    def set_cookie(
        self, request: web.Request, response: web.StreamResponse, name: str, value: str, max_age_s: float
    ) -> None:
        response.set_cookie(
            self.cookie_name(request, name),
            value,
            max_age=int(max_age_s),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self.client(request).secure_cookies,
        )

    def set_session(self, request: web.Request, response: web.StreamResponse, session_id: str) -> None:
        self.set_cookie(request, response, COOKIE, session_id, ABSOLUTE_S)

    def clear_session(self, request: web.Request, response: web.StreamResponse) -> None:
        response.del_cookie(
            self.cookie_name(request, COOKIE),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self.client(request).secure_cookies,
        )

    def device(self, request: web.Request) -> str:
        """The device cookie of this browser; "" for none."""
        return request.cookies.get(self.cookie_name(request, DEVICE_COOKIE), "")

    def finish(self, request: web.Request, response: web.StreamResponse, *, new_session_id: str = "") -> None:
        """Give the browser the new id of its session, where it was given one on the way."""
        if new := new_session_id or request.get(_NEW_COOKIE):
            self.set_session(request, response, new)

    # --- pages -------------------------------------------------------------------------------------------------------

    def page(self, right: str, handler: PageHandler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A page that only those may see who have the right of that name in `PAGES`; others log in first."""
        needed = PAGES[right]

        async def guarded(request: web.Request) -> web.StreamResponse:
            who = await self.who(request)
            if who is None or who.kind == "token":
                raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs, safe='')}")
            if not who.may(needed):
                raise web.HTTPForbidden(text="Your role does not include this page.\n")
            if who.must_prove(needed, self.people.clock()):
                raise web.HTTPSeeOther(f"/login?sudo=1&next={quote(request.path_qs, safe='')}")
            request[WHO] = who
            response = await handler(request, who)
            if not response.prepared:
                self.finish(request, response)
            return response

        return guarded


def _origin(url: str | None) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
