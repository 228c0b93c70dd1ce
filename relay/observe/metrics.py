"""What is counted: /metrics in Prometheus' text form.

The figures of the hot path are kept in plain dicts and put into Prometheus' shape when somebody asks: its own counters
and histograms lock and search for every observation, six times a message.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from relay.contract.model import Outcome, Verdict

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 3600.0, 21600.0, 86400.0)


class _Counts:
    """A counter with labels."""

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self.name, self.about, self.labels = name, about, labels
        self.values: dict[tuple[str, ...], int] = {}

    def add(self, key: tuple[str, ...]) -> None:
        self.values[key] = self.values.get(key, 0) + 1

    def metric(self) -> Metric:
        family = CounterMetricFamily(self.name, self.about, labels=self.labels)
        for key, value in self.values.items():
            family.add_metric(key, value)
        return family


class _Times:
    """A histogram of seconds with one label."""

    def __init__(self, name: str, about: str, label: str, bounds: tuple[float, ...]) -> None:
        self.name, self.about, self.label, self.bounds = name, about, label, bounds
        self.buckets: dict[str, list[int]] = {}
        self.sums: dict[str, float] = {}

    def add(self, key: str, seconds: float) -> None:
        buckets = self.buckets.get(key)
        if buckets is None:
            buckets = self.buckets[key] = [0] * (len(self.bounds) + 1)
            self.sums[key] = 0.0
        buckets[bisect_left(self.bounds, seconds)] += 1
        self.sums[key] += seconds

    def metric(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.about, labels=[self.label])
        for key, buckets in self.buckets.items():
            total = 0
            rows = []
            for bound, count in zip((*map(str, self.bounds), "+Inf"), buckets, strict=True):
                total += count
                rows.append((bound, float(total)))
            family.add_metric([key], rows, self.sums[key])
        return family


class Metrics(Collector):
    """One process's figures. Labels are account names and fixed words: bounded, and no customer's data."""

    def __init__(self) -> None:
        self.registry = r = CollectorRegistry()
        self._hooks = _Counts("relay_hooks", "Hooks answered", ("account", "status"))
        self._refused = _Counts("relay_hooks_refused", "Hooks refused, by why", ("account", "why"))
        self._hook_s = _Times("relay_hook_seconds", "Time to answer a hook", "account", FAST_S)
        self._events = _Counts("relay_events", "Events, by what became of them", ("account", "what"))
        self._attempts = _Counts("relay_attempts", "Attempts to deliver", ("destination", "verdict"))
        self._attempt_s = _Times("relay_attempt_seconds", "Time of one attempt", "destination", FAST_S)
        self._age_s = _Times("relay_delivery_seconds", "From acceptance to delivery", "destination", SLOW_S)
        self.backlog = Gauge("relay_backlog", "Deliveries waiting", ["destination"], registry=r)
        self.lanes = Gauge("relay_lanes", "Lanes with something waiting", ["destination"], registry=r)
        self.oldest_s = Gauge("relay_oldest_seconds", "Age of the oldest one waiting", ["destination"], registry=r)
        self.held = Gauge("relay_held", "1 while paused or broken off", ["destination"], registry=r)
        self.dead = Gauge("relay_dead_letters", "Dead letters waiting for a person", registry=r)
        self.alarms = Gauge(
            "relay_alarms", "1 while people are told that it is wrong", ["alarm", "account"], registry=r
        )
        self.store_up = Gauge("relay_store_up", "1 while the store takes writes", registry=r)
        r.register(self)

    def hook(self, account: str, status: int, seconds: float) -> None:
        """One hook was answered."""
        self._hooks.add((account, str(status)))
        self._hook_s.add(account, seconds)

    def refused(self, account: str, why: str) -> None:
        """One hook was refused; `why` is a short word of the door's."""
        self._refused.add((account, why))

    def event(self, account: str, what: str) -> None:
        """One event was taken in; `what` is intake's word."""
        self._events.add((account, what))

    def attempt(self, destination: str, outcome: Outcome, seconds: float, age_s: float) -> None:
        """One attempt ended, `age_s` after its message was accepted."""
        self._attempts.add((destination, outcome.verdict.value))
        self._attempt_s.add(destination, seconds)
        if outcome.verdict is Verdict.ACCEPTED:
            self._age_s.add(destination, max(age_s, 0.0))

    def collect(self) -> Iterator[Metric]:
        """For Prometheus: the figures kept in dicts. Gauges register themselves."""
        for part in (
            self._hooks,
            self._refused,
            self._hook_s,
            self._events,
            self._attempts,
            self._attempt_s,
            self._age_s,
        ):
            yield part.metric()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
