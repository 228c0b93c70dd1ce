"""What a bridge may ask about a contact (contract.Lookup): the operator panel's two questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from relay.contract import ContactProfile
from relay.contract.model import Attachment, Kind
from relay.routing.accounts import Accounts
from relay.store import envelope as envelopes
from relay.store.store import Store

# How many messages back media are looked for.
HORIZON = 1000


class ContactLookup:
    """Answers from the journal, for one desk: only contacts of its own channels exist for it."""

    def __init__(
        self, accounts: Accounts, store: Store, desk: str, link_file: Callable[[str, Attachment], str]
    ) -> None:
        self.accounts = accounts
        self.store = store
        self.desk = desk
        self.link_file = link_file

    async def profile(self, contact_id: int) -> ContactProfile | None:
        card = await self.store.contact(contact_id)
        if card is None or card.contact.channel not in self.accounts.channels_of.get(self.desk, ()):
            return None
        return ContactProfile(
            contact=card.contact, first_seen=_rfc3339(card.first_ms), last_seen=_rfc3339(card.last_ms)
        )

    async def media(self, contact_id: int, limit: int = 100) -> Sequence[Attachment]:
        """The contact's own files, newest first; files we hold get a fresh link."""
        if await self.profile(contact_id) is None:
            return ()
        found: list[Attachment] = []
        for mid in reversed(await self.store.messages(contact_id, HORIZON)):
            journal = await self.store.journal(mid)
            if journal is None or journal.kind not in (Kind.MESSAGE, Kind.COMMENT):
                continue
            for a in envelopes.load(journal.envelope).content.attachments:
                found.append(replace(a, url=self.link_file(self.desk, a)) if a.file_id else a)
                if len(found) == limit:
                    return found
        return found


def _rfc3339(ms: int) -> str:
    if not ms:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
