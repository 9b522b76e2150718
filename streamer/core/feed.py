"""The stream of verdicts, failures, retractions and closings (topic `assessments`, schema/assessments-v1.json).

Rule: the same fact has the same event id however often it is published, so readers drop repetitions; of two facts about
a (tenant, session, judge) they keep the one with the greatest token, never the last arrived.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from streamer.core.close_reason import CloseReason
from streamer.core.feed_text import clean, first_said, joined
from streamer.core.ids import digest, mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.model import canonical
from streamer.core.quoting import quote_of
from streamer.core.sampling import EVERYBODY, Inclusion
from streamer.core.session import Claim
from streamer.core.turn import Turn, flags_of, in_order, is_probe, traces_in_order
from streamer.core.verdict import Usage

FeedKind = Literal["verdict", "failure", "retracted", "closing"]
Origin = Literal["live", "backfill", "mend", "probe"]
UserIds = Literal["hashed", "plain", "left_out"]
SCHEMA_VERSION = 1
RATIONALE_CHARS_MAX = 20_000
"""As on the row: a record stays far below Kafka's default of 1 MB."""
NAMES_MAX, NAME_CHARS_MAX = 8, 100
"""Of models and of tools: those that were used most often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRecord:
    """One record: `key` groups a (tenant, session, judge), `series` decides the partition (tenant, agent), `value` is
    valid under schema/assessments-v1.json."""

    kind: FeedKind
    key: str
    series: str
    value: dict[str, Any]


def verdict_record(
    namespace: str,
    claim: Claim,
    spec: JudgeSpec,
    entry: Entry,
    turns: Sequence[Turn],
    reason: CloseReason,
    now_ms: int,
    *,
    origin: Origin = "live",
    users: UserIds = "hashed",
) -> FeedRecord:
    """A judge's entry on the feed: its verdict where it has one, otherwise the failure. `turns` are in order;
    `reason` is that of this closing, and told unless the entry was said at another."""
    if entry.verdict is None:
        return failure_record(namespace, claim, spec, entry, turns, reason, now_ms, origin=origin, users=users)
    said, why = entry.verdict.value, entry.verdict.rationale[:RATIONALE_CHARS_MAX]
    quote = quote_of(why, turns)
    value = {
        **_frame(
            "verdict",
            namespace,
            claim,
            turns,
            entry.close_reason or reason,
            entry.judged_under or entry.inclusion,
            now_ms,
            origin,
            users,
        ),
        **_judgement(namespace, claim, spec, entry, entry.verdict.usage),
        "value": clean(said) if isinstance(said, str) else said,
        "rationale": clean(why),
        "quote": quote._asdict() if quote else None,
        "supersedes": entry.history[-1].revision if entry.history else None,
    }
    return _record("verdict", claim, spec.name, turns, value)


def failure_record(
    namespace: str,
    claim: Claim,
    spec: JudgeSpec,
    entry: Entry,
    turns: Sequence[Turn],
    reason: CloseReason,
    now_ms: int,
    *,
    origin: Origin = "live",
    users: UserIds = "hashed",
) -> FeedRecord:
    """A judge gave no usable answer for good. It replaces no verdict: one that stood still stands."""
    failure = entry.failure
    if failure is None:
        raise ValueError(f"entry of {spec.name} is {entry.state}: neither a verdict nor a failure")
    value = {
        **_frame(
            "failure", namespace, claim, turns, entry.close_reason or reason, entry.inclusion, now_ms, origin, users
        ),
        **_judgement(namespace, claim, spec, entry, failure.usage),
        "failure": {"kind": failure.kind, "detail": clean(failure.detail)},
    }
    return _record("failure", claim, spec.name, turns, value)


def retraction_record(
    namespace: str,
    claim: Claim,
    judge: str,
    judge_version: str,
    now_ms: int,
    *,
    origin: Origin = "live",
    users: UserIds = "hashed",
) -> FeedRecord:
    """The session has no turns any more: what was said about it before does not hold. What its turns had named (agent,
    service, user) is still told, and leads the record to the series that the verdict went to."""
    turns = in_order(claim.state.turns.values())
    old = claim.state.ledger.get(judge)
    revision, inclusion = (old.revision, old.inclusion) if old else (0, EVERYBODY)
    value = {
        **_emptied(_frame("retracted", namespace, claim, turns, "empty", inclusion, now_ms, origin, users)),
        "event_id": _event_id(namespace, claim, judge, "retracted", "", str(revision)),
        "judge": clean(judge),
        "judge_version": judge_version,
        "supersedes": revision or None,
    }
    return _record("retracted", claim, judge, turns, value)


def closing_record(
    namespace: str,
    claim: Claim,
    specs: Sequence[JudgeSpec],
    entries: Mapping[str, Entry],
    turns: Sequence[Turn],
    reason: CloseReason,
    now_ms: int,
    *,
    origin: Origin = "live",
    users: UserIds = "hashed",
) -> FeedRecord:
    """Every configured judge with its decision, so that coverage can be computed from the feed alone."""
    decisions = [_decision(spec, entries.get(spec.name)) for spec in specs]
    identity = [f"{decision['judge']}={decision['state']}:{decision['reason']}" for decision in decisions]
    inclusion = _of_session([entry.inclusion for entry in entries.values()])
    value = {
        **_frame("closing", namespace, claim, turns, reason, inclusion, now_ms, origin, users),
        "event_id": _event_id(namespace, claim, "", "closing", str(claim.state.version), reason, *identity),
        "judges": decisions,
    }
    return _record("closing", claim, "", turns, value)


def emptied_record(
    namespace: str,
    claim: Claim,
    specs: Sequence[JudgeSpec],
    entries: Mapping[str, Entry],
    now_ms: int,
    *,
    users: UserIds = "hashed",
) -> FeedRecord:
    """The closing of a session that was left without turns."""
    turns = in_order(claim.state.turns.values())
    closing = closing_record(namespace, claim, specs, entries, turns, "empty", now_ms, users=users)
    return replace(closing, value=_emptied(closing.value))


def _emptied(value: dict[str, Any]) -> dict[str, Any]:
    none = dict.fromkeys(("first_trace_id", "start_ms", "end_ms"))
    return {**value, "turns": 0, "session": {**value["session"], **none}}


def _decision(spec: JudgeSpec, entry: Entry | None) -> dict[str, Any]:
    return {
        "judge": clean(spec.name),
        "judge_version": spec.version,
        "state": entry.state if entry else "waiting",
        "reason": (entry.failure.kind if entry.failure else entry.unrenewed or None) if entry else None,
        "revision": entry.revision if entry else 0,
        "inclusion": _inclusion(entry.inclusion if entry else EVERYBODY),
    }


def _of_session(inclusions: Sequence[Inclusion]) -> Inclusion:
    """That of the judges which the session's rule names; they have it in common."""
    return max(inclusions, key=lambda one: (one.reason != "filtered", one.probability), default=EVERYBODY)


