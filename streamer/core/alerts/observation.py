"""A record of the feed as alerts see it.

Rule: time is the conversation's (when its last turn ended), never that of judging: a backlog that is worked off in a
minute is not a minute's conversations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from streamer.core import sampling
from streamer.core.alerts.series import SeriesKey
from streamer.core.feed import SCHEMA_VERSION, FeedKind, Origin
from streamer.core.feed_text import clean
from streamer.core.ids import Scope, session_key
from streamer.core.verdict import VerdictValue

SAMPLED = ("all", "sample")
"""Reasons of inclusion that the session's own content has no part in."""


WHOLE_MAX = 2**53
"""Beyond it a number is none of ours, and whoever stores it may not hold it."""
CHANCE_MIN = 1e-9
FUTURE_MS, YEAR_2001_MS = 86_400_000, 1_000_000_000_000


class UnreadableRecord(ValueError):
    """A record that is not of the feed as this version knows it. `reason` is one word, the text a sentence."""

    def __init__(self, reason: Literal["schema_version", "malformed"], detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Decision(NamedTuple):
    """A judge's state in a closing."""

    judge: str
    judge_version: str
    state: str
    reason: str
    revision: int
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Fields are named as in schema/assessments-v1.json; what a kind does not say is empty."""

    kind: FeedKind
    event_id: str
    session: str
    """ids.session_key's, over tenant, source and id."""
    session_id: str
    tenant: str
    agent: str
    service: str
    version: str
    """service_version; empty where no turn says it."""
    environment: str
    judge: str
    judge_version: str
    at_ms: int
    """End of the conversation's last turn; of a record without turns, when it was published."""
    start_ms: int
    published_at_ms: int
    token: int
    revision: int
    interim: bool
    supersedes: int | None
    origin: Origin
    value: VerdictValue | None
    failure: str
    probability: float
    """Chance that a session like this one is judged."""
    reason: str
    inclusion_rule: str
    """Name of the [[rules]] table that decided it."""
    u: float
    """The session's place in every sample: it is in one of share p if u < p."""
    first_trace_id: str
    rationale: str
    model: str
    turns: int
    decisions: tuple[Decision, ...] = ()
    """Of a closing."""

    @property
    def who(self) -> str:
        return self.agent or self.service

    @property
    def series(self) -> SeriesKey:
        return SeriesKey(self.tenant, self.who, self.version, self.judge, self.judge_version)

    def in_sample_of(self, share: float | None) -> bool:
        """Whether the session would have been judged without any reason of its own. Those that an error or a
        thumbs-down brings in are more often frustrated: a burst of them would move the share by its number alone.

        `share`: what the rule of inclusion was last seen to sample; None where it is not known. Of a session with a
        reason of its own the record says probability 1, whatever the rule's share.
        """
        return self.reason in SAMPLED or (share is not None and self.u < share)

    @property
    def is_first(self) -> bool:
        """The first thing that a judge said of the session, for good or for the time being.

        A failure's revision is that of the verdict that stands.
        """
        return self.supersedes is None and self.revision <= (1 if self.kind == "verdict" else 0)


def observed(value: Mapping[str, Any]) -> Observation:
    """A record's value. UnreadableRecord if it is none of the feed's, or of a version that is not known."""
    if not isinstance(value, Mapping):
        raise UnreadableRecord("malformed", "the record is no JSON object")
    if (version := value.get("schema_version")) != SCHEMA_VERSION:
        raise UnreadableRecord(
            "schema_version", f"the record has schema_version {version!r:.40}, and this streamer reads {SCHEMA_VERSION}"
        )
    if value.get("kind") not in get_args(FeedKind):
        raise UnreadableRecord("malformed", "the record's kind is none of the feed's")
    try:
        return _read(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UnreadableRecord("malformed", f"the record lacks what every {value['kind']} has: {error!r}") from None


def _read(value: Mapping[str, Any]) -> Observation:
    session, inclusion = value["session"], value["inclusion"]
    key = session_key(Scope(session["source"], session["tenant"]), session["id"])
    published_at_ms = _whole(value["published_at_ms"])
    end_ms = session.get("end_ms")
    return Observation(
        kind=value["kind"],
        event_id=value["event_id"],
        session=key,
        session_id=session["id"],
        tenant=session["tenant"],
        agent=_text(value, "agent"),
        service=_text(value, "service"),
        version=_text(value, "service_version"),
        environment=_text(value, "environment"),
        judge=_text(value, "judge"),
        judge_version=_text(value, "judge_version"),
        at_ms=_ended(None if end_ms is None else _whole(end_ms), published_at_ms),
        start_ms=_whole(session.get("start_ms") or end_ms or published_at_ms),
        published_at_ms=published_at_ms,
        token=_whole(value["token"]),
        revision=_whole(value.get("revision", 0)),
        interim=bool(value.get("interim", False)),
        supersedes=value.get("supersedes"),
        origin=value["origin"],
        value=_scalar(value["value"]) if value["kind"] == "verdict" else None,
        failure=value["failure"]["kind"] if value["kind"] == "failure" else "",
        probability=_chance(inclusion["probability"]),
        reason=inclusion["reason"],
        inclusion_rule=_text(inclusion, "rule"),
        u=sampling.draw(key),
        first_trace_id=_text(session, "first_trace_id"),
        rationale=_text(value, "rationale"),
        model=_text(value, "model"),
        turns=_whole(value["turns"]),
        decisions=tuple(_decision(one) for one in value.get("judges", ())),
    )


def _text(value: Mapping[str, Any], name: str) -> str:
    """Empty where it is not said. TypeError if it is no text."""
    said = value.get(name) or ""
    if not isinstance(said, str):
        raise TypeError(f"{name} is no text")
    return said if said.isascii() else clean(said)


def _number(said: Any) -> int | float:  # noqa: ANN401
    """TypeError that does not repeat what stands there: it goes to a log."""
    if not isinstance(said, int | float):
        raise TypeError("a time, a number of turns, a token or a probability is no number")
    return said


def _whole(said: Any) -> int:  # noqa: ANN401
    number = int(_number(said))
    if not 0 <= number <= WHOLE_MAX:
        raise ValueError("a time, a number of turns or a token is out of range")
    return number


def _chance(said: Any) -> float:  # noqa: ANN401
    """0 for a session that was judged although its rule gave it no chance."""
    chance = float(_number(said))
    if chance != 0 and not CHANCE_MIN <= chance <= 1:
        raise ValueError("a probability is out of range")
    return chance


def _ended(end_ms: int | None, published_at_ms: int) -> int:
    """A conversation cannot have ended a day after it was judged: a wrong clock in one trace must not put a series'
    time, which never goes back, into another year."""
    is_ahead = end_ms is not None and published_at_ms > YEAR_2001_MS and end_ms > published_at_ms + FUTURE_MS
    return published_at_ms if end_ms is None or is_ahead else end_ms


def _decision(one: Mapping[str, Any]) -> Decision:
    return Decision(
        judge=_text(one, "judge"),
        judge_version=_text(one, "judge_version"),
        state=one["state"],
        reason=one.get("reason") or "",
        revision=_whole(one["revision"]),
        probability=_chance(one["inclusion"]["probability"]),
    )


def _scalar(value: object) -> VerdictValue:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a verdict's value is text, a number, true or false")
    return value
