"""The table of operations: all of them, in the order of the document."""

from __future__ import annotations

from typing import Final

from relay.web.api.operations import Operation
from relay.web.api.resources import (
    contacts,
    conversations,
    dead_letters,
    destinations,
    drafts,
    events,
    lists,
    me,
    messages,
    people,
    search,
    uploads,
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *conversations.OPERATIONS,
    *drafts.OPERATIONS,
    *messages.OPERATIONS,
    *uploads.OPERATIONS,
    *contacts.OPERATIONS,
    *events.OPERATIONS,
    *dead_letters.OPERATIONS,
    *destinations.OPERATIONS,
    *lists.OPERATIONS,
    *me.OPERATIONS,
    *people.OPERATIONS,
    *search.OPERATIONS,
)
