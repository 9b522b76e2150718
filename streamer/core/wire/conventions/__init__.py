"""Dialects of span attributes, one file each.

Rule: a dialect is a module with MARKERS, the attributes of which a span that speaks it has at least one, and
`read(span) -> Said`. To add one: write the file, add it to DIALECTS. A span may speak several (one library wraps
another): each thing is believed to the first that says it. Texts are read only where they are asked for.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions import mlflow, openinference, otel_genai
from streamer.core.wire.conventions.said import NO_WORDS, Kind, Said, Words
from streamer.core.wire.decode import Span


class Dialect(Protocol):
    """A module of this package."""

    MARKERS: frozenset[str]

    @staticmethod
    def read(span: Span, /) -> Said: ...


class Named(NamedTuple):
    """A dialect and its name, for people."""

    name: str
    dialect: Dialect


DIALECTS = (
    Named("mlflow", mlflow),
    Named("openinference", openinference),
    Named("otel_genai", otel_genai),
)


def spoken_by(span: Span) -> Iterable[str]:
    """Names of the dialects that a span speaks."""
    return (name for name, dialect in DIALECTS if not dialect.MARKERS.isdisjoint(span.attributes.names))


class Heard:
    """What a span says, in whatever dialects."""

    __slots__ = ("_said", "agent", "kind", "model", "tool")

    def __init__(self, span: Span) -> None:
        names = span.attributes.names
        self._said = [dialect.read(span) for _, dialect in DIALECTS if not dialect.MARKERS.isdisjoint(names)]
        self.kind: Kind = next((said.kind for said in self._said if said.kind != "OTHER"), "OTHER")
        self.tool: ToolEvent | None = next((said.tool for said in self._said if said.tool), None)
        self.model: str | None = next((said.model for said in self._said if said.model), None)
        self.agent: str | None = next((said.agent for said in self._said if said.agent), None)

    def words(self) -> Words:
        """Input and output, each from the first dialect that has any."""
        heard = NO_WORDS
        for said in self._said:
            more = said.words()
            if heard is NO_WORDS:
                heard = more
            elif more.input or more.output:
                heard = Words(heard.input or more.input, heard.output or more.output, heard.source)
            if heard.input and heard.output:
                break
        return heard
