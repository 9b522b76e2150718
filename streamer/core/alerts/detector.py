"""Is the share of hits of a series above what is usual? One step per conversation.

Rule: time is the largest hour seen. A step changes the state and nothing else, so that a replay in the same order
proposes the same at the same conversations. Learned: baseline.py. Tested: evidence.py. From a raise to its resolve the
series is in an episode: its evidence rests, nothing is learned of these hours, and the question is whether it is over.

Versions that run beside each other are tested on their own against the series' baseline, with a quarter of the budget:
a canary is a tenth of the traffic and would drown in it. There is one episode at a time, of the series or of a version.
"""

from dataclasses import dataclass, field, replace
from math import exp, log

from streamer.core.alerts.baseline import LAG_H, READY_HITS, Baseline, Usual
from streamer.core.alerts.evidence import Evidence, Factors, Run, factors
from streamer.core.alerts.interval import wilson
from streamer.core.alerts.ongoing import Ongoing
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.versions import Versions, less_for_series, less_for_version

HOUR_MS = 3_600_000
SLACK = 1.4
"""ln T less the threshold. By proof it is 0 (`strict`); the tolerance in the upper share and the overshoot at the raise
make up for this much, measured in docs/alerting.md."""
COLD_SHARE = 0.5
"""Until a series has a baseline only more than half of all conversations is news, and that by proof."""
CONVERSATIONS_MIN = 100.0
"""A smaller budget is no test."""

NOTHING_USUAL, NO_FACTORS = Usual(0.0, 0.0), Factors((), (), 0.0, 0.0)


@dataclass(slots=True)
class Detector:
    baseline: Baseline
    evidence: Evidence = field(default_factory=Evidence)
    versions: Versions = field(default_factory=Versions)
    ongoing: Ongoing | None = None
    # What holds for the hour; computed again where it is not there.
    _hour: int = field(default=-1, compare=False)
    _usual: Usual = field(default=NOTHING_USUAL, compare=False)
    _by: Factors = field(default=NO_FACTORS, compare=False)
    _ln_limit: float = field(default=0.0, compare=False)
    _limit: float = field(default=0.0, compare=False)
    _active: int = field(default=0, compare=False)

    def step(self, rule: AlertRule, series: SeriesKey, at_ms: int, hit: bool) -> Proposal | None:
        """One conversation of `series`, whose version it says, that ended at `at_ms`."""
        hour = at_ms // HOUR_MS
        if hour > self.baseline.now:
            suspected = self.evidence.m > 1 and log(self.evidence.m) > threshold(rule, self.baseline.per_day) / 2
            from_hour = self.ongoing.from_hour if self.ongoing and self.ongoing.from_hour >= 0 else None
            self.baseline.learn(hour, suspected, from_hour)
            self._hour = -1
        if hour != self._hour:
            self._begin_hour(rule, hour)
        self.baseline.count(hour, hit)
        if self.ongoing is not None:
            return self._continue(rule, series, at_ms, hit)
        if self.evidence.add(self._by, hit, at_ms) >= self._limit:
            return self._raise(rule, series.parent, None, self.evidence.run, at_ms)
        return self._try_version(rule, series, at_ms, hit) if series.version else None

    def accept(self) -> None:
        """The open episode's share is what is usual from now on."""
        if self.ongoing is not None:
            share = (self.ongoing.hits + 1) / (self.ongoing.conversations + 2)
            self.baseline.settle_at(share, self.baseline.now, READY_HITS)
            self._end()

    def give_up(self) -> None:
        """The open episode was ended by others: what comes is news again, and nothing was learned meanwhile."""
        if self.ongoing is not None:
            if self.ongoing.from_hour >= 0:
                self.baseline.forget(self.ongoing.from_hour, self.baseline.now)
            self._end()

    def _begin_hour(self, rule: AlertRule, hour: int) -> None:
        self._hour, self._usual = hour, self.baseline.usual(hour)
        self._by = factors(self._usual.upper if self.baseline.is_ready else COLD_SHARE)
        self._active = self.versions.active(hour)
        self._ln_limit = threshold(rule, self.baseline.per_day)
        self._limit = exp(self._ln_limit + less_for_series(self._active))

    def _try_version(self, rule: AlertRule, series: SeriesKey, at_ms: int, hit: bool) -> Proposal | None:
        name, hour = series.version or "", at_ms // HOUR_MS
        if name not in self.versions.by_name:
            self._hour = -1  # one more of them is there
        self.versions.of(name, hour).count(hour, hit, self._usual.mean)
        if self._active < 2 or not self.baseline.is_ready:
            return None
        evidence, ln_m = self.versions.add(name, hour, self._usual, hit, at_ms)
        if ln_m < self._ln_limit + less_for_version(self._active):
            return None
        return self._raise(rule, series, name, evidence.run, at_ms)

    def _raise(self, rule: AlertRule, series: SeriesKey, version: str | None, run: Run, at_ms: int) -> Proposal:
        learned = self.baseline.is_ready
        self.ongoing = Ongoing(
            series=str(series),
            version=version,
            since_ms=run.since_ms,
            from_hour=run.since_ms // HOUR_MS - LAG_H if learned else -1,
            conversations=run.conversations,
            hits=run.hits,
        )
        proposal = _proposal("raise", rule, self.ongoing, at_ms, self._usual.mean if learned else COLD_SHARE)
        self.evidence.reset()
        self.versions.reset()
        return proposal

    def _continue(self, rule: AlertRule, series: SeriesKey, at_ms: int, hit: bool) -> Proposal | None:
        ongoing = self.ongoing
        assert ongoing is not None
        if not ongoing.add(series.version or "", hit, self._usual.mean):
            return None
        if ongoing.from_hour >= 0:
            self.baseline.forget(ongoing.from_hour, self.baseline.now)
        recovery = replace(ongoing, conversations=ongoing.late, hits=ongoing.late_hits)
        proposal = _proposal("resolve", rule, recovery, at_ms, self._usual.mean)
        self._end()
        return proposal

    def _end(self) -> None:
        self.ongoing = None
        self._hour = -1


def threshold(rule: AlertRule, per_day: float) -> float:
    """ln M at which a series is raised; `per_day` is its traffic."""
    budget = rule.conversations_per_false_alarm
    if rule.days_per_false_alarm is not None:
        budget = rule.days_per_false_alarm * per_day
    return log(max(CONVERSATIONS_MIN, budget)) - (0.0 if rule.strict else SLACK)


def _proposal(kind: str, rule: AlertRule, ongoing: Ongoing, at_ms: int, baseline: float) -> Proposal:
    n, hits = ongoing.conversations, ongoing.hits
    return Proposal(
        kind="raise" if kind == "raise" else "resolve",
        rule=rule.name,
        series=ongoing.series,
        at_ms=at_ms,
        since_ms=ongoing.since_ms,
        conversations=n,
        hits=hits,
        share=hits / n if n else 0.0,
        baseline=baseline,
        interval=wilson(hits, n),
    )
