"""Records as real SDKs make them, with English text: traces of tests/fixtures/wire, told anew again and again.

Each trace gets new ids and a session, and steps like its last one until it has three to nine spans, as agents' traces
have; each text that its fixture is known to hold is replaced by sentences of Python's own manual (pydoc_data), which no
dictionary of ours was trained on.
"""

import json
import random
import re
from collections.abc import Iterator
from pydoc_data.topics import topics  # type: ignore[import-untyped, unused-ignore]
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from streamer.core.wire.records import Record
from tests.builders import FIXTURES, descending

TRACES_PER_RECORD, SERVICES_PER_RECORD = 16, 3
TURNS_PER_SESSION = 10
SENTENCE = re.compile(r"[A-Z][a-z][^.`*|=<>{}\[\]]{30,180}\.")


class Told(NamedTuple):
    """A trace of a fixture, and what of it is replaced."""

    request: bytes
    words: tuple[str, ...]
    session: str


def sentences() -> list[str]:
    """English prose, one line each."""
    return [" ".join(found.split()) for text in topics.values() for found in SENTENCE.findall(text)]


def told() -> list[Told]:
    """Every trace with a session and text of every binary fixture, but for those that tools/record adds from time to
    time: figures of two runs are compared."""
    found = []
    for entry in json.loads((FIXTURES / "manifest.json").read_text()).values():
        if "recorded" in entry:
            continue
        if len(entry["files"]) > 1 or not entry["files"][0].endswith(".bin") or entry["files"][0].startswith("edge"):
            continue
        whole = ExportTraceServiceRequest.FromString((FIXTURES / entry["files"][0]).read_bytes())
        for turn in entry["turns"]:
            if turn["session_id"] and turn["user"] and turn["assistant"]:
                alone = _only(whole, bytes.fromhex(turn["trace_id"]))
                found.append(Told(alone.SerializeToString(), (turn["user"], turn["assistant"]), turn["session_id"]))
    return found


def _only(whole: ExportTraceServiceRequest, trace_id: bytes) -> ExportTraceServiceRequest:
    alone = ExportTraceServiceRequest()
    for part in whole.resource_spans:
        mine = [[s for s in scope.spans if s.trace_id == trace_id] for scope in part.scope_spans]
        if not any(mine):
            continue
        kept = alone.resource_spans.add(resource=part.resource, schema_url=part.schema_url)
        for scope, spans in zip(part.scope_spans, mine, strict=True):
            if spans:
                kept.scope_spans.add(scope=scope.scope, spans=spans)
    return alone


def records(count: int, seed: int = 1) -> Iterator[Record]:
    """`count` records of 16 traces each, from three services, in the Collector's order; ten traces a session."""
    rng, prose, fixtures = random.Random(seed), sentences(), told()
    sessions = max(1, count * TRACES_PER_RECORD // TURNS_PER_SESSION)
    for n in range(count):
        merged, services = ExportTraceServiceRequest(), rng.sample(fixtures, SERVICES_PER_RECORD)
        for m in range(TRACES_PER_RECORD):
            one = _anew(services[m % SERVICES_PER_RECORD], f"session-{rng.randrange(sessions):08d}", rng, prose)
            _merge(merged, one)
        yield Record("otlp_spans", n % 4, n, 1_800_000_000_000 + n, descending(merged))


def _merge(merged: ExportTraceServiceRequest, one: ExportTraceServiceRequest) -> None:
    """As an SDK's batch: one entry per resource and scope."""
    for part in one.resource_spans:
        known = next((p for p in merged.resource_spans if p.resource == part.resource), None)
        if known is None:
            merged.resource_spans.add().CopyFrom(part)
            continue
        for scope_spans in part.scope_spans:
            same = next((s for s in known.scope_spans if s.scope == scope_spans.scope), None)
            if same is None:
                known.scope_spans.add().CopyFrom(scope_spans)
            else:
                same.spans.extend(scope_spans.spans)


def _anew(fixture: Told, session: str, rng: random.Random, prose: list[str]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest.FromString(fixture.request)
    new = {word: " ".join(rng.sample(prose, rng.randint(1, 4))) for word in fixture.words}
    new[fixture.session] = session
    lists = [scope.spans for part in request.resource_spans for scope in part.scope_spans]
    _lengthen(lists[-1], rng.randint(3, 9) - sum(map(len, lists)), rng)
    ids: dict[bytes, bytes] = {b"": b""}
    for span in (span for spans in lists for span in spans):
        for name in ("trace_id", "span_id", "parent_span_id"):
            old = getattr(span, name)
            setattr(span, name, ids.setdefault(old, rng.randbytes(len(old))))
        for attributes in (span.attributes, *(event.attributes for event in span.events)):
            for pair in attributes:
                _replace(pair.value, new)
    return request


def _lengthen(spans: Any, by: int, rng: random.Random) -> None:
    """More steps like the last one, under its parent."""
    last = spans[-1]
    for _ in range(by):
        more = spans.add()
        more.CopyFrom(last)
        more.span_id = rng.randbytes(8)
        more.parent_span_id = last.parent_span_id or last.span_id


def _replace(value: AnyValue, new: dict[str, str]) -> None:
    match value.WhichOneof("value"):
        case "string_value":
            text = value.string_value
            for old, fresh in new.items():
                if old in text:
                    text = text.replace(old, fresh)
                else:
                    text = text.replace(json.dumps(old)[1:-1], json.dumps(fresh)[1:-1])
            value.string_value = text
        case "array_value":
            for item in value.array_value.values:
                _replace(item, new)
        case "kvlist_value":
            for pair in value.kvlist_value.values:
                _replace(pair.value, new)
