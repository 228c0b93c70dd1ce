"""Long polling: one event a poll, no offset, no acknowledgement (FACTS 3).

An idle poll ends in a page of the platform (HTML, 503) or in our own time limit; both are normal, and we ask again. An
event that was answered into a connection that had just been cut is lost to polling, so after every cut the dialogs are
looked through for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from bridges.astrak.catching_up import CatchUp
from bridges.astrak.client import NOT_JSON, POLL_TIMEOUT_S, integer
from bridges.astrak.inbound import events_of
from bridges.astrak.session import USERNAMES, Session
from relay.contract import Http, Memory
from relay.contract.errors import MalformedPayload, RemoteError, SendError
from relay.contract.model import Event, Incoming, Unknown

QUICK_S = 2.0  # a poll that ends without an event sooner than this was not held, but turned away
QUICK_IN_A_ROW = 5  # so often, and it is trouble for the core to wait out
LOOK_EVERY_S = 300.0  # also when events never stop coming


class Poller:
    """The endless loop of one account."""

    def __init__(
        self,
        session: Session,
        catch_up: CatchUp,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._catch_up = catch_up
        self._sleep = sleep
        self._monotonic = monotonic
        self._nameless: set[int] = set()  # whom the dialogs did not name either

    async def events(self, http: Http, memory: Memory) -> AsyncIterator[Sequence[Event]]:
        """For ever. Raises RemoteError or SendError on trouble; called again, it begins with what was missed."""
        self._catch_up.forget_unsaved()
        async for batch in self._missed(http, memory, always_late=True):
            yield batch
        looked_at = self._monotonic()
        turned_away = 0
        while True:
            started = self._monotonic()
            value = await self._poll(http, memory)
            if value is not None:
                turned_away = 0
                batch = await self._read(http, memory, value)
                yield batch
                for event in batch:
                    if isinstance(event, Incoming):
                        self._catch_up.came(event.remote_id)
                if self._monotonic() - looked_at < LOOK_EVERY_S:
                    continue
            elif self._monotonic() - started < QUICK_S:
                turned_away += 1
                if turned_away >= QUICK_IN_A_ROW:
                    raise RemoteError(NOT_JSON, "The messenger turns every poll away at once.")
                await self._sleep(float(2 ** (turned_away - 1)))
                continue
            else:
                turned_away = 0
            async for batch in self._missed(http, memory, always_late=False):
                yield batch
            looked_at = self._monotonic()

    async def _poll(self, http: Http, memory: Memory) -> dict[str, Any] | None:
        """The next event as it came, or None when there was none."""
        client = self._session.client(http)
        try:
            value = await self._session.call(http, memory, lambda token: client.poll(token, POLL_TIMEOUT_S))
        except RemoteError as e:
            if e.code == NOT_JSON:
                return None
            raise
        except SendError as e:
            if e.reason == "timeout":
                return None
            raise
        return value if value.get("type") else None

    async def _read(self, http: Http, memory: Memory, value: Mapping[str, Any]) -> Sequence[Event]:
        own_id = (await self._session.login(http, memory)).id
        inner = value.get("event")
        sender = integer(inner.get("from_id")) if isinstance(inner, dict) else None
        if sender is not None and sender != own_id and sender not in self._session.usernames:
            await self._learn_names(http, memory, sender)
        try:
            return events_of(value, own_id=own_id, usernames=self._session.usernames)
        except MalformedPayload as e:
            return [Unknown(type=f"unreadable: {e}")]

    async def _learn_names(self, http: Http, memory: Memory, sender: int) -> None:
        """Events name nobody, the list of dialogs does. A name is worth one request, but no trouble: the message goes
        on without."""
        if sender in self._nameless:
            return
        try:
            for dialog in await self._session.call(http, memory, self._session.client(http).dialogs):
                self._session.know(dialog.id, dialog.username)
        except (RemoteError, SendError):
            return
        if sender not in self._session.usernames and len(self._nameless) < USERNAMES:
            self._nameless.add(sender)

    async def _missed(self, http: Http, memory: Memory, *, always_late: bool) -> AsyncIterator[Sequence[Event]]:
        found = await self._catch_up.look(http, memory, always_late=always_late)
        if found:
            yield found
        # We are called on: what was found is durable.
        await self._catch_up.save(memory)
        for event in found:
            self._catch_up.came(event.remote_id)