def _inclusion(inclusion: Inclusion) -> dict[str, Any]:
    return {**inclusion._asdict(), "rule": clean(inclusion.rule)}


def _frame(
    kind: FeedKind,
    namespace: str,
    claim: Claim,
    turns: Sequence[Turn],
    reason: CloseReason,
    inclusion: Inclusion,
    now_ms: int,
    origin: Origin,
    users: UserIds,
) -> dict[str, Any]:
    """What every record says, whatever its kind."""
    scope = claim.session.scope
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "namespace": namespace,
        "token": claim.token,
        "version": claim.state.version,
        "close_reason": reason,
        "turns": len(turns),
        "flags": flags_of(turns),
        "session": {
            "id": clean(claim.session.session_id),
            "tenant": clean(scope.tenant),
            "source": clean(scope.source),
            "first_trace_id": mlflow_trace_id(traces_in_order(turns)[0]) if turns else None,
            "start_ms": turns[0].start_ms if turns else None,
            "end_ms": max((turn.end_ns // 1_000_000 for turn in turns), default=None),
        },
        "agent": first_said(turn.agent for turn in turns),
        "service": first_said(turn.service for turn in turns),
        "service_version": first_said(turn.service_version for turn in turns),
        "environment": first_said(turn.environment for turn in turns),
        "models": _names(name for turn in turns for name in turn.models),
        "tools": _names(tool.name for turn in turns for tool in turn.tools),
        "user_id": _user(namespace, scope.tenant, first_said(turn.user_id for turn in turns), users),
        "user_id_is": users,
        "inclusion": _inclusion(inclusion),
        "published_at_ms": now_ms,
        "origin": "probe" if is_probe(turns) else "backfill" if claim.backfill else origin,
    }


def _names(used: Iterable[str]) -> list[str]:
    """Sorted; a record must not grow with what an application calls its tools."""
    often = Counter(clean(name[:NAME_CHARS_MAX]) for name in used if name)
    most = sorted(often.items(), key=lambda item: (-item[1], item[0]))[:NAMES_MAX]
    return sorted(name for name, _ in most)


def _judgement(namespace: str, claim: Claim, spec: JudgeSpec, entry: Entry, usage: Usage) -> dict[str, Any]:
    """What verdicts and failures say of the judge's work."""
    inclusion = canonical(list(entry.judged_under or entry.inclusion))
    identity = ["judged" if entry.verdict else entry.state, entry.transcript_hash or "", str(entry.revision), inclusion]
    identity += ["interim"] if entry.interim else []
    return {
        "event_id": _event_id(namespace, claim, spec.name, *identity),
        "judge": clean(spec.name),
        "judge_version": entry.judge_version,
        "model": spec.model,
        "revision": entry.revision,
        "interim": entry.interim,
        "transcript_hash": entry.transcript_hash,
        "prompt_hash": entry.prompt_hash,
        "usage": {
            "requests": usage.requests,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
        },
        "scored_at_ms": entry.scored_at_ms or None,
    }


def _record(kind: FeedKind, claim: Claim, judge: str, turns: Sequence[Turn], value: dict[str, Any]) -> FeedRecord:
    """`series` follows the first turn that names an agent, so that it does not move while a session grows."""
    tenant = claim.session.scope.tenant
    who = value["agent"] or value["service"] or ""
    return FeedRecord(
        kind=kind, key=joined(tenant, claim.session.session_id, judge), series=joined(tenant, who), value=value
    )


def _event_id(namespace: str, claim: Claim, judge: str, *identity: str) -> str:
    parts = (namespace, claim.session.key, judge, *identity)
    return digest(part.encode("utf-8", "replace") for part in parts).hex()[:32]


def _user(namespace: str, tenant: str, user_id: str | None, users: UserIds) -> str | None:
    """Hashed together with the tenant, so that two tenants' users cannot be joined."""
    if user_id is None or users == "left_out":
        return None
    if users == "plain":
        return user_id
    return digest(part.encode("utf-8", "replace") for part in (namespace, tenant, user_id)).hex()[:32]
