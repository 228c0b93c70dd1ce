"""What happened to each message of one run, and what that comes to. Pure: times are handed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` do not exceed, nearest rank; nan for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    rank = math.ceil(round(share * len(ordered), 6))  # 0.07 * 100 is a little more than 7
    return ordered[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Latencies in ms."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        return cls(**{f"p{p}": quantile(seconds, p / 100) * 1000 for p in (50, 95, 99)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a run came to. Rates are messages/s from the first hook sent to the last one acknowledged or arrived."""

    messages: int
    acked: int
    arrived: int
    lost: int  # acknowledged and never arrived: the only loss there is, a sender repeats what was not acknowledged
    doubled: int  # arrivals beyond the first
    out_of_order: int  # first arrivals after a later message of the same conversation
    strange: int  # arrivals that are none of this run's
    relayed_per_s: float
    acked_per_s: float
    span_s: float
    ack_ms: Spread
    end_to_end_ms: Spread


class Ledger:
    """Messages `base` to `base + len(conversations) - 1`; `conversations[i]` is whose message `base + i` is."""

    def __init__(self, base: int, conversations: Sequence[int]) -> None:
        n = len(conversations)
        self.base = base
        self.conversations = conversations
        self.sent = [0.0] * n
        self.acked = [0.0] * n
        self.arrived = [0.0] * n
        self.missing = n
        self.unacknowledged = n
        self.doubled = self.out_of_order = self.strange = 0
        self._latest: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.conversations)

    def send(self, index: int, now: float) -> None:
        """The hook goes out; a repeat of it does not count again."""
        i = index - self.base
        if not self.sent[i]:
            self.sent[i] = now

    def acknowledge(self, index: int, now: float) -> None:
        """Its 200 came."""
        i = index - self.base
        if not self.acked[i]:
            self.acked[i] = now
            self.unacknowledged -= 1

    def arrive(self, index: int, now: float) -> None:
        """It came out at the destination."""
        i = index - self.base
        if not 0 <= i < len(self.arrived):
            self.strange += 1
        elif self.arrived[i]:
            self.doubled += 1
        else:
            self.arrived[i] = now
            self.missing -= 1
            conversation = self.conversations[i]
            latest = self._latest.get(conversation, -1)
            if i < latest:
                self.out_of_order += 1
            else:
                self._latest[conversation] = i

    @property
    def done(self) -> bool:
        return not self.missing and not self.unacknowledged

    def tally(self) -> Tally:
        rows = list(zip(self.sent, self.acked, self.arrived, strict=True))
        start = min((s for s in self.sent if s), default=0.0)
        last_ack, last_arrival = max(self.acked), max(self.arrived)
        acked = sum(1 for a in self.acked if a)
        arrived = sum(1 for a in self.arrived if a)
        return Tally(
            messages=len(rows),
            acked=acked,
            arrived=arrived,
            lost=sum(1 for _, a, r in rows if a and not r),
            doubled=self.doubled,
            out_of_order=self.out_of_order,
            strange=self.strange,
            relayed_per_s=arrived / (last_arrival - start) if last_arrival > start else 0.0,
            acked_per_s=acked / (last_ack - start) if last_ack > start else 0.0,
            span_s=max(last_ack, last_arrival) - start,
            ack_ms=Spread.of([a - s for s, a, _ in rows if a]),
            end_to_end_ms=Spread.of([r - s for s, _, r in rows if r]),
        )
