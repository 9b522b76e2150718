"""A trace's facts as one turn of a session.

Rule (wire.md 8): the root's input and output, if it has any and they are not redacted; else the last user message of
the first LLM span and the last assistant message of the one that ended last. A tool's or retriever's texts are never
what was said. After the sweep the kept turn stands, unless late facts are better evidence: the root (design 9).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from streamer.core.session import Facts
from streamer.core.session_id import SESSION_KEYS, Resolved, clean, is_scrubbed, owner_of, resolve
from streamer.core.turn import IoSource, Message, ToolEvent, Turn, Unscorable
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Heard, Translate
from streamer.core.wire.conventions.said import Words
from streamer.core.wire.decode import CAPS, Span, decode
from streamer.core.wire.rules import END_KEYS
from streamer.core.wire.scan import is_true
from streamer.core.wire.values import unwrap

USER_KEYS = (
    "user.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "langsmith.metadata.user_id",
    "mlflow.trace.user",
    "enduser.id",
    "llm.user",
    "user_id",
)
_USER_KEYS, _END_KEYS = frozenset(USER_KEYS), frozenset(END_KEYS)
HISTORY_MAX = 100
"""Messages of resent history that are kept with a turn: more would make a long session quadratic."""
_MACHINES = frozenset({"TOOL", "RETRIEVER", "GUARDRAIL", "EMBEDDING"})


class Interpretation(NamedTuple):
    """`owner`: the session that the trace belongs to. `turn` is None if nothing of the trace is left."""

    owner: str | None
    turn: Turn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """One exchange as read from some span or spans."""

    user: str | None = None
    assistant: str | None = None
    system: str | None = None
    history: tuple[Message, ...] = ()
    source: IoSource = "root"
    redacted: bool = False
    tools: tuple[ToolEvent, ...] = ()
    omitted: tuple[str, ...] = ()


def interpret(
    trace_id: str,
    facts: Facts,
    kept: Turn | None,
    caps: Caps = CAPS,
    translate: Translate | None = None,
    keys: Sequence[str] = SESSION_KEYS,
) -> Interpretation:
    """Owner and turn. Depends on the set of facts only, not on their order. `translate` is asked where no dialect of
    ours finds anything said; such a turn is flagged `translated`. `keys`: attributes that name a session."""
    spans = [span for span in decode(facts.frames, caps) if span.trace_id == trace_id]
    resolved = resolve(spans, keys)
    owner = owner_of(resolved, facts.owner, facts.candidates)
    if owner is not None and resolved.session_id is None:  # a header, the record's key, the resource, or a log
        resolved = resolved._replace(session_id=owner, source="record")
    if not spans:
        return Interpretation(owner, kept)
    fresh = _turn(trace_id, facts.version, spans, resolved)
    if translate is not None and not (fresh.user or fresh.assistant) and fresh.unscorable != "redacted":
        fresh = _turn(trace_id, facts.version, spans, resolved, translate)
    if not facts.swept or kept is None:
        return Interpretation(owner, fresh)
    if fresh.has_root and not kept.has_root:
        start_ns, end_ns = min(fresh.start_ns, kept.start_ns), max(fresh.end_ns, kept.end_ns)
        spans_seen = fresh.spans_seen + kept.spans_seen
        better = replace(_with_words_of(fresh, kept), start_ns=start_ns, end_ns=end_ns, spans_seen=spans_seen)
        return Interpretation(owner, better)
    return Interpretation(owner, replace(kept, version=facts.version))


def owns(session_id: str, trace_id: str, facts: Facts, keys: Sequence[str] = SESSION_KEYS) -> bool:
    """Does the trace belong to this session, by what is kept of it?"""
    return interpret(trace_id, facts, None, keys=keys).owner == session_id


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
    trace_id: str, version: int, spans: Sequence[Span], resolved: Resolved, translate: Translate | None = None
) -> Turn:
    root = next((span for span in spans if not span.parent_id), None)
    heard = {span.span_id: Heard(span, translate) for span in spans}
    words = _words(spans, root, heard)
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
        flags=frozenset(flags),
    )


def _flags(spans: Sequence[Span]) -> Iterator[str]:
    if any(0 < span.end_ns < span.start_ns for span in spans):
        yield "clock_suspect"
    if any(span.truncated for span in spans):
        yield "truncated"


def _words(spans: Sequence[Span], root: Span | None, heard: dict[str, Heard]) -> _Words:
    """The root's words, and what they lack from the LLM spans."""
    top = root or _local_root(spans, heard)
    own = _read(heard[top.span_id].words()) if top else _Words()
    models = _speaking(spans, heard)
    tools = tuple(tool for span in spans if (tool := heard[span.span_id].tool)) or own.tools
    told = bool(tools) and all(tool.arguments and tool.result for tool in tools)
    if not models or (own.user and own.assistant and own.history and told):
        return replace(own, tools=tools)
    first, last = models[0], max(models, key=lambda span: (span.end_ns, span.start_ns, span.span_id))
    asked = heard[first.span_id].words()
    answered = asked if last is first else heard[last.span_id].words()
    source: IoSource = "llm" if asked.source == "root" else asked.source
    model = _read(Words(asked.input, answered.output, source, answered.calls))
    return _Words(
        user=own.user or model.user,
        assistant=own.assistant or model.assistant,
        system=own.system or model.system,
        history=own.history or (model.history if _same_words(own.user, model.user) else ()),
        source=own.source if own.user or own.assistant else model.source,
        redacted=own.redacted or model.redacted,
        tools=tools if told else _completed(tools, model.tools),
        omitted=own.omitted or model.omitted,
    )


