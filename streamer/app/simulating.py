"""`streamer simulate`: conversations are made up to try an agent, and judged, here or by the live path.

Rule: the agent is the user's own code and runs in this process; the simulated user's calls and the judges' go through
the one choke point, with one spending limit.
"""

import asyncio
import itertools
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from streamer.adapters.mlflow_judges import simulator
from streamer.adapters.mlflow_judges.bridge import Judgement
from streamer.app.judging import Purchases, refuse_missing_key
from streamer.app.simulated import Report, Wanted
from streamer.app.simulating_judges import Listening, judge_here
from streamer.core.model import Completion, ModelRequest
from streamer.core.simulation import Held
from streamer.embedded import stand_ins
from streamer.errors import ConfigurationError
from streamer.instrument import stamp_mlflow
from streamer.settings import Settings

Tell = Callable[[Held, bool], None]
"""Hears of every turn, and, with True, of every conversation's end."""
KAFKA_HINT = (
    "the agent's traces would not reach Kafka: export "
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4318/v1/traces "
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT=true"
)


async def simulate(settings: Settings, wanted: Wanted, report: Report, tell: Tell) -> None:
    """Hold the conversations, then have them judged. ConfigurationError before anything is paid."""
    asked = [] if wanted.through_kafka else [spec.model for spec in wanted.specs]
    for model in {*asked, *([wanted.user_model] if wanted.user_model else [])}:
        refuse_missing_key(model)
    await asyncio.to_thread(_set_up_tracing, settings, wanted)
    purchases, listening = Purchases(settings), Listening(settings, wanted)
    await _hold(wanted, purchases, report, tell)
    await asyncio.to_thread(_flush)
    await asyncio.to_thread(simulator.log_expectations, report.conversations)
    if wanted.through_kafka:
        await listening.verdicts(report)
    else:
        await judge_here(settings, wanted, purchases, report)


# ---------------------------------------------------------------- conversations


async def _hold(wanted: Wanted, purchases: Purchases, report: Report, tell: Tell) -> None:
    loop, number = asyncio.get_running_loop(), itertools.count()

    def way() -> Judgement:
        """Called in a conversation's own thread."""
        model = wanted.user_model or ""
        account = purchases.account(f"simulated-{next(number)}", model)

        async def ask(request: ModelRequest) -> Completion:
            answer = await purchases.insistent(account, request)
            report.paid(1, answer.input_tokens + answer.output_tokens, answer.cost_usd)
            return answer

        return Judgement(loop, ask, model)

    def told(conversation: Held, *, over: bool) -> None:
        loop.call_soon_threadsafe(tell, conversation, over)

    ways = way if wanted.user_model else None
    report.conversations = await asyncio.to_thread(
        simulator.held, wanted.cases, wanted.agent, wanted.max_turns, wanted.at_once, ways, told
    )


def _set_up_tracing(settings: Settings, wanted: Wanted) -> None:
    """Takes seconds: MLflow is imported."""
    import mlflow
    from mlflow.environment_variables import (
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
        MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT,
    )
    from mlflow.tracing.utils.otlp import should_use_otlp_exporter

    if wanted.through_kafka and not (should_use_otlp_exporter() and MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT.get()):
        raise ConfigurationError(KAFKA_HINT)
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)  # standard output is the report's
    for name in ("mlflow.tracking.fluent", "mlflow.tracing.export.async_export_queue"):
        logging.getLogger(name).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(settings.mlflow.tracking_uri)
    mlflow.set_experiment(wanted.experiment)
    stamp_mlflow()


def _flush() -> None:
    import mlflow
    from mlflow.tracing.provider import provider

    mlflow.flush_trace_async_logging()
    flush = getattr(provider.get(), "force_flush", None)  # what goes out over OTLP
    if flush is not None:
        flush()


# ---------------------------------------------------------------- a MLflow of its own


@asynccontextmanager
async def local(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with a MLflow that is started for this run and gone after it."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamer-mlflow-")))
        program, url = stand_ins.mlflow_in_one_process(home)
        await asyncio.to_thread(program.start, lambda: stand_ins.is_healthy(url), stand_ins.START_S_MAX)
        stack.callback(program.stop)
        own = settings.mlflow.model_copy(update={"tracking_uri": url})
        yield settings.model_copy(update={"mlflow": own})
