"""A record of the feed as its readers see it (schema/assessments-v1.json), and which of them still hold.

Rule: of two facts about a (tenant, session, judge) the one with the greatest token holds, never the last that arrived;
the same fact comes more than once and has the same event id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from streamer.core.feed import SCHEMA_VERSION, FeedKind, Origin
from streamer.core.feed_text import joined
from streamer.core.quoting import Quote
from streamer.core.verdict import FailureKind, VerdictValue

KEYS_MAX = 1_000_000
"""So many (session, judge) are remembered; the one that was heard of longest ago is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """`judge` is "" for a closing, `value` None but for a verdict, `failure` None but for a failure. `raw` has the
    rest, as it was published."""

    kind: FeedKind
    event_id: str
    token: int
    session_id: str
    tenant: str
    source: str
    judge: str
    value: VerdictValue | None
    rationale: str
    quote: Quote | None
    """The user's words that the rationale speaks of, where it is known which."""
    failure: FailureKind | None
    first_trace_id: str | None
    turns: int
    revision: int
    interim: bool
    judge_version: str | None
    model: str | None
    agent: str | None
    service: str | None
    service_version: str | None
    environment: str | None
    models: tuple[str, ...]
    """The application's, `model` is the judge's. Empty of a record from before it was told, as are tools."""
    tools: tuple[str, ...]
    user_id: str | None
    probability: float
    """The chance of a session like this one to be judged: divide by it to estimate for all."""
    origin: Origin
    cost_usd: float | None
    scored_at_ms: int | None
    published_at_ms: int
    raw: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is about."""
        return (self.tenant, self.source, self.session_id, self.judge)


def event_of(raw: Mapping[str, Any]) -> FeedEvent | None:
    """None for a record of a schema that this version does not know, or that is none."""
    if raw.get("schema_version") != SCHEMA_VERSION:
        return None
    try:
        session, usage, failure = raw["session"], raw.get("usage") or {}, raw.get("failure") or {}
        return FeedEvent(
            kind=raw["kind"],
            event_id=raw["event_id"],
            token=raw["token"],
            session_id=session["id"],
            tenant=session["tenant"],
            source=session["source"],
            judge=raw.get("judge", ""),
            value=raw.get("value"),
            rationale=raw.get("rationale") or "",
            quote=Quote(quote["turn"], quote["text"]) if (quote := raw.get("quote")) else None,
            failure=failure.get("kind"),
            first_trace_id=session["first_trace_id"],
            turns=raw["turns"],
            revision=raw.get("revision", 0),
            interim=bool(raw.get("interim")),
            judge_version=raw.get("judge_version"),
            model=raw.get("model"),
            agent=raw.get("agent"),
            service=raw.get("service"),
            service_version=raw.get("service_version"),
            environment=raw.get("environment"),
            models=tuple(raw.get("models") or ()),
            tools=tuple(raw.get("tools") or ()),
            user_id=raw.get("user_id"),
            probability=raw["inclusion"]["probability"],
            origin=raw["origin"],
            cost_usd=usage.get("cost_usd"),
            scored_at_ms=raw.get("scored_at_ms"),
            published_at_ms=raw["published_at_ms"],
            raw=raw,
        )
    except (KeyError, TypeError):
        return None


class _Heard(NamedTuple):
    token: int
    event_id: str


class Newest:
    """Remembers what was heard, and says of each event whether it is news."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._heard: dict[tuple[str, str, str, str], _Heard] = {}
        self._keys_max = keys_max

    def takes(self, event: FeedEvent) -> bool:
        """False for a repetition, and for what a greater token has already spoken about."""
        known = self._heard.get(event.key)
        if known is not None and (event.token < known.token or event.event_id == known.event_id):
            return False
        self._heard.pop(event.key, None)
        self._heard[event.key] = _Heard(event.token, event.event_id)
        if len(self._heard) > self._keys_max:
            del self._heard[next(iter(self._heard))]
        return True


class Buried(NamedTuple):
    """A record without a value (streamer forget): what stands under its key is to be forgotten."""

    key: str


def standing(heard: Iterable[FeedEvent | Buried]) -> list[FeedEvent]:
    """The verdict that holds of each (session, judge), in the order in which they were given. A failure replaces no
    verdict, a retraction takes it away; what was buried is not said, and what came after holds again."""
    best: dict[str, FeedEvent] = {}
    for event in heard:
        if isinstance(event, Buried):
            best.pop(event.key, None)
        elif event.kind in ("verdict", "retracted"):
            key = joined(event.tenant, event.session_id, event.judge)
            if key not in best or _age(event) >= _age(best[key]):
                best[key] = event
    held = [event for event in best.values() if event.kind == "verdict"]
    return sorted(held, key=lambda event: (event.scored_at_ms or event.published_at_ms, event.key))


def _age(event: FeedEvent) -> tuple[int, int]:
    return event.token, event.published_at_ms