def _same_words(root: str | None, model: str | None) -> bool:
    """Whether the model was asked what the root was asked: then what stood before it was said before this turn."""
    return root is None or (model is not None and root.strip() in model)


def _completed(spans: Sequence[ToolEvent], messages: Sequence[ToolEvent]) -> tuple[ToolEvent, ...]:
    """Calls whose spans leave something out, with what the model's messages say of them."""
    if not spans:
        return tuple(messages)
    left = list(messages)
    done = []
    for tool in spans:
        same = next((one for one in left if one.name == tool.name), None)
        if same is not None:
            left.remove(same)
            tool = replace(tool, arguments=tool.arguments or same.arguments, result=tool.result or same.result)
        done.append(tool)
    return tuple(done)


def _speaking(spans: Sequence[Span], heard: dict[str, Heard]) -> list[Span]:
    """The LLM spans that talk with the user: what a model says inside of a tool, a retriever or a guardrail is chatter
    between machines."""
    parents = {span.span_id: span.parent_id for span in spans}

    def is_inside(span: Span) -> bool:
        at, steps = span.parent_id, 0
        while at in parents and steps < len(parents):
            if heard[at].kind in _MACHINES:
                return True
            at, steps = parents[at], steps + 1
        return False

    return [span for span in spans if heard[span.span_id].kind == "LLM" and not is_inside(span)]


def _local_root(spans: Sequence[Span], heard: dict[str, Heard]) -> Span | None:
    """The only span whose parent is elsewhere, if it is an agent or chain: its caller was traced by somebody else."""
    tops = [span for span in spans if span.parent_id not in heard]
    return tops[0] if len(tops) == 1 and heard[tops[0].span_id].kind in ("AGENT", "CHAIN") else None


def _read(words: Words) -> _Words:
    """The last user message is this turn's; what stands before it was said in earlier ones."""
    asked, answered = words.input, words.output
    speakers = [n for n, message in enumerate(asked) if message.role == "user"]
    at = speakers[-1] if speakers else len(asked)
    user, omitted = (asked[at].text, asked[at].omitted) if speakers else (None, ())
    answers = [message.text for message in answered if message.role == "assistant"]
    assistant = answers[-1] if answers else None
    redacted = any(text is not None and is_scrubbed(text) for text in (user, assistant))
    system = next((m.text for m in asked if m.role == "system" and not is_scrubbed(m.text)), None)
    return _Words(
        user=_open(user),
        assistant=_open(assistant),
        system=system,
        history=tuple(m for m in asked[:at] if m.role in ("user", "assistant"))[-HISTORY_MAX:],
        source=words.source,
        redacted=redacted,
        tools=words.calls,
        omitted=omitted,
    )


def _open(text: str | None) -> str | None:
    return None if text is None or not text.strip() or is_scrubbed(text) else text


def _unscorable(words: _Words, error: bool) -> Unscorable | None:
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
