"""Which session is spoken in here, and how spans are told.

MLflow keeps the session of a trace as its metadata, and does not send these over OTLP (mlflow 3.17.2): so a function of
MLflow's `span_processors`, which run when a span ends, before any export, puts them on each span.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

SESSION, USER, END = "session.id", "user.id", "session.end"
MLFLOW_SESSION, MLFLOW_USER = "mlflow.trace.session", "mlflow.trace.user"
ID_CHARS_MAX = 250
"""MLflow answers 400 to a whole OTLP request with a longer one (measured, 3.17.2)."""

_logger = logging.getLogger("streamer.instrument")


class Speaker(NamedTuple):
    """Whose conversation it is."""

    session_id: str
    user_id: str | None = None

    def attributes(self) -> dict[str, str]:
        """As a span carries it."""
        return {SESSION: self.session_id, **({USER: self.user_id} if self.user_id else {})}


_here: ContextVar[Speaker | None] = ContextVar("streamer.session", default=None)


def current_session() -> Speaker | None:
    """The session of this thread or task."""
    return _here.get()


@contextmanager
def entered(speaker: Speaker | None) -> Iterator[Speaker | None]:
    """Spans belong to this session until the end; without a speaker nothing changes."""
    if speaker is None:
        yield None
        return
    token = _here.set(speaker)
    leave = _safely(_enter_mlflow, speaker)
    _safely(_stamp_open_otel, speaker.attributes())
    try:
        yield speaker
    finally:
        # Frameworks close a generator in another context than its own: there is nothing to set back there.
        with suppress(ValueError):
            _here.reset(token)
        if leave is not None:
            with suppress(ValueError):
                leave()


def stamp_mlflow() -> None:
    """From now on every span of MLflow's carries the session and the user of its trace over OTLP, however the
    application named them (`session` here, `mlflow.update_current_trace(session_id=…)`, `mlflow.tracing.context`).
    Repeatable; `session` does it where MLflow is imported already."""
    import mlflow
    from mlflow.tracing.config import get_config

    standing = get_config().span_processors
    if _stamp not in standing:
        mlflow.tracing.configure(span_processors=[*standing, _stamp])


def stamp_end() -> bool:
    """Mark the open span, MLflow's or OpenTelemetry's; False where there is none."""
    return bool(_safely(_end_mlflow)) | bool(_safely(_stamp_open_otel, {END: True}))


# ---------------------------------------------------------------- MLflow


def _loaded(name: str, attribute: str) -> Any:  # noqa: ANN401 – a module, whole
    """The module, where the application has imported it."""
    module = sys.modules.get(name)
    return module if hasattr(module, attribute) else None


def _enter_mlflow(speaker: Speaker) -> Callable[[], object] | None:
    """Traces that begin here get the session as metadata, and so does the one that is open; returns what ends it."""
    mlflow = _loaded("mlflow", "tracing")
    if mlflow is None:
        return None
    stamp_mlflow()
    if (span := mlflow.get_current_active_span()) is not None:
        mlflow.update_current_trace(session_id=speaker.session_id, user=speaker.user_id)
        span.set_attributes(speaker.attributes())
    scope = mlflow.tracing.context(session_id=speaker.session_id, user=speaker.user_id)
    scope.__enter__()
    return lambda: scope.__exit__(None, None, None)


def _end_mlflow() -> bool:
    mlflow = _loaded("mlflow", "tracing")
    span = mlflow.get_current_active_span() if mlflow is not None else None
    if span is None:
        return False
    span.set_attribute(END, True)
    return True


def _stamp(span: Any) -> None:  # noqa: ANN401 – MLflow's LiveSpan
    """MLflow's span_processors call it with every span at its end. What the application put there itself stays."""
    speaker = _speaker_of(span.trace_id) or _here.get()
    for name, value in (speaker.attributes() if speaker else {}).items():
        if span.get_attribute(name) is None:
            span.set_attribute(name, value)


def _speaker_of(trace_id: str) -> Speaker | None:
    """As the trace's metadata say, wherever its spans end: MLflow shows it as the session, so the verdict belongs to
    it. (MLflow has no public way to ask for the metadata of a trace under way.)"""
    from mlflow.tracing.trace_manager import InMemoryTraceManager

    with InMemoryTraceManager.get_instance().get_trace(trace_id) as trace:
        said = trace.info.trace_metadata if trace is not None else {}
        session_id = said.get(MLFLOW_SESSION)
        return Speaker(session_id, said.get(MLFLOW_USER)) if session_id else None


# ---------------------------------------------------------------- OpenTelemetry


def _stamp_open_otel(attributes: dict[str, Any]) -> bool:
    """OpenTelemetry's own open span, if there is one: a server's, say, that began before the session was known."""
    trace = _loaded("opentelemetry.trace", "get_current_span")
    span = trace.get_current_span() if trace is not None else None
    if span is None or not span.is_recording():
        return False
    span.set_attributes(attributes)
    return True


def _safely(work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """What it comes to; None where it fails, which is logged once."""
    try:
        return work(*arguments)
    except Exception as error:  # noqa: BLE001 – whatever a tracing library raises is no reason for an application to fail
        if work not in _failed:
            _failed.add(work)
            _logger.warning(
                "spans may lack their session: %s failed (%s: %s)", work.__name__, type(error).__name__, error
            )
        return None


_failed: set[Callable[..., Any]] = set()
