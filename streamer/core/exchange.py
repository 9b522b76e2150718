"""What was asked and answered in a trace.

Rule (wire.md 8): the root's input and output, if it has any and they are not redacted; else the last user message of
the first LLM span and the last assistant message of the one that ended last. Where these are silent too, an agent
below the root may tell. A tool's or retriever's texts are never what was said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from streamer.core.called import calls_of, completed, is_told
from streamer.core.session_id import is_all_scrubbed
from streamer.core.told import by_machine, told
from streamer.core.turn import IoSource, Message, ToolEvent
from streamer.core.wire.conventions import Heard
from streamer.core.wire.conventions.said import NO_WORDS, Words
from streamer.core.wire.span import Span

HISTORY_MAX = 100
"""Messages of resent history that are kept with a turn: more would make a long session quadratic."""
_MACHINES = frozenset({"TOOL", "RETRIEVER", "GUARDRAIL", "EMBEDDING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange as read from some span or spans."""

    user: str | None = None
    assistant: str | None = None
    system: str | None = None
    history: tuple[Message, ...] = ()
    source: IoSource = "root"
    redacted: bool = False
    tools: tuple[ToolEvent, ...] = ()
    omitted: tuple[str, ...] = ()


def exchange_of(spans: Sequence[Span], root: Span | None, heard: Mapping[str, Heard]) -> Exchange:
    """The root's words, and what they lack from the spans below it."""
    top = root or _local_root(spans, heard)
    said = heard[top.span_id].words() if top else NO_WORDS
    own = _read(said)
    tools = calls_of(spans, lambda span_id: heard[span_id].tool) or own.tools
    talking = _talking(spans, heard)
    models = [span for span in talking if heard[span.span_id].kind == "LLM"]
    if own.user and own.assistant and (not models or (own.history and is_told(tools))):
        return replace(own, tools=tools)
    model = _by_models(models, heard) if models else Exchange(source="llm")
    if not (own.user or model.user) or not (own.assistant or model.assistant):
        model = _with_agents(model, [span for span in talking if span is not top], heard)
    user = told(own.user, said.verbatim[0], model.user)
    assistant = told(own.assistant, said.verbatim[1], model.assistant)
    return Exchange(
        user=user.text,
        assistant=assistant.text,
        system=own.system or model.system,
        history=own.history or (model.history if _same_words(own.user, model.user) else ()),
        source=model.source
        if (model.user or model.assistant) and not (user.by_root or assistant.by_root)
        else own.source,
        redacted=own.redacted or model.redacted,
        tools=tools if is_told(tools) else completed(tools, model.tools),
        omitted=own.omitted or model.omitted,
    )


def _by_models(models: Sequence[Span], heard: Mapping[str, Heard]) -> Exchange:
    first, last = _first_asked(models, heard), _last_answered(models, heard)
    asked = heard[first.span_id].words()
    answered = asked if last is first else heard[last.span_id].words()
    source: IoSource = "llm" if asked.source == "root" else asked.source
    return _read(Words(asked.input, answered.output, source, answered.calls))


def _with_agents(model: Exchange, talking: Sequence[Span], heard: Mapping[str, Heard]) -> Exchange:
    """What the models' spans leave open, from the first agent or chain that tells it."""
    for span in talking:
        if heard[span.span_id].kind in ("AGENT", "CHAIN"):
            said = _read(heard[span.span_id].words())
            model = replace(
                model,
                user=model.user or said.user,
                assistant=model.assistant or said.assistant,
                system=model.system or said.system,
                redacted=model.redacted or said.redacted,
            )
    return model


def _first_asked(models: Sequence[Span], heard: Mapping[str, Heard]) -> Span:
    """The first LLM span whose input is a message. Some libraries have spans of that kind for what they do before."""
    asked = None
    for span in models:
        text = _read(heard[span.span_id].words()).user
        if text is not None and not by_machine(text):
            return span
        asked = asked or (span if text is not None else None)
    return asked or models[0]


def _last_answered(models: Sequence[Span], heard: Mapping[str, Heard]) -> Span:
    """The LLM span that ended last; where its answer is missing, the one in it that streamed for it. Spans without any
    words (clients have some of their own around the request) do not count."""
    latest = sorted(models, key=lambda span: (span.end_ns, span.start_ns, span.span_id), reverse=True)
    for span in latest:
        words = heard[span.span_id].words()
        if words.output:
            return span
        if words.input:
            inner = (s for s in latest if s.parent_id == span.span_id and heard[s.span_id].words().output)
            return next(inner, span)
    return latest[0]


def _same_words(root: str | None, model: str | None) -> bool:
    """Whether the model was asked what the root was asked: then what stood before it was said before this turn."""
    return root is None or (model is not None and root.strip() in model)


def _talking(spans: Sequence[Span], heard: Mapping[str, Heard]) -> list[Span]:
    """The spans that talk with the user: what is said inside of a tool, a retriever or a guardrail is chatter between
    machines."""
    parents = {span.span_id: span.parent_id for span in spans}
    inside: dict[str, bool] = {}  # of a span or one around it: each is looked at once

    def is_inside(span: Span) -> bool:
        at, way = span.parent_id, list[str]()
        while at in parents and at not in inside:
            inside[at] = heard[at].kind in _MACHINES
            if inside[at]:
                break
            way.append(at)
            at = parents[at]
        found = inside.get(at, False)
        inside.update(dict.fromkeys(way, found))
        return found

    return [span for span in spans if heard[span.span_id].kind in ("LLM", "AGENT", "CHAIN") and not is_inside(span)]


def _local_root(spans: Sequence[Span], heard: Mapping[str, Heard]) -> Span | None:
    """The only span whose parent is elsewhere, if it is an agent or chain: its caller was traced by somebody else."""
    tops = [span for span in spans if span.parent_id not in heard]
    return tops[0] if len(tops) == 1 and heard[tops[0].span_id].kind in ("AGENT", "CHAIN") else None


def _read(words: Words) -> Exchange:
    """The last user message is this turn's; what stands before it was said in earlier ones."""
    asked, answered = words.input, words.output
    speakers = [n for n, message in enumerate(asked) if message.role == "user"]
    at = speakers[-1] if speakers else len(asked)
    user, omitted = (asked[at].text, asked[at].omitted) if speakers else (None, ())
    answers = [message.text for message in answered if message.role == "assistant"]
    assistant = answers[-1] if answers else None
    redacted = any(text is not None and is_all_scrubbed(text) for text in (user, assistant))
    system = next((m.text for m in asked if m.role == "system" and not is_all_scrubbed(m.text)), None)
    return Exchange(
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
    return None if text is None or not text.strip() or is_all_scrubbed(text) else text
