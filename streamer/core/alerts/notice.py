"""What a channel is told, once: the same words for every channel and every attempt.

Rule: it is made when the episode changes and kept with it, so that a retry an hour later tells of that moment.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from streamer.core.alerts.episode import Episode
from streamer.core.alerts.rule import Severity
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Example, Reason, Slice

SCHEMA_VERSION = 1
NoticeKind = Literal["raise", "resolve", "ask", "test"]
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One record of the topic `alerts` (schema/alerts-v1.json). Times are ms since the Unix epoch."""

    id: str
    """Deduplication key: of one telling of one episode, on whatever attempt."""
    kind: NoticeKind
    episode: str
    rule: str
    severity: Severity
    series: str
    raised_at_ms: int
    since_ms: int
    resolved_at_ms: int | None = None
    ending: str = ""
    share: float = 0.0
    share_after: float | None = None
    """Of a resolve: of the conversations that showed the recovery."""
    baseline: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)
    conversations: int = 0
    """Since the change, until it was noticed."""
    hits: int = 0
    explained_by: Slice | None = None
    new_version: str | None = None
    new_version_since_ms: int | None = None
    reasons: tuple[Reason, ...] = ()
    examples: tuple[Example, ...] = ()
    links: tuple[str, ...] = ()
    """To the examples' first traces in MLflow, in their order."""
    late_ms: int | None = None
    """How late such an alert can be at this traffic: the quiet gap, and as many conversations at their rate."""
    published_at_ms: int = 0

    @property
    def minutes(self) -> float:
        """From the change to the raise, by the conversations' time."""
        return max(0, self.raised_at_ms - self.since_ms) / MINUTE_MS

    @property
    def key(self) -> SeriesKey:
        return SeriesKey.read(self.series)

    def to_json(self) -> dict[str, Any]:
        """The record's value."""
        key = self.key
        return {
            **asdict(self),
            "schema_version": SCHEMA_VERSION,
            "minutes": round(self.minutes, 1),
            "title": key.title,
            "tenant": key.tenant,
            "agent": key.who,
            "version": key.version,
            "judge": key.judge,
            "judge_version": key.judge_version,
            "interval": list(self.interval),
            "explained_by": self.explained_by._asdict() if self.explained_by else None,
            "reasons": [reason._asdict() for reason in self.reasons],
            "examples": [example._asdict() for example in self.examples],
            "links": list(self.links),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Notice":
        known = {field.name for field in fields(cls)}
        sliced = value.get("explained_by")
        own = {
            **{name: entry for name, entry in value.items() if name in known},
            "interval": tuple(value["interval"]),
            "explained_by": Slice(**sliced) if sliced else None,
            "reasons": tuple(Reason(**one) for one in value.get("reasons", ())),
            "examples": tuple(Example(**one) for one in value.get("examples", ())),
            "links": tuple(value.get("links", ())),
        }
        return cls(**own)


def notice_of(episode: Episode, kind: NoticeKind, now_ms: int, **story: Any) -> Notice:  # noqa: ANN401
    """Of an episode that has changed; `story` is what is known beside its figures, by field."""
    return Notice(
        id=f"{episode.id}-{kind}-{episode.raises}",
        kind=kind,
        episode=episode.id,
        rule=episode.rule,
        severity=episode.severity,
        series=episode.series,
        raised_at_ms=episode.raised_at_ms,
        since_ms=episode.since_ms,
        resolved_at_ms=episode.resolved_at_ms,
        ending=episode.ending,
        share=episode.share,
        share_after=episode.share_after,
        baseline=episode.baseline,
        interval=episode.interval,
        conversations=episode.conversations,
        hits=episode.hits,
        published_at_ms=now_ms,
        **story,
    )


def trial_notice(now_ms: int) -> Notice:
    """Marked as a test in everything that a person sees."""
    series = SeriesKey("default", "test", "test", "test", "test")
    return Notice(
        id=f"test-{now_ms}",
        kind="test",
        episode=f"test-{now_ms}",
        rule="test",
        severity="warn",
        series=str(series),
        raised_at_ms=now_ms,
        since_ms=now_ms,
        published_at_ms=now_ms,
    )
