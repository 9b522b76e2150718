"""A record of the feed as alerts see it.

Rule: time is the conversation's (when its last turn ended), never that of judging: a backlog that is worked off in a
minute is not a minute's conversations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

from streamer.core import sampling
from streamer.core.alerts.series import SeriesKey
from streamer.core.feed import NAME_CHARS_MAX, NAMES_MAX, SCHEMA_VERSION, FeedKind, Origin
from streamer.core.feed_text import clean
from streamer.core.ids import Scope, session_key
from streamer.core.quoting import QUOTE_CHARS_MAX
from streamer.core.verdict import VerdictValue

SAMPLED = ("all", "sample")
"""Reasons of inclusion that the session's own content has no part in."""


WHOLE_MAX = 2**53
"""Beyond it a number is none of ours, and whoever stores it may not hold it."""
FUTURE_MS, YEAR_2001_MS, YEAR_10000_MS = 86_400_000, 1_000_000_000_000, 253_402_300_800_000
PROBABILITY_MIN = 1e-9
"""A chance below it is none that anybody has set, and its weight would leave no sum of others standing."""


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
    quote: str
    """The user's words that did it; `quote_turn` says in which turn. Empty where it is not known."""
    quote_turn: int | None
    model: str
    """The judge's."""
    models: tuple[str, ...]
    """The application's."""
    tools: tuple[str, ...]
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
    except KeyError as error:
        raise UnreadableRecord(
            "malformed", f"the record lacks {error.args[0]}, which every {value['kind']} has"
        ) from None
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UnreadableRecord("malformed", f"a field of the record is of another kind: {error}") from None


def _read(value: Mapping[str, Any]) -> Observation:
    session, inclusion = value["session"], value["inclusion"]
    tenant, session_id = _text(session, "tenant"), _text(session, "id")
    key = session_key(Scope(_text(session, "source"), tenant), session_id)
    published_at_ms = _time_ms(value["published_at_ms"])
    end_ms, start_ms = (
        None if session.get(name) is None else _time_ms(session[name]) for name in ("end_ms", "start_ms")
    )
    return Observation(
        kind=value["kind"],
        event_id=_text(value, "event_id"),
        session=key,
        session_id=session_id,
        tenant=tenant,
        agent=_said(value, "agent"),
        service=_said(value, "service"),
        version=_said(value, "service_version"),
        environment=_said(value, "environment"),
        judge="" if value["kind"] == "closing" else _text(value, "judge"),
        judge_version=_said(value, "judge_version"),
        at_ms=_ended(end_ms, published_at_ms),
        start_ms=start_ms or end_ms or published_at_ms,
        published_at_ms=published_at_ms,
        token=_whole(value["token"]),
        revision=_whole(value.get("revision", 0)),
        interim=bool(value.get("interim", False)),
        supersedes=value.get("supersedes"),
        origin=cast(Origin, _text(value, "origin")),
        value=_scalar(value["value"]) if value["kind"] == "verdict" else None,
        failure=_text(value["failure"], "kind") if value["kind"] == "failure" else "",
        probability=_probability(inclusion),
        reason=_text(inclusion, "reason"),
        inclusion_rule=_text(inclusion, "rule"),
        u=sampling.draw(key),
        first_trace_id=_said(session, "first_trace_id"),
        rationale=_said(value, "rationale"),
        **_quoted(value.get("quote")),
        model=_said(value, "model"),
        models=_names(value.get("models")),
        tools=_names(value.get("tools")),
        turns=_whole(value["turns"]),
        decisions=tuple(_decision(one) for one in value.get("judges", ())),
    )


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value[name]
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text if text.isascii() else clean(text)


def _said(value: Mapping[str, Any], name: str) -> str:
    """Empty where the record does not say it."""
    return "" if value.get(name) is None else _text(value, name)


def _quoted(given: Any) -> dict[str, Any]:  # noqa: ANN401
    """Records of before it was told have none."""
    if given is None:
        return {"quote": "", "quote_turn": None}
    return {"quote": _text(given, "text")[:QUOTE_CHARS_MAX], "quote_turn": _whole(given["turn"])}


def _names(given: Any) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(given, list | None) or not all(isinstance(name, str) for name in given or ()):
        raise TypeError("models or tools are no list of names")
    return tuple(dict.fromkeys(clean(name[:NAME_CHARS_MAX]) for name in (given or ())[:NAMES_MAX]))


def _number(given: Any) -> int | float:  # noqa: ANN401
    """TypeError that does not repeat what stands there: it goes to a log."""
    if not isinstance(given, int | float):
        raise TypeError("a time, a number of turns, a token or a probability is no number")
    return given


def _whole(given: Any) -> int:  # noqa: ANN401
    number = int(_number(given))
    if not 0 <= number <= WHOLE_MAX:
        raise ValueError("a time, a number of turns or a token is out of range")
    return number


def _time_ms(given: Any) -> int:  # noqa: ANN401
    """No calendar has other times, and one of them would be an hour that no sum of others is near to."""
    ms = int(_number(given))
    if not 0 <= ms < YEAR_10000_MS:
        raise ValueError("a time is none in ms since 1970")
    return ms


def _probability(inclusion: Mapping[str, Any]) -> float:
    given = float(_number(inclusion["probability"]))
    if not (given == 0 or PROBABILITY_MIN <= given <= 1):
        raise ValueError("probability is not between 0 and 1")
    return given


def _ended(end_ms: int | None, published_at_ms: int) -> int:
    """A conversation cannot have ended a day after it was judged: a wrong clock in one trace must not put a series'
    time, which never goes back, into another year."""
    is_ahead = end_ms is not None and published_at_ms > YEAR_2001_MS and end_ms > published_at_ms + FUTURE_MS
    return published_at_ms if end_ms is None or is_ahead else end_ms


def _decision(one: Mapping[str, Any]) -> Decision:
    return Decision(
        judge=_text(one, "judge"),
        judge_version=_text(one, "judge_version"),
        state=_text(one, "state"),
        reason=_said(one, "reason"),
        revision=_whole(one["revision"]),
        probability=_probability(one["inclusion"]),
    )


def _scalar(value: object) -> VerdictValue:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a verdict's value is text, a number, true or false")
    return value
