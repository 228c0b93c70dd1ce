"""The table of operations: all of them, in the order of the document."""

from __future__ import annotations

from typing import Final

from relay.web.api.operations import Operation
from relay.web.api.resources import dead_letters, destinations, me, people

OPERATIONS: Final[tuple[Operation, ...]] = (
    *dead_letters.OPERATIONS,
    *destinations.OPERATIONS,
    *me.OPERATIONS,
    *people.OPERATIONS,
)
