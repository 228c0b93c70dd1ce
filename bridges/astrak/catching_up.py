"""Messages that no event told us of: written while we were away, or lost with a dropped poll (FACTS 3).

The mark is the highest message id that a complete look at the dialogs has seen. Events never move it: an event that
came says nothing about the one before it. A message that is found twice has the same id and is taken once.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridges.astrak.client import Dialog, DialogMessage
from bridges.astrak.inbound import missed_message
from bridges.astrak.session import Session
from relay.contract import Http, Memory
from relay.contract.model import Incoming

MEMORY_KEY = "mark"
LATE_AFTER_S = 30.0  # what is found sooner, between two polls, is not worth a remark
RECENT = 5000  # ids of messages that came as events, not to be offered again
SURE_AFTER_S = 300.0  # by then, what a look has found is durable, or it has been looked for again
ROUNDS = 5  # looks at a list that changes while it is being read


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything up to here has been seen. `time` is the messenger's clock, seconds since 1970."""

    id: int
    time: int


@dataclass(frozen=True, slots=True)
class Look:
    """How far a complete look came, and when (our monotonic clock)."""

    at: float
    mark: Mark
    dialogs: dict[int, Dialog]


class CatchUp:
    """Looks through the dialogs of one account."""

    def __init__(self, session: Session, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._monotonic = monotonic
        self._mark: Mark | None = None  # as in memory
        self._known: dict[int, Dialog] = {}  # as the dialogs were when the mark was set
        self._looks: list[Look] = []  # not yet saved: what they found may not be durable
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._recent_ids: set[str] = set()

    def came(self, remote_id: str) -> None:
        """A message came as an event."""
        if remote_id and remote_id not in self._recent_ids:
            if len(self._recent) == RECENT:
                self._recent_ids.discard(self._recent[0])
            self._recent.append(remote_id)
            self._recent_ids.add(remote_id)

    async def look(self, http: Http, memory: Memory, *, always_late: bool = True) -> Sequence[Incoming]:
        """The customers' messages above the mark, in the order of their ids; again and again until they are surely
        durable. The first look ever only sets the mark: what was said before the relay came is not for it to answer.
        Raises RemoteError, SendError."""
        await self.save_what_is_sure(memory)
        mark = self._mark or await self._kept(memory)
        listed = await self._dialogs(http, memory)
        if mark is None:
            newest = max(listed, key=lambda d: d.time, default=None)
            seen = await self._messages(http, memory, newest) if newest else []
            self._reached(Mark(0, 0), listed, seen)
            await self.save(memory)
            return ()
        messages: dict[int, DialogMessage] = {}
        known = dict(self._known)
        for _ in range(ROUNDS):
            changed = [d for d in listed if d.time >= mark.time and known.get(d.id) != d]
            for dialog in changed:
                messages |= {m.message_id: m for m in await self._messages(http, memory, dialog)}
                known[dialog.id] = dialog
            # A message may have come to a dialog we had passed, with a lower id than one we have seen since. Only a
            # list that stood still while we read makes the highest id a mark below which nothing is missing.
            again = await self._dialogs(http, memory) if changed else listed
            if again == listed:
                self._reached(mark, listed, messages.values())
                break
            listed = again
        own_id = (await self._session.login(http, memory)).id
        now = time.time()
        return [
            missed_message(
                m,
                self._session.usernames.get(m.from_id, ""),
                late=always_late or not m.created_at or now - m.created_at > LATE_AFTER_S,
            )
            for _, m in sorted(messages.items())
            if m.message_id > mark.id and m.from_id != own_id and str(m.message_id) not in self._recent_ids
        ]

    async def _dialogs(self, http: Http, memory: Memory) -> list[Dialog]:
        dialogs = await self._session.call(http, memory, self._session.client(http).dialogs)
        for dialog in dialogs:
            self._session.know(dialog.id, dialog.username)
        return dialogs

    async def _messages(self, http: Http, memory: Memory, dialog: Dialog) -> list[DialogMessage]:
        client = self._session.client(http)
        return await self._session.call(http, memory, lambda token: client.dialog(token, str(dialog.id)))

    def _reached(self, mark: Mark, listed: Iterable[Dialog], messages: Iterable[DialogMessage]) -> None:
        for message in messages:
            mark = Mark(max(mark.id, message.message_id), max(mark.time, message.created_at))
        self._looks.append(Look(self._monotonic(), mark, {d.id: d for d in listed}))

    async def save(self, memory: Memory) -> None:
        """What the last look found is durable: keeps its mark."""
        if self._looks:
            await self._keep(memory, self._looks[-1])
            self._looks.clear()

    async def save_what_is_sure(self, memory: Memory) -> None:
        """Keeps the mark of the last look that is old enough."""
        sure = [look for look in self._looks if self._monotonic() - look.at >= SURE_AFTER_S]
        if sure:
            await self._keep(memory, sure[-1])
            self._looks = self._looks[len(sure) :]

    def forget_unsaved(self) -> None:
        """What the last looks found was not taken: it will be looked for again."""
        self._looks.clear()

    async def _keep(self, memory: Memory, look: Look) -> None:
        if look.mark != self._mark:
            await memory.put(MEMORY_KEY, json.dumps([look.mark.id, look.mark.time]))
        self._mark, self._known = look.mark, look.dialogs

    async def _kept(self, memory: Memory) -> Mark | None:
        found = await memory.get(MEMORY_KEY)
        if not found:
            return None
        try:
            message_id, at = json.loads(found)
            self._mark = Mark(int(message_id), int(at))
        except (ValueError, TypeError):
            return None
        return self._mark
