"""Where an evaluation's sessions come from: an experiment in MLflow, or records of a topic or of files.

Rule: names first, each session as a whole only when somebody is there to judge it, so that memory does not grow with
their number. Records are put together in Redis, under keys of the evaluation's own.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from streamer.adapters.kafka import reader
from streamer.adapters.kafka.reader import Span
from streamer.adapters.mlflow_assessments.sessions import MlflowSessions
from streamer.adapters.mlflow_translation import translated
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.evaluate import EvaluateStore
from streamer.app.rereading import Tell
from streamer.core.evaluating import Found, turns_of
from streamer.core.ids import BUCKETS, Scope
from streamer.core.interpret import interpret
from streamer.core.reading import BEGINNING, Start
from streamer.core.session import SessionRef
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError, PermanentError, StreamerError
from streamer.loops.saving import Batch, Saving
from streamer.settings import Settings, Source

BATCH = 500


class Sessions(Protocol):
    def names(self) -> AsyncIterator[str]: ...

    async def read(self, name: str) -> Found: ...


class Period(NamedTuple):
    """Unix ms; None is open."""

    since_ms: int | None = None
    until_ms: int | None = None


EVER = Period()


class InMlflow:
    """Sessions with a trace of the period that the filter lets through; read whole, however old they are."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        sessions: MlflowSessions,
        experiment_id: str,
        tenant: str,
        period: Period,
        wanted: str | None,
        only: str | None,
    ) -> None:
        self._settings, self._source, self._sessions = settings, source, sessions
        self._experiment_id, self._period, self._wanted, self._only = experiment_id, period, wanted, only
        self._scope = Scope(source.name, tenant)
        keys = source.session_keys
        self._cutter = Cutter(CutRules(tenant=tenant, encoding="mlflow_json", keep="all", session_keys=keys))

    async def names(self) -> AsyncIterator[str]:
        if self._only is not None:
            yield self._only
            return
        async for name in self._sessions.ids(self._experiment_id, *self._period, self._wanted):
            yield name

    async def read(self, name: str) -> Found:
        ref, traces_max = SessionRef(self._scope, name), self._settings.sessions.traces_max
        try:
            stored = await self._sessions.session(self._experiment_id, name, traces_max)
        except PermanentError:
            return Found(ref, {}, (), "not_searchable")
        if self._only is not None and not stored.traces:
            raise ConfigurationError(
                f"no trace of session {name!r} in this experiment: ids are compared letter by letter"
            )
        if len(stored.traces) > traces_max:
            return Found(ref, {}, stored.traces, "shared_session_id")
        documents = (Record("mlflow", 0, n, 0, value) for n, value in enumerate(stored.documents))
        caps, asked = self._settings.turns.caps(), self._settings.terms().asked
        turns = turns_of(documents, self._cutter, caps, translated, asked)
        whole = all(trace.trace_id.removeprefix("tr-") in turns for trace in stored.traces)
        return Found(ref, turns, stored.traces, None if whole else "spans_missing")


class Known:
    """Sessions that Redis knows, by name: whoever judges reads what is kept of them there."""

    def __init__(self, sessions: Iterable[SessionRef]) -> None:
        self._sessions = {session.key: session for session in sessions}

    async def names(self) -> AsyncIterator[str]:
        for key in self._sessions:
            yield key

    async def read(self, name: str) -> Found:
        return Found(self._sessions[name], {})


class Replayed:
    """Sessions that records were put together to, under keys of their own: a topic's, or lines of files. Of those only
    the ones with a record since `since_ms`."""

    def __init__(
        self, settings: Settings, source: Source, redis: RedisConnection, only: str | None, since_ms: int | None
    ) -> None:
        self._settings, self._source, self._only, self._since_ms = settings, source, only, since_ms
        self._store: EvaluateStore = redis.evaluate_handle()

    async def fill(self, records: Iterable[Record], total: int, tell: Tell, rules: CutRules | None = None) -> None:
        """Everything into Redis, by the same two phases as ingest's."""
        cutter, done = Cutter(rules or self._source.cut_rules()), 0
        saving, left = Saving(self._source.name, self._store, PrometheusMetrics()), iter(records)
        while found := list(islice(left, BATCH)):
            batch = Batch(self._source.name)
            for record in found:
                batch.add(cutter.cut(record), record.timestamp_ms)
            await saving.save(batch)
            done += len(found)
            tell("reading records", done, max(total, done))

    async def names(self) -> AsyncIterator[str]:
        for bucket in range(BUCKETS):
            for key in await self._store.active_since(bucket, self._since_ms or 0):
                yield key

    async def read(self, name: str) -> Found:
        known = await self._store.session(name)
        if known is None:
            raise StreamerError(
                "the records that were read for this run are gone from Redis, as after a long standstill: start it "
                "again; what was answered is not paid for again"
            )
        ref, state = known
        if state.shared:
            return Found(ref, {}, None, "shared_session_id")
        if self._only is not None and ref.session_id != self._only:
            return Found(ref, {}, None, "no_turns")
        facts = await self._store.facts(ref.scope, sorted(state.members))
        caps, asked, keys = self._settings.turns.caps(), self._settings.terms().asked, self._source.session_keys
        turns = {}
        for trace_id, kept in facts.items():
            owner, turn = interpret(trace_id, kept, None, caps, translated, keys, asked)
            if turn is not None and owner == ref.session_id:
                turns[trace_id] = turn
        return Found(ref, turns, None, None if turns else "no_turns")


def records_of_topic(settings: Settings, topic: str, period: Period) -> tuple[Iterator[Record], int]:
    """What the topic holds of the period, by the records' own times, and how many that may be. It begins a maximum age
    earlier: sessions are read whole, so that a period that has moved on a little has the same ones."""
    connection, (since_ms, until_ms) = settings.kafka.connection(), period
    start = BEGINNING
    if since_ms is not None:
        start = Start("time", max(0, since_ms - settings.sessions.max_age_ms))
    begin: dict[int, Span] = reader.spans(connection, topic, start)
    end = None if until_ms is None else reader.spans(connection, topic, Start("time", until_ms))
    places = {p: (span.first, end[p].first if end and p in end else span.end) for p, span in begin.items()}
    total = sum(max(0, until - since) for since, until in places.values())
    return reader.between(connection, topic, places), total


def records_of_files(files: Sequence[Path]) -> Iterator[Record]:
    """A record a line where a file's name ends in .jsonl, else a file is one record's value."""
    for number, file in enumerate(files):
        try:
            if file.suffix != ".jsonl":
                yield Record(str(file), number, 0, 0, file.read_bytes())
                continue
            with file.open("rb") as lines:
                for n, line in enumerate(lines):
                    if line.strip():
                        yield Record(str(file), number, n, 0, line.strip())
        except OSError as error:
            raise ConfigurationError(f"--file {file}: {error.strerror}") from None
