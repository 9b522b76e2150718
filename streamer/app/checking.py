"""`streamer check`: every service reached, a sample read, and what is missing named with the line that adds it.

Rule: it changes nothing and joins no group.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Literal

from streamer.adapters.litellm_model import missing_keys
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_translation import translated
from streamer.app.building import access_of
from streamer.app.checking_kafka import kafka_findings, not_looked_at
from streamer.app.finding import Finding
from streamer.app.people import last_records, redis_of
from streamer.app.registered import code_findings
from streamer.core.ids import mlflow_trace_id
from streamer.core.judges import models_of
from streamer.core.rules import DEFAULT_RULE
from streamer.core.sample import Sample, sample
from streamer.core.wire.cut import Cutter
from streamer.core.words import counted, counts
from streamer.errors import StreamerError
from streamer.settings import Settings, Source

REMEDIES_SAID = 2
"""Of the commonest dialects that name no session."""
LOOKED_UP = 20
"""Newest traces that are looked for in MLflow."""


async def findings(settings: Settings, last: int) -> AsyncIterator[Finding]:
    """One after the other, as they are known."""
    things = ((len(settings.sources), "source"), (len(settings.judges), "judge"), (len(settings.rules), "rule"))
    of = ", ".join(counted(number, thing) for number, thing in things) + f"; hash {settings.terms().hash}"
    yield Finding("configuration", "ok", of)
    yield await _redis(settings)
    there = True
    async for finding in kafka_findings(settings):
        there = there and (finding.step, finding.state) != ("kafka", "fail")
        yield finding
    for finding in await asyncio.to_thread(code_findings, settings):
        yield finding
    for model in models_of(settings.judge_specs()):
        yield await asyncio.to_thread(_model, model)
    rows = MlflowAssessments(access_of(settings))
    try:
        yield await _mlflow(rows)
        for source in settings.sources:
            if not there:
                for topic in source.topics:
                    yield not_looked_at(topic)
                continue
            async for finding in _source(settings, source, rows, last):
                yield finding
        yield await _other_scorers(settings, rows)
    finally:
        await rows.close()


async def _redis(settings: Settings) -> Finding:
    try:
        async with redis_of(settings) as redis:
            await redis.handle().probe()
            await redis.handle().publish_progress("check", {})  # a script that has nothing to do
            share = await redis.handle().memory_share()
            kept = await redis.durability()
    except StreamerError as error:
        return Finding("redis", "fail", str(error), 'REDIS_URL, or redis.url = "redis://host:6379/0"')
    said = "answers" if kept.primaries == 1 else f"a cluster of {kept.primaries} primaries answers"
    said += f", {counted(kept.replicas, 'replica')} follows" if kept.replicas else ""
    said += f", does not evict, {share:.0%} of maxmemory used" if share else ""
    if not kept.writes_down:
        lost = "; it writes nothing down: a restart loses every open session, the day's spending, a pause"
        return Finding("redis", "warn", said + lost, "redis-cli CONFIG SET appendonly yes, and the same in redis.conf")
    return Finding("redis", "ok", said)


def _model(model: str) -> Finding:
    try:
        missing = missing_keys(model)
    except StreamerError as error:
        return Finding(f"model {model}", "fail", str(error), 'judges.model = "openai:/gpt-4.1-mini"')
    if missing:
        return Finding(f"model {model}", "fail", f"{' and '.join(missing)} not set", f"export {missing[0]}=…")
    return Finding(f"model {model}", "ok", "its key is set; no call was made")


async def _mlflow(rows: MlflowAssessments) -> Finding:
    try:
        await rows.ready()
        await rows.trace_exists(mlflow_trace_id("0" * 32))  # unlike /health it needs the right to read
    except StreamerError as error:
        return Finding("mlflow", "fail", str(error), 'MLFLOW_TRACKING_URI, or mlflow.tracking_uri = "http://host:5000"')
    return Finding("mlflow", "ok", "answers")


async def _source(settings: Settings, source: Source, rows: MlflowAssessments, last: int) -> AsyncIterator[Finding]:
    for topic in source.topics:
        try:
            records = await asyncio.to_thread(last_records, settings, topic, last)
        except StreamerError as error:
            yield Finding(f"topic {topic}", "fail", str(error), 'sources.topics = ["…"] names what does not exist')
            continue
        found = sample(records, Cutter(source.cut_rules()), translated, settings.core_rules())
        for finding in sampled(topic, found):
            yield finding
        if found.newest:
            for finding in await _in_mlflow(settings, rows, found):
                yield finding


def sampled(topic: str, found: Sample) -> list[Finding]:
    """The ladder: each rung says what it would unlock."""
    step = f"topic {topic}"
    if not found.records:
        return [
            Finding(step, "warn", "is empty: nothing can be said about its spans", "let an application trace a turn")
        ]
    kept = f"{found.spans} spans of {found.traces} traces kept in {found.records} records"
    dialects = ", ".join(f"{name} {count}" for name, count in found.dialects.most_common())
    said = [Finding(step, "ok", f"{kept}; dialects: {dialects or 'none'}")]
    if left_out := dict(found.out_of_scope):
        said.append(Finding(step, "ok", f"records left out by rule: {counts(left_out)}"))
    if problems := dict(found.problems):
        remedy = "encoding: otlp_proto under traces: in the Collector's kafka exporter; look: streamer decode"
        said.append(Finding(step, "warn", f"unreadable: {counts(problems)}", remedy))
    if set(found.rules) - {DEFAULT_RULE}:
        said.append(Finding(step, "ok", f"traces by the rule that they fall under: {counts(found.rules)}"))
    if found.traces:
        remedy = "; ".join(line for line, _ in found.remedies.most_common(REMEDIES_SAID))
        said.append(_rung(step, "name a session", found.with_session, found.traces, remedy))
        said.append(
            _rung(step, "say something to judge", found.with_text, found.traces, "switch on content capture in the SDK")
        )
    return said


def _rung(step: str, what: str, count: int, of: int, remedy: str) -> Finding:
    state: Literal["ok", "warn", "fail"] = "ok" if count == of else "warn" if count else "fail"
    return Finding(step, state, f"{count} of {of} traces {what}", "" if count == of else remedy)


async def _in_mlflow(settings: Settings, rows: MlflowAssessments, found: Sample) -> list[Finding]:
    step, looked_up = "traces in mlflow", found.newest[:LOOKED_UP]
    try:
        places = {trace: await rows.experiment_of(mlflow_trace_id(trace)) for trace, _ in looked_up}
    except StreamerError as error:
        return [Finding(step, "fail", str(error))]
    there_ms = [ms for trace, ms in looked_up if places[trace] is not None]
    said = f"{len(there_ms)} of the {len(looked_up)} newest traces of the topic are in MLflow"
    if there_ms:
        said += f"; it is {(looked_up[0][1] - there_ms[0]) / 1000:.1f} s behind the topic"
    remedy = "" if there_ms else "export the same spans to MLflow: verdicts stand on its traces (deploy/collector)"
    state: Literal["ok", "warn"] = "ok" if len(there_ms) == len(looked_up) else "warn"
    placed = [(found.tenants[trace], place) for trace, place in places.items() if place is not None]
    return [Finding(step, state, said, remedy), *misplaced(settings.mlflow.experiments, placed)]


def misplaced(experiments: Mapping[str, str], placed: Iterable[tuple[str, str]]) -> list[Finding]:
    """Tenants whose traces are in another experiment than theirs: there their verdicts are read, too."""
    elsewhere: dict[str, set[str]] = defaultdict(set)
    for tenant, experiment in placed:
        if experiments.get(tenant, experiment) != experiment:
            elsewhere[tenant].add(experiment)
    remedy = "correct x-mlflow-experiment-id of the exporter, or mlflow.experiments"
    return [
        Finding(
            "tenants in mlflow",
            "warn",
            f"traces of tenant {tenant} are in experiment {', '.join(sorted(ids))}, not in {experiments[tenant]}",
            remedy,
        )
        for tenant, ids in sorted(elsewhere.items())
    ]


async def _other_scorers(settings: Settings, rows: MlflowAssessments) -> Finding:
    step = "mlflow's own scorers"
    ids = sorted({*settings.mlflow.experiment_ids, *settings.mlflow.experiments.values()})
    if not ids:
        return Finding(step, "ok", "not looked for", 'mlflow.experiment_ids = ["…"] looks for them')
    try:
        active = [scorer.name for scorer in await rows.online_scorers(ids) if scorer.reads_session]
    except StreamerError as error:
        return Finding(step, "warn", str(error))
    if not active:
        return Finding(step, "ok", "none on these experiments reads sessions")
    return Finding(step, "warn", f"{', '.join(active)} judge the same sessions", "stop them, or both rows are shown")
