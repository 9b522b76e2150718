"""Dialects of span attributes, one file each.

Rule: a dialect is a module with MARKERS, the attributes of which a span that speaks it has at least one, and
`read(span) -> Said`. To add one: write the file, add it to DIALECTS. A span may speak several (one library wraps
another): each thing is believed to the first that says it. Texts are read only where they are asked for.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions import (
    google_adk,
    laminar,
    langfuse,
    langsmith,
    mlflow,
    openai_agents_logfire,
    openinference,
    otel_genai,
    pydantic_ai,
    traceloop,
    vercel_ai,
)
from streamer.core.wire.conventions.said import NO_WORDS, Kind, Said, Words
from streamer.core.wire.span import Span


class Dialect(NamedTuple):
    """A module of this package."""

    name: str
    markers: frozenset[str]
    read: Callable[[Span], Said]


DIALECTS = (
    Dialect("mlflow", mlflow.MARKERS, mlflow.read),
    Dialect("openinference", openinference.MARKERS, openinference.read),
    Dialect("langfuse", langfuse.MARKERS, langfuse.read),
    Dialect("vercel_ai", vercel_ai.MARKERS, vercel_ai.read),
    Dialect("pydantic_ai", pydantic_ai.MARKERS, pydantic_ai.read),
    Dialect("openai_agents_logfire", openai_agents_logfire.MARKERS, openai_agents_logfire.read),
    Dialect("langsmith", langsmith.MARKERS, langsmith.read),
    Dialect("otel_genai", otel_genai.MARKERS, otel_genai.read),
    Dialect("traceloop", traceloop.MARKERS, traceloop.read),
    Dialect("laminar", laminar.MARKERS, laminar.read),
    Dialect("google_adk", google_adk.MARKERS, google_adk.read),
)


def _spoken_by(span: Span) -> list[Dialect]:
    names = span.attributes.names
    return [dialect for dialect in DIALECTS if not dialect.markers.isdisjoint(names)]


def spoken_by(span: Span) -> Iterable[str]:
    """Names of the dialects that a span speaks."""
    return (dialect.name for dialect in _spoken_by(span))


Translate = Callable[[Span], Said | None]


class Heard:
    """What a span says, in whatever dialects."""

    __slots__ = ("_said", "_words", "agent", "kind", "model", "tool")

    def __init__(self, span: Span, translate: Translate | None = None) -> None:
        """`translate` is asked about a span whose dialect has no file here."""
        self._said = [dialect.read(span) for dialect in _spoken_by(span)]
        if translate is not None and (said := translate(span)):
            self._said.append(said)
        self._words: Words | None = None
        self.kind: Kind = next((said.kind for said in self._said if said.kind != "OTHER"), "OTHER")
        self.tool: ToolEvent | None = next((said.tool for said in self._said if said.tool), None)
        self.model: str | None = next((said.model for said in self._said if said.model), None)
        self.agent: str | None = next((said.agent for said in self._said if said.agent), None)

    def words(self) -> Words:
        """Input and output, each from the first dialect that has any."""
        if self._words is None:
            self._words = self._hear()
        return self._words

    def _hear(self) -> Words:
        heard = NO_WORDS
        for said in self._said:
            more = said.words()
            if heard is NO_WORDS:
                heard = more
            elif more.input or more.output:
                heard = Words(
                    heard.input or more.input,
                    heard.output or more.output,
                    heard.source,
                    heard.calls or more.calls,
                    (
                        heard.verbatim[0] if heard.input else more.verbatim[0],
                        heard.verbatim[1] if heard.output else more.verbatim[1],
                    ),
                )
            if heard.input and heard.output:
                break
        return heard
