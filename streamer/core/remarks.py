"""What a trace says of itself beside the conversation: attributes that rules ask for, and the user's thumb.

A thumb is read where there is a convention for it: the event `gen_ai.evaluation.result` (OpenTelemetry, on a span or as
a log of it) whose evaluation is the user's feedback, and logfire's annotations (`logfire.feedback.name`). MLflow's
own feedback is stored in MLflow and never comes by Kafka. For whatever else says it, a rule names the attribute.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from streamer.core.rules import as_text
from streamer.core.wire.span import Span

PAIRS_MAX = 32
"""Distinct (attribute, value) of a turn that are kept: an attribute that names something else in every span is none to
tell sessions by."""
VALUE_CHARS_MAX = 256
EVALUATION = "gen_ai.evaluation.result"
_LOGFIRE = "logfire.feedback.name"
_THUMBS = frozenset({"thumb", "thumbs", "feedback", "userfeedback", "userthumbs", "thumbsup", "userrating"})
_AGAINST = frozenset({"thumbsdown", "down", "negative", "dislike", "bad", "no", "false", "👎"})


def asked_for(spans: Iterable[Span], keys: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """(name, value) of these attributes, each once, sorted."""
    if not keys:
        return ()
    found: set[tuple[str, str]] = set()
    for span in spans:
        for attributes in (span.attributes, span.resource):
            for key in keys & attributes.names:
                text = as_text(attributes[key])
                if text is not None and len(text) <= VALUE_CHARS_MAX:
                    found.add((key, text))
    return tuple(sorted(found)[:PAIRS_MAX])


def both(one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({*one, *other})[:PAIRS_MAX])


def is_thumbs_down(spans: Iterable[Span]) -> bool:
    telling = (span for span in spans if _LOGFIRE in span.attributes.names or span.has_events)  # most have neither
    return any(_is_against(name, values) for span in telling for name, values in _feedback(span))


def _feedback(span: Span) -> Iterator[tuple[str, Sequence[Any]]]:
    """Name of each feedback, and what was said: label, score."""
    if _LOGFIRE in span.attributes:
        name = str(span.attributes[_LOGFIRE])
        yield name, [span.attributes.get(name)]
    for attributes in span.events_named(EVALUATION):
        yield str(attributes.get("gen_ai.evaluation.name")), _said(attributes)


def _said(attributes: Mapping[str, Any]) -> Sequence[Any]:
    return [attributes.get("gen_ai.evaluation.score.label"), attributes.get("gen_ai.evaluation.score.value")]


def _is_against(name: str, values: Sequence[Any]) -> bool:
    """The label decides, else the score: 0 and below, or false. Of a thumb that is called down, the contrary."""
    name = _bare(name)
    value = next((value for value in values if value is not None), None)
    if name == "thumbsdown":
        return value is None or (bool(value) if not isinstance(value, str) else _bare(value) not in _NO)
    if name not in _THUMBS or value is None:
        return False
    return _bare(value) in _AGAINST if isinstance(value, str) else isinstance(value, int | float) and value <= 0


_NO = frozenset({"no", "false", "0"})


def _bare(word: str) -> str:
    """`Thumbs-down`, `thumbs_down` and `thumbs down` are one word."""
    return "".join(char for char in word.lower() if char not in " _-.")
