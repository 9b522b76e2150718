"""ports.Metrics on prometheus-client, in a registry of its own.

Rule: only names and labels of streamer/metrics.py; anything else is a mistake in the program and raises KeyError or
ValueError at once.
"""

from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streamer.metrics import METRICS, PREFIX, SECONDS, Metric

Instrument = Counter | Gauge | Histogram


class PrometheusMetrics:
    """`registry` is what /metrics shows. Counters without labels stand there from the start, at 0; a gauge from when it
    was first told: a process that does not know whether judging is paused says nothing about it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._instruments: dict[str, Instrument] = {}
        for name, metric in METRICS.items():
            if metric.labels or metric.kind != "gauge":
                self._instruments[name] = _instrument(name, metric, self.registry)

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        cast(Counter, self._child(name, "counter", labels)).inc(by)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        cast(Gauge, self._child(name, "gauge", labels)).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        cast(Histogram, self._child(name, "histogram", labels)).observe(value)

    def _child(self, name: str, kind: str, labels: dict[str, str]) -> Instrument:
        metric = METRICS[name]
        if metric.kind != kind:
            raise ValueError(f"metric {name} is a {metric.kind}, not a {kind}")
        if name not in self._instruments:
            self._instruments[name] = _instrument(name, metric, self.registry)
        instrument = self._instruments[name]
        if set(labels) != set(metric.labels):
            raise ValueError(f"metric {name} has labels {metric.labels}, not {tuple(sorted(labels))}")
        return instrument.labels(**labels) if labels else instrument


def _instrument(name: str, metric: Metric, registry: CollectorRegistry) -> Instrument:
    full = PREFIX + name
    if metric.kind == "counter":
        return Counter(full, metric.sentence, metric.labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(full, metric.sentence, metric.labels, registry=registry)
    return Histogram(full, metric.sentence, metric.labels, registry=registry, buckets=SECONDS)
