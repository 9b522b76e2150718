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
from streamer.core.ids import Scope, session_key
from streamer.core.verdict import VerdictValue

SAMPLED = ("all", "sample")
"""Reasons of inclusion that the session's own content has no part in."""


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


def observed(value: Mapping[str, Any]) -> Observation | None:
    """A record's value. None for a kind that does not concern alerts. UnreadableRecord if it is none of ours."""
    if not isinstance(value, Mapping):
        raise UnreadableRecord("malformed", "the record is no JSON object")
    if (version := value.get("schema_version")) != SCHEMA_VERSION:
        raise UnreadableRecord(
            "schema_version", f"the record has schema_version {version!r}, and this streamer reads {SCHEMA_VERSION}"
        )
    if value.get("kind") not in get_args(FeedKind):
        raise UnreadableRecord("malformed", "the record's kind is none of the feed's")
    try:
        return _read(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableRecord("malformed", f"the record lacks what every {value['kind']} has: {error!r}") from None


def _read(value: Mapping[str, Any]) -> Observation:
    session, inclusion = value["session"], value["inclusion"]
    key = session_key(Scope(session["source"], session["tenant"]), session["id"])
    published_at_ms = int(value["published_at_ms"])
    end_ms = session.get("end_ms")
    return Observation(
        kind=value["kind"],
        event_id=value["event_id"],
        session=key,
        session_id=session["id"],
        tenant=session["tenant"],
        agent=value.get("agent") or "",
        service=value.get("service") or "",
        version=value.get("service_version") or "",
        environment=value.get("environment") or "",
        judge=value.get("judge", ""),
        judge_version=value.get("judge_version", ""),
        at_ms=published_at_ms if end_ms is None else int(end_ms),
        start_ms=int(session.get("start_ms") or end_ms or published_at_ms),
        published_at_ms=published_at_ms,
        token=int(value["token"]),
        revision=int(value.get("revision", 0)),
        interim=bool(value.get("interim", False)),
        supersedes=value.get("supersedes"),
        origin=value["origin"],
        value=_scalar(value["value"]) if value["kind"] == "verdict" else None,
        failure=value["failure"]["kind"] if value["kind"] == "failure" else "",
        probability=float(inclusion["probability"]),
        reason=inclusion["reason"],
        inclusion_rule=inclusion["rule"],
        u=sampling.draw(key),
        first_trace_id=session.get("first_trace_id") or "",
        rationale=value.get("rationale", ""),
        model=value.get("model", ""),
        turns=int(value["turns"]),
        decisions=tuple(_decision(one) for one in value.get("judges", ())),
    )


def _decision(one: Mapping[str, Any]) -> Decision:
    return Decision(
        judge=one["judge"],
        judge_version=one["judge_version"],
        state=one["state"],
        reason=one.get("reason") or "",
        revision=int(one["revision"]),
        probability=float(one["inclusion"]["probability"]),
    )


def _scalar(value: object) -> VerdictValue:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a verdict's value is text, a number, true or false")
    return value
