"""What handlers work with: one of each for the web half of a process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from relay.config.load import Config
from relay.contract import Check
from relay.contract.model import Attachment
from relay.history.database import Database
from relay.inbound.intake import Intake
from relay.media.library import MediaStore
from relay.people.people import People
from relay.routing.accounts import Accounts
from relay.store.store import Store
from relay.texts.templates import Templates
from relay.web.api.cursors import Cursors
from relay.web.api.idempotency import Idempotency
from relay.web.api.limits import Limits
from relay.web.feed.reader import FeedReader
from relay.web.feed.streams import Streams

if TYPE_CHECKING:
    from relay.web.api.operations import Operation
    from relay.web.login.gate import Gate


@dataclass(slots=True, kw_only=True)
class Services:
    """`doctor`: asks every outside system, by account. `wake_workers`: ours of these destinations. `link_file`: an
    address under which a browser of ours gets a file that we hold."""

    config: Config
    accounts: Accounts
    store: Store
    database: Database
    people: People
    gate: Gate
    intake: Intake
    media: MediaStore
    spool: Path
    cursors: Cursors
    limits: Limits
    idempotency: Idempotency
    problems: Callable[[], list[str]]  # why /readyz would say no
    doctor: Callable[[], Awaitable[dict[str, list[Check]]]]
    wake_workers: Callable[[Sequence[str]], None]
    link_file: Callable[[Attachment], str]
    texts: Templates
    operations: Sequence[Operation]
    feed: FeedReader = field(init=False)
    streams: Streams = field(init=False)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.people.clock() * 1000)

    async def announce(self, kind: str, conversation: int, what: str = "") -> None:
        """Tell the pages, after the commit, what somebody has changed in the database. They read it anew."""
        await self.store.feed.announce(kind, conversation, what)
