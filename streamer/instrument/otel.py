"""OpenTelemetry's SDK: the session on every span at its start.

provider.add_span_processor(SessionProcessor())      # before the exporter's processor
"""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from streamer.instrument.stamping import SESSION, USER, current_session


class SessionProcessor(SpanProcessor):
    """Stamps `session.id` and `user.id`: those of the scope in which a span starts, else those of its parent, so that
    work in other threads belongs to the conversation that started it. What is on the span already stays."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        speaker = current_session()
        if speaker is not None:
            said = speaker.attributes()
        else:
            parent = trace.get_current_span(parent_context)
            known = parent.attributes if isinstance(parent, ReadableSpan) else None
            said = {name: str(known[name]) for name in (SESSION, USER) if known and name in known}
        standing = span.attributes or {}
        span.set_attributes({name: value for name, value in said.items() if name not in standing})
