"""Dialects of span attributes, one file each.

Rule: a dialect is a function `read(span) -> Said | None`, None if the span does not speak it. To add one: write the
file, add it to DIALECTS. A span may speak several (one library wraps another): the first that has text is believed.
"""

from collections.abc import Callable

from streamer.core.wire.conventions import mlflow, openinference, otel_genai
from streamer.core.wire.conventions.said import Said
from streamer.core.wire.decode import Span

DIALECTS: tuple[Callable[[Span], Said | None], ...] = (mlflow.read, openinference.read, otel_genai.read)

_NOTHING = Said()


def said_by(span: Span) -> Said:
    """What a span says, in whatever dialect."""
    first = None
    for read in DIALECTS:
        said = read(span)
        if said is None:
            continue
        if said.input or said.output or said.tool:
            return said
        first = first or said
    return first or _NOTHING
