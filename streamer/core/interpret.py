"""A trace's facts as one turn of a session.

Rule: after the sweep the kept turn stands, unless late facts are better evidence: the root (design 9). What was said
in it: exchange.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from streamer.core.exchange import Exchange, exchange_of
from streamer.core.remarks import asked_for, both, is_thumbs_down
from streamer.core.session import Facts
from streamer.core.session_id import SESSION_KEYS, Resolved, clean, owner_of, resolve
from streamer.core.turn import PROBE, Turn, Unscorable
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Heard, Translate
from streamer.core.wire.decode import CAPS, decode, only_logged
from streamer.core.wire.rules import END_KEYS, PROBE_KEY
from streamer.core.wire.scan import is_true
from streamer.core.wire.span import Span
from streamer.core.wire.values import unwrap

USER_KEYS = (
    "user.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "ai.settings.context.userId",
    "langfuse.trace.metadata.langfuse_user_id",
    "langfuse.trace.metadata.user_id",
    "lmnr.association.properties.user_id",
    "langsmith.metadata.user_id",
    "mlflow.trace.user",
    "enduser.id",
    "llm.user",
    "user_id",
)
_USER_KEYS, _END_KEYS = frozenset(USER_KEYS), frozenset(END_KEYS)


class Interpretation(NamedTuple):
    """`owner`: the session that the trace belongs to. `turn` is None if nothing of the trace is left."""

    owner: str | None
    turn: Turn | None


def interpret(
    trace_id: str,
    facts: Facts,
    kept: Turn | None,
    caps: Caps = CAPS,
    translate: Translate | None = None,
    keys: tuple[str, ...] = SESSION_KEYS,
    asked: frozenset[str] = frozenset(),
) -> Interpretation:
    """Owner and turn. Depends on the set of facts only, not on their order. `translate` is asked where no dialect of
    ours finds anything said; such a turn is flagged `translated`. `keys`: attributes that name a session; `asked`:
    those that rules ask for."""
    spans = [span for span in decode(facts.frames, caps) if span.trace_id == trace_id]
    resolved = resolve(spans, keys)
    owner = owner_of(resolved, facts.owner, facts.candidates)
    if owner is not None and resolved.session_id is None:  # a header, the record's key, the resource, or a log
        resolved = resolved._replace(session_id=owner, source="record")
    fresh = _turn(trace_id, facts.version, spans, resolved, asked=asked) if spans else None
    if fresh and translate is not None and not (fresh.user or fresh.assistant) and fresh.unscorable != "redacted":
        fresh = _turn(trace_id, facts.version, spans, resolved, translate, asked=asked)
    if not facts.swept or kept is None:
        return Interpretation(owner, fresh or kept)
    return Interpretation(owner, _with_late(kept, fresh, facts, caps))


def owns(session_id: str, trace_id: str, facts: Facts, keys: tuple[str, ...] = SESSION_KEYS) -> bool:
    """Does the trace belong to this session, by what is kept of it?"""
    return interpret(trace_id, facts, None, keys=keys).owner == session_id


def _with_late(kept: Turn, fresh: Turn | None, facts: Facts, caps: Caps) -> Turn:
    """The kept turn and what came after the sweep: a root takes its place, remarks are added, the rest is counted."""
    thumbs_down = kept.thumbs_down or is_thumbs_down(only_logged(facts.frames, caps))
    if fresh is None:
        return replace(kept, version=facts.version, thumbs_down=thumbs_down) if facts.frames else kept
    whole = replace(kept, version=facts.version)
    if fresh.has_root and not kept.has_root:
        start_ns, end_ns = min(fresh.start_ns, kept.start_ns), max(fresh.end_ns, kept.end_ns)
        spans_seen = fresh.spans_seen + kept.spans_seen
        whole = replace(_with_words_of(fresh, kept), start_ns=start_ns, end_ns=end_ns, spans_seen=spans_seen)
    attributes = both(fresh.attributes, kept.attributes)
    return replace(whole, attributes=attributes, thumbs_down=thumbs_down or fresh.thumbs_down)


def _with_words_of(fresh: Turn, kept: Turn) -> Turn:
    """A late root without text does not silence what its children had said."""
    if fresh.user or fresh.assistant:
        return fresh
    return replace(
        kept,
        version=fresh.version,
        has_root=True,
        agent=fresh.agent or kept.agent,
        service=fresh.service or kept.service,
    )


def _turn(
    trace_id: str,
    version: int,
    spans: Sequence[Span],
    resolved: Resolved,
    translate: Translate | None = None,
    *,
    asked: frozenset[str],
) -> Turn:
    root = next((span for span in spans if not span.parent_id), None)
    heard = {span.span_id: Heard(span, translate) for span in spans}
    words = exchange_of(spans, root, heard)
    flags = {*_flags(spans), *(("translated",) if translate and (words.user or words.assistant) else ())}
    error = root.is_error if root else any(span.is_error for span in spans)
    first = root or spans[0]
    starts = [span.start_ns for span in spans if span.start_ns]
    start_ns = min(starts, default=0)
    return Turn(
        trace_id=trace_id,
        version=version,
        start_ns=start_ns,
        end_ns=max(start_ns, *(span.end_ns for span in spans)),
        user=words.user,
        assistant=words.assistant,
        system=words.system,
        tools=words.tools,
        omitted=words.omitted,
        history=words.history,
        spans_seen=len(spans),
        has_root=root is not None,
        complete=root is not None and all(not s.parent_id or s.parent_id in heard for s in spans),
        io_source=words.source,
        error=error,
        unscorable=_unscorable(words, error),
        ends_session=any(is_true(span.attributes[key]) for span in spans for key in _END_KEYS & span.attributes.names),
        session_id=resolved.session_id,
        session_id_source=resolved.source,
        session_conflicts=resolved.conflicts,
        user_id=_user_id(first, spans),
        agent=_agent(root, spans, heard),
        service=clean(first.resource.get("service.name")),
        service_version=clean(first.resource.get("service.version")),
        environment=clean(
            first.resource.get("deployment.environment.name") or first.resource.get("deployment.environment")
        ),
        models=tuple(sorted({model for h in heard.values() if (model := h.model)})),
        attributes=asked_for(spans, asked),
        thumbs_down=is_thumbs_down(spans),
        flags=frozenset(flags),
    )


def _flags(spans: Sequence[Span]) -> Iterator[str]:
    if any(0 < span.end_ns < span.start_ns for span in spans):
        yield "clock_suspect"
    if any(span.truncated for span in spans):
        yield "truncated"
    if any(PROBE_KEY in span.attributes.names and is_true(span.attributes[PROBE_KEY]) for span in spans):
        yield PROBE


def _unscorable(words: Exchange, error: bool) -> Unscorable | None:
    if (words.user or words.omitted) and words.assistant:
        return None
    if words.redacted:
        return "redacted"
    return "error_only" if error else "no_content"


def _user_id(first: Span, spans: Sequence[Span]) -> str | None:
    for span in (first, *spans):
        present = _USER_KEYS & span.attributes.names
        for key in USER_KEYS if present else ():
            if key in present and (user := clean(span.attributes[key])):
                return user
    for span in (first, *spans):
        inner = unwrap(span.attributes.get("metadata"))  # LangGraph's and the OpenAI Agents SDK's, as JSON
        if isinstance(inner, dict) and (user := clean(inner.get("user_id"))):
            return user
    logged = (attributes for span in spans if span.has_logged_events for _, attributes in span.events())
    return next((user for attributes in logged if (user := clean(attributes.get("user.id")))), None)


def _agent(root: Span | None, spans: Sequence[Span], heard: dict[str, Heard]) -> str | None:
    """`gen_ai.agent.name` of the root, else the root's own name if it is an agent, else the first agent named below."""
    if root is not None:
        name = heard[root.span_id].agent or clean(root.attributes.get("gen_ai.agent.name"))
        if name or heard[root.span_id].kind == "AGENT":
            return name or root.name
    return next((name for span in spans if (name := heard[span.span_id].agent)), None)
