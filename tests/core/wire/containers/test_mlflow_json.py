"""MLflow's own trace documents, as the installed MLflow writes them."""

import json
from typing import Any

import mlflow.entities as mlflow
from mlflow.entities.trace_location import TraceLocation
from mlflow.entities.trace_state import TraceState
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from streamer.core.wire.cut import CutRules, Cutter
from tests.builders import fixture_record, raw_record, read, turn_of

TRACE, ROOT, CHILD = 0x0A0B << 112 | 7, 0x0101, 0x0202
HEX = f"{TRACE:032x}"


def otel_span(span_id: int, parent: int | None, **attributes: str) -> Any:
    def context(of: int) -> SpanContext:
        return SpanContext(TRACE, of, is_remote=False, trace_flags=TraceFlags(1))

    named = {"mlflow.traceRequestId": f'"tr-{HEX}"', **{k.replace("__", "."): v for k, v in attributes.items()}}
    return mlflow.Span(
        ReadableSpan(
            name="turn",
            context=context(span_id),
            parent=context(parent) if parent else None,
            attributes=named,
            events=[Event("note", {"n": 1}, timestamp=5)],
            start_time=1_790_000_000_000_000_000 + span_id,
            end_time=1_790_000_001_000_000_000,
            status=Status(StatusCode.ERROR, "boom") if parent is None else Status(StatusCode.OK),
        )
    )


def document(**metadata: str) -> str:
    info = mlflow.TraceInfo(
        trace_id=f"tr-{HEX}",
        trace_location=TraceLocation.from_experiment_id("0"),
        request_time=1,
        state=TraceState.OK,
        trace_metadata={name.replace("__", "."): value for name, value in metadata.items()},
    )
    spans = [
        otel_span(CHILD, ROOT, mlflow__spanType='"LLM"', mlflow__spanInputs='"hi"', mlflow__spanOutputs='"yo"'),
        otel_span(ROOT, None, mlflow__spanInputs='{"q": "Größe 👟"}', mlflow__spanOutputs='"42"'),
    ]
    text: str = mlflow.Trace(info, mlflow.TraceData(spans)).to_json()
    return text


SESSION = {"mlflow__trace__session": "sess-42", "mlflow__trace__user": "u-7"}


def test_session_and_user_are_those_of_the_metadata() -> None:
    owner, turn = read(raw_record(document(**SESSION).encode()), trace_id=HEX)

    assert owner == "sess-42"
    assert turn is not None
    assert (turn.user_id, turn.user, turn.assistant) == ("u-7", "Größe 👟", "42")
    assert (turn.has_root, turn.complete, turn.spans_seen, turn.error, turn.io_source) == (True, True, 2, True, "root")
    assert turn.start_ns == 1_790_000_000_000_000_000 + ROOT


def test_a_trace_without_a_session_is_read_all_the_same() -> None:
    owner, turn = read(raw_record(document().encode()), trace_id=HEX)

    assert owner is None
    assert turn is not None
    assert turn.user == "Größe 👟"


def test_what_mlflow_kept_of_a_real_run_is_read() -> None:
    trace_id = "63a77814558e55f72c29e2a0d3116e47"
    owner, turn = read(fixture_record("mlflow-trace-to-json.json"), trace_id=trace_id)

    assert owner == "sess-42"
    assert turn is not None
    assert (turn.user, turn.assistant, turn.user_id, turn.agent) == ("Größe 👟", "echo: Größe 👟", "u-7", "turn")


def test_several_traces_a_line_each_and_one_that_breaks_off() -> None:
    whole = document(**SESSION)
    cut = Cutter(CutRules()).cut(raw_record(f"{whole}\n{whole[:-100]}".encode()))

    assert cut.spans == 3
    assert {c for f in cut.fragments for c in f.candidates} == {"sess-42"}


def test_spans_of_clients_before_3_0_and_of_3_5_are_read() -> None:
    told = json.loads(document(**SESSION))
    info = {"request_id": f"tr-{HEX}", "request_metadata": told["info"]["trace_metadata"]}
    old, middle = [], []
    for span in told["data"]["spans"]:
        is_root = span["parent_span_id"] is None
        span_id, parent = f"0x{ROOT if is_root else CHILD:016x}", None if is_root else f"0x{ROOT:016x}"
        old.append(
            {
                "name": span["name"],
                "context": {"trace_id": f"0x{HEX}", "span_id": span_id},
                "parent_id": parent,
                "start_time": span["start_time_unix_nano"],
                "end_time": span["end_time_unix_nano"],
                "status_code": "ERROR" if is_root else "OK",
                "status_message": "",
                "attributes": span["attributes"],
                "events": [{"name": "note", "timestamp": 5, "attributes": {"n": 1}}],
            }
        )
        plain = {"trace_id": f"tr-{HEX}", "span_id": span_id[2:], "parent_span_id": parent and parent[2:]}
        middle.append({**span, **plain, "status": {"code": "ERROR" if is_root else "OK", "message": ""}})
    today = turn_of([raw_record(document(**SESSION).encode())], HEX)

    assert turn_of([raw_record(json.dumps({"info": info, "data": {"spans": old}}).encode())], HEX) == today
    assert turn_of([raw_record(json.dumps({"info": info, "data": {"spans": middle}}).encode())], HEX) == today
