"""What arrived at a receiver, and what became of all that was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it came in. `taken`: the far side acted on it, whatever it answered then."""

    at: float  # time.time()
    method: str  # "message", "message_sent", "sendMsg", "getInfo", ...
    text: str
    fields: dict[str, Any]
    files: dict[str, bytes]
    digest: str  # of the whole body
    conversation: int = -1  # of `mark`; -1 where the text has none
    sequence: int = -1
    queue_id: str = ""  # insta: what the answer names it
    taken: bool = True
    status: int = 200  # 0: the connection was closed without an answer


class Ledger:
    """Every arrival, in order."""

    def __init__(self) -> None:
        self.all: list[Arrival] = []
        self.changed = asyncio.Event()

    def add(self, arrival: Arrival) -> None:
        self.all.append(arrival)
        self.changed.set()

    @property
    def taken(self) -> list[Arrival]:
        """Those the far side acted on."""
        return [a for a in self.all if a.taken]

    @property
    def texts(self) -> list[str]:
        return [a.text for a in self.all if a.taken]

    def of(self, conversation: int) -> list[int]:
        """The sequence numbers taken of one conversation, as they came."""
        return [a.sequence for a in self.all if a.taken and a.conversation == conversation]

    def clear(self) -> None:
        self.all.clear()

    def tally(self, acknowledged: Mapping[int, Iterable[int]], dead: Iterable[tuple[int, int]] = ()) -> Tally:
        """What became of everything that was acknowledged (PITFALLS 5). `dead`: (conversation, sequence) of
        dead letters; they are seen by people and so not lost."""
        first: dict[tuple[int, int], int] = {}
        doubled: list[tuple[int, int]] = []
        for i, a in enumerate(a for a in self.all if a.taken and a.conversation >= 0):
            if (a.conversation, a.sequence) in first:
                doubled.append((a.conversation, a.sequence))
            else:
                first[a.conversation, a.sequence] = i
        highest: dict[int, int] = {}
        out_of_order = []
        for conversation, sequence in first:
            if sequence < highest.get(conversation, -1):
                out_of_order.append((conversation, sequence))
            highest[conversation] = max(sequence, highest.get(conversation, -1))
        known = set(first) | set(dead)
        wanted = [(c, s) for c, sequences in acknowledged.items() for s in sequences]
        return Tally(
            sent=len(wanted),
            lost=tuple(w for w in wanted if w not in known),
            out_of_order=tuple(out_of_order),
            doubled=tuple(doubled),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """(conversation, sequence) of everything that went wrong."""

    sent: int
    lost: tuple[tuple[int, int], ...]
    out_of_order: tuple[tuple[int, int], ...]
    doubled: tuple[tuple[int, int], ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.out_of_order or self.doubled)

    def __str__(self) -> str:
        shown = [f"{self.sent} messages"]
        for name in ("lost", "out_of_order", "doubled"):
            found = getattr(self, name)
            shown.append(f"{len(found)} {name.replace('_', ' ')}" + (f" {found[:5]}" if found else ""))
        return ", ".join(shown)
