"""`streamer probe --every`: a probe after the other, and what becomes of them as metrics for an alert.

Rule: what fails is said and counted, and the next one is tried; only a setting that somebody must change ends it.
"""

import asyncio
import signal
from collections.abc import Callable

from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import sleep
from streamer.app.probing import Plan, Report, Step, probe
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings
from streamer.web import health as health_page
from streamer.web.state import Health

LOOP = "probing"


async def keep_probing(
    settings: Settings,
    make: Callable[[], Plan],
    every_s: float,
    timeout_s: float,
    port: int,
    tell: Callable[[Report], None],
) -> None:
    """Until SIGTERM. `port` 0: no page for Prometheus. Raises ConfigurationError."""
    clock, metrics, loop = SystemClock(), PrometheusMetrics(), asyncio.get_running_loop()
    health, stopping = Health(clock, [LOOP], []), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    metrics.gauge("probe_success_timestamp_seconds", 0)
    page = asyncio.create_task(health_page.serve(settings.http.host, port, health, metrics.registry)) if port else None
    try:
        while not stopping.is_set():
            await asyncio.sleep(0)
            if page is not None and page.done():
                page.result()
            began = loop.time()
            report = await _once(settings, make(), timeout_s, metrics)
            if not report.problem:
                metrics.gauge("probe_success_timestamp_seconds", clock.now_ms() / 1000)
            metrics.count("probes", outcome="failed" if report.problem else "succeeded")
            tell(report)
            health.beat(LOOP)
            await sleep(stopping, max(0, int((began + every_s - loop.time()) * 1000)))
    finally:
        if page is not None:
            page.cancel()


async def _once(settings: Settings, what: Plan, timeout_s: float, metrics: PrometheusMetrics) -> Report:
    def reached(step: Step) -> None:
        metrics.gauge("probe_step_seconds", step.seconds, step=step.name)

    try:
        return await probe(settings, what, timeout_s, reached)
    except ConfigurationError:
        raise
    except StreamerError as error:
        return Report(what.session.session_id, what.turn.trace_id, what.through, problem=str(error))
