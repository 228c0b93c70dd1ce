"""What is counted: /metrics in Prometheus' text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from relay.model import Outcome

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 3600, 6 * 3600, 86400)


class Metrics:
    """One process's figures. Labels are account names and fixed words: bounded, and no customer's data."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._hooks = Counter("relay_hooks", "Hooks answered", ["account", "status"], registry=r)
        self._hook_s = Histogram("relay_hook_seconds", "Time to answer a hook", ["account"], buckets=_FAST, registry=r)
        self._events = Counter("relay_events", "Events, by what became of them", ["account", "what"], registry=r)
        self._attempts = Counter("relay_attempts", "Attempts to deliver", ["destination", "verdict"], registry=r)
        self._attempt_s = Histogram(
            "relay_attempt_seconds", "Time of one attempt", ["destination"], buckets=_FAST, registry=r
        )
        self._age_s = Histogram(
            "relay_delivery_seconds", "From acceptance to delivery", ["destination"], buckets=_SLOW, registry=r
        )
        self.backlog = Gauge("relay_backlog", "Deliveries waiting", ["destination"], registry=r)
        self.lanes = Gauge("relay_lanes", "Lanes with something waiting", ["destination"], registry=r)
        self.oldest_s = Gauge("relay_oldest_seconds", "Age of the oldest one waiting", ["destination"], registry=r)
        self.held = Gauge("relay_held", "1 while paused or broken off", ["destination"], registry=r)
        self.dead = Gauge("relay_dead_letters", "Dead letters waiting for a person", registry=r)
        self.store_up = Gauge("relay_store_up", "1 while the store takes writes", registry=r)
        self._cache: dict[tuple[object, ...], object] = {}

    def hook(self, account: str, status: int, seconds: float) -> None:
        # labels() costs more than the counting; the children are kept.
        key: tuple[object, ...] = ("h", account, status)
        if (count := self._cache.get(key)) is None:
            count = self._cache[key] = self._hooks.labels(account, str(status))
        count.inc()  # type: ignore[attr-defined]
        key = ("hs", account)
        if (timer := self._cache.get(key)) is None:
            timer = self._cache[key] = self._hook_s.labels(account)
        timer.observe(seconds)  # type: ignore[attr-defined]

    def event(self, account: str, what: str) -> None:
        key = ("e", account, what)
        if (count := self._cache.get(key)) is None:
            count = self._cache[key] = self._events.labels(account, what)
        count.inc()  # type: ignore[attr-defined]

    def attempt(self, destination: str, outcome: Outcome, seconds: float, age_s: float) -> None:
        key: tuple[object, ...] = ("a", destination, outcome.verdict)
        if (count := self._cache.get(key)) is None:
            count = self._cache[key] = self._attempts.labels(destination, outcome.verdict.value)
        count.inc()  # type: ignore[attr-defined]
        key = ("as", destination)
        if (timers := self._cache.get(key)) is None:
            timers = self._cache[key] = (self._attempt_s.labels(destination), self._age_s.labels(destination))
        timers[0].observe(seconds)  # type: ignore[index]
        if outcome.verdict.value == "accepted":
            timers[1].observe(max(age_s, 0.0))  # type: ignore[index]

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
