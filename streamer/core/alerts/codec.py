"""A detector's state as plain JSON, without names: one is read and written for each conversation.

Rule: what was written is read back exactly, to the last bit, so that a state that was stored between any two
conversations proposes what one that was not would.
"""

from typing import Any

from streamer.core.alerts.baseline import Baseline
from streamer.core.alerts.detector import Detector
from streamer.core.alerts.evidence import Evidence, Run
from streamer.core.alerts.ongoing import Ongoing
from streamer.core.alerts.versions import Version, Versions

_PLAIN = (
    "born", "now", "next_fast", "next_slow", "prior_hits", "prior_share", "stranger",
    "fast", "slow", "hours", "days", "scatter", "traffic",
)  # fmt: skip
"""Fields of Baseline that are JSON as they are."""


def written(detector: Detector) -> list[Any]:
    baseline = [getattr(detector.baseline, name) for name in _PLAIN]
    pending = [[hour, *cell] for hour, cell in detector.baseline.pending.items()]
    versions = [
        [name, one.seen, _evidence(one.evidence), one.learned, [[day, *pair] for day, pair in one.days.items()]]
        for name, one in detector.versions.by_name.items()
    ]
    ongoing = [getattr(detector.ongoing, name) for name in Ongoing.__slots__] if detector.ongoing else None
    return [baseline, pending, _evidence(detector.evidence), versions, ongoing]


def read(value: list[Any]) -> Detector:
    """The inverse of `written`; takes over the lists of `value`."""
    plain, pending, evidence, versions, ongoing = value
    return Detector(
        baseline=Baseline(
            **dict(zip(_PLAIN, plain, strict=True)), pending={hour: [n, hits] for hour, n, hits in pending}
        ),
        evidence=_read_evidence(evidence),
        versions=Versions({name: _read_version(*rest) for name, *rest in versions}),
        ongoing=Ongoing(**dict(zip(Ongoing.__slots__, ongoing, strict=True))) if ongoing else None,
    )


def _evidence(evidence: Evidence) -> list[Any]:
    run = evidence.run
    return [evidence.arms, [run.score, run.conversations, run.hits, run.since_ms]]


def _read_evidence(value: list[Any]) -> Evidence:
    arms, run = value
    return Evidence(arms, Run(*run))


def _read_version(seen: int, evidence: list[Any], learned: list[float], days: list[list[float]]) -> Version:
    by_day = {int(day): [hits, expected] for day, hits, expected in days}
    return Version(seen=seen, evidence=_read_evidence(evidence), learned=learned, days=by_day)
