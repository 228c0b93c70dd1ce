"""The login of one account: kept over restarts, made anew when it dies, by one task at a time.

No error says in so many words that a token is dead (codes are not documented, FACTS 3). So after any refusal the
messenger itself is asked, by `users/check`, whether the token is to blame.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridges.astrak.client import AstrakClient, Login, hide, integer
from bridges.astrak.settings import AstrakSettings
from relay.contract import Http, Memory
from relay.contract.errors import RemoteError, SendError

LOGIN_REFUSED = "login_refused"  # code of a RemoteError: our name or password is wrong
UNSURE = "token_unsure"  # ... : refused, and whether the token is to blame could not be told
MEMORY_KEY = "login"
USERNAMES = 10_000  # kept at most

T = TypeVar("T")


def is_refusal(error: RemoteError) -> bool:
    """Whether the messenger itself said no, rather than something in front of it."""
    return error.code.startswith("-") or error.status in (401, 403)


class Session:
    """Who we are at the messenger, and how we come to a token."""

    def __init__(self, settings: AstrakSettings, url: str) -> None:
        self._username = settings.username
        self._password = settings.password.get_secret_value()
        self._url = url
        self._login: Login | None = None
        self._lock = asyncio.Lock()
        self.usernames: dict[int, str] = {}  # what dialogs have told us; events name nobody
        account = json.dumps([url, self._username, self._password]).encode("utf-8", "surrogatepass")
        self._account = hashlib.sha256(account).hexdigest()[:32]  # a kept login of other credentials is not ours

    @property
    def own_id(self) -> int | None:
        """Our own user id, once somebody has logged in in this process."""
        return self._login.id if self._login else None

    def client(self, http: Http) -> AstrakClient:
        return AstrakClient(http, self._url)

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in words."""
        return (self._password, *((self._login.token,) if self._login else ()))

    def know(self, user_id: int, username: str) -> None:
        """Remembers what a user is called."""
        if username:
            if len(self.usernames) >= USERNAMES and user_id not in self.usernames:
                self.usernames.pop(next(iter(self.usernames)))
            self.usernames[user_id] = username

    async def login(self, http: Http, memory: Memory | None, *, dead: Login | None = None) -> Login:
        """The login: the one we have, the one that was kept, or a new one. `dead` is one that must not be used again.

        Raises RemoteError with `login_refused` when the messenger does not take our name and password.
        """
        if self._login is not None and self._login is not dead:
            return self._login
        async with self._lock:
            if self._login is not None and self._login is not dead:
                return self._login  # another task was quicker
            self._login = None
            kept = await self._kept(memory)
            if kept is not None and (dead is None or kept.token != dead.token):
                self._login = kept
                return kept
            try:
                login = await self.client(http).login(self._username, self._password)
            except RemoteError as e:
                if is_refusal(e):
                    words = f"The messenger refused the login of {self._username!r}: {hide(e.words, *self.secrets())}"
                    raise RemoteError(LOGIN_REFUSED, words, status=e.status, remedy=e.remedy) from None
                raise
            if memory is not None:
                kept_as = {"account": self._account, "id": login.id, "token": login.token}
                await memory.put(MEMORY_KEY, json.dumps(kept_as))
            self._login = login
            return login

    async def _kept(self, memory: Memory | None) -> Login | None:
        found = await memory.get(MEMORY_KEY) if memory is not None else None
        if not found:
            return None
        try:
            value = json.loads(found)
            user_id, token = integer(value["id"]), str(value["token"])
            return Login(id=user_id, token=token) if user_id is not None and value["account"] == self._account else None
        except (ValueError, KeyError, TypeError):
            return None

    async def call(self, http: Http, memory: Memory | None, step: Callable[[str], Awaitable[T]]) -> T:
        """Runs `step(token)`; if it is refused because the token is dead, once more with a new one.

        Raises what `step` raises; RemoteError `login_refused`; RemoteError `token_unsure` when the step was refused
        and the check gave no clear answer.
        """
        login = await self.login(http, memory)
        try:
            return await step(login.token)
        except RemoteError as refused:
            if not is_refusal(refused) or await self._alive(http, login, refused):
                raise
        login = await self.login(http, memory, dead=login)
        return await step(login.token)

    async def _alive(self, http: Http, login: Login, refused: RemoteError) -> bool:
        try:
            await self.client(http).check(login.token)
        except RemoteError as e:
            if is_refusal(e):
                return False
            raise RemoteError(UNSURE, refused.words, status=refused.status) from None
        except SendError:
            raise RemoteError(UNSURE, refused.words, status=refused.status) from None
        return True
