"""Builds what hands the verdicts of an evaluation over to the live path."""

import asyncio
from contextlib import AsyncExitStack

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import access_of
from streamer.core.terms import Terms
from streamer.loops.handing_over import HandedOver, HandingOver
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.judge import JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.writing import Writing
from streamer.settings import Settings


async def handing_over(stack: AsyncExitStack, settings: Settings, terms: Terms, live: RedisConnection) -> HandingOver:
    """The live path's own publishing and writing, under claims that are taken one by one."""
    clock, metrics, limits = SystemClock(), PrometheusMetrics(), settings.limits()
    journal = JsonJournal(clock, "error", settings.log.format)
    store, namespace = live.evaluate_handle(), settings.mlflow.namespace
    publisher = KafkaPublisher(settings.kafka.connection(), settings.feed.topic)
    stack.push_async_callback(publisher.close)
    rows = MlflowAssessments(access_of(settings))
    stack.push_async_callback(rows.close)
    held, scores = HeldClaims(store, clock, limits), HandedOver()
    renewal = asyncio.create_task(_renewing(held))
    stack.callback(renewal.cancel)
    parts = JudgeParts(
        sources=[source.name for source in settings.sources],
        store=store,
        held=held,
        scoring=scores,
        publishing=Publishing(namespace, publisher, clock, metrics, journal, settings.feed.user_ids),
        writing=Writing(namespace, rows, store, held, limits, metrics, journal),
        limits=limits,
        in_force=InForce(store, terms, metrics, journal),
        capacity=settings.evaluate.sessions_at_once,
        clock=clock,
        tasks=AsyncioTasks(),
        metrics=metrics,
        journal=journal,
    )
    return HandingOver(parts, store, rows, scores, namespace)


async def _renewing(held: HeldClaims) -> None:
    while True:
        await asyncio.sleep(await held.step() / 1000)
