"""Whatever a record is wrapped in, the same is read; what cannot be read says what it is."""

import base64
import gzip
import io
import json
from collections.abc import Callable

import pytest
import zstandard

from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Cut, Record
from streamer.core.wire.rules import Encoding
from tests.builders import FIXTURES, fixture_record, otlp_record, raw_record, read, span, turn_of
from tests.core.wire.containers.wrapping import CONTAINERS, Wrap, document, event, with_value

TRACE = "0a" * 16
GOOD = otlp_record(
    span(TRACE, "01" * 8, session__id="s1", input__value="Größe 👟", output__value="42", n=-7, x=0.5, b=b"\x00\xff"),
    span(TRACE, "02" * 8, parent="01" * 8, llm__parts=[{"a": [True, "x"]}, "y"], error=True),
)
LOGS = fixture_record("edge-log-session-end.bin")
RECORDED = sorted(path.name for path in FIXTURES.glob("*.bin") if path.name != "edge-invalid-utf8.bin")


def cut(record: Record, encoding: Encoding = "auto") -> Cut:
    return Cutter(CutRules(encoding=encoding)).cut(record)


def problem(value: bytes, encoding: Encoding = "auto", **headers: str) -> tuple[str, str]:
    found = cut(with_value(raw_record(b""), value, **headers), encoding)
    assert not found.fragments
    return found.problems[0].reason, found.problems[0].detail


@pytest.mark.parametrize("wrap", CONTAINERS.values(), ids=CONTAINERS)
def test_a_container_changes_nothing(wrap: Wrap) -> None:
    assert read(wrap(GOOD), trace_id=TRACE) == read(GOOD, trace_id=TRACE)
    assert not cut(wrap(GOOD)).problems


@pytest.mark.parametrize("file", [file for file in RECORDED if "log" not in file])
@pytest.mark.parametrize("name", ["json, hex", "ndjson", "cloudevent, base64", "confluent json"])
def test_what_sdks_sent_is_the_same_in_containers(file: str, name: str) -> None:
    plain = fixture_record(file)
    wrapped = CONTAINERS[name](plain)

    assert {f.trace_id: f.candidates for f in cut(wrapped).fragments} == {
        f.trace_id: f.candidates for f in cut(plain).fragments
    }
    for trace_id in {fragment.trace_id for fragment in cut(plain).fragments}:
        assert turn_of([wrapped], trace_id) == turn_of([plain], trace_id)


def test_the_same_json_is_the_same_fragment() -> None:
    wrapped = CONTAINERS["json, hex"](GOOD)
    shuffled = json.loads(wrapped.value or b"")
    for spans in shuffled["resourceSpans"][0]["scopeSpans"]:
        for one in spans["spans"]:
            one["attributes"] = list(reversed(one.get("attributes", [])))

    assert [f.digest for f in cut(with_value(GOOD, shuffled)).fragments] == [f.digest for f in cut(wrapped).fragments]


def test_logs_are_read_in_json_too() -> None:
    ends = [(control.event, control.ended) for control in cut(LOGS).controls]

    assert ends == [("session.start", "s1"), ("session.end", "s2")]
    assert cut(with_value(LOGS, document(LOGS, logs=True))).controls == cut(LOGS).controls


def test_an_encoding_that_is_named_is_the_only_one_tried() -> None:
    assert cut(GOOD, "otlp_proto").spans == 2
    assert cut(CONTAINERS["json, hex"](GOOD), "otlp_json").spans == 2
    assert cut(CONTAINERS["gzip around json"](GOOD), "otlp_json").spans == 2
    assert cut(CONTAINERS["cloudevent, base64"](GOOD), "cloudevents").spans == 2
    assert cut(CONTAINERS["cloudevent, binary"](GOOD), "cloudevents").spans == 2
    for record, encoding in ((GOOD, "otlp_json"), (CONTAINERS["json, hex"](GOOD), "otlp_proto")):
        found = cut(record, encoding)  # type: ignore[arg-type]
        assert not found.fragments
        assert found.problems[0].reason == "unreadable"


def test_every_decoder_says_why_it_refused() -> None:
    tried = dict(cut(raw_record(b"hello")).tried)

    assert set(tried) == {
        "otlp_proto",
        "control",
        "otlp_json",
        "mlflow_json",
        "cloudevents",
        "gzip",
        "zstd",
        "confluent",
    }
    assert tried["gzip"] == "does not begin with 1f 8b"
    assert tried["otlp_json"] == "does not begin with { or ["
    assert tried["control"] == "does not begin with { or ["


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\n\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8, "Jaeger protobuf"),
        (b'{"traceID": "0a", "spanID": "0b", "operationName": "x"}', "Jaeger JSON"),
        (b'{"data": [{"traceID": "0a", "spans": []}]}', "Jaeger JSON"),
        (b'[{"traceId": "0a", "id": "0b"}]', "Zipkin JSON"),
        (b"\n\x1c\n\x10" + b"t" * 16 + b"\x1a\x08" + b"s" * 8, "Zipkin protobuf"),
        (b"Obj\x01\x02", "an Avro file"),
        (b"\x00\x00\x00\x00\x07\x48hello", "a schema registry's frame with neither"),
        (b'{"resourceMetrics": []}', "OTLP metrics"),
    ],
)
def test_what_a_collector_converts_is_called_by_its_name(value: bytes, said: str) -> None:
    reason, detail = problem(value)

    assert reason == "unsupported"
    assert said in detail


def test_a_content_type_names_what_bytes_do_not_tell() -> None:
    assert problem(b"\x02\x04", content_type="application/avro")[0] == "unsupported"


def test_a_compressed_value_is_bounded_in_bytes_and_ratio() -> None:
    bomb = bytes(300 * 1024 * 1024)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(bomb)

    for value in (packed.getvalue(), zstandard.compress(bomb)):
        reason, detail = problem(value)
        assert reason == "too_large"
        assert "unpack to more than" in detail


def test_only_one_compression_is_undone() -> None:
    assert problem(gzip.compress(gzip.compress(GOOD.value or b"")))[0] == "unreadable"


def test_a_compressed_value_that_breaks_off_gives_what_could_be_unpacked() -> None:
    many = otlp_record(*(span(TRACE, f"{n:016x}", session__id="s1", n=n, text=f"{n * 7919}") for n in range(1, 4000)))
    for packed in (gzip.compress(many.value or b""), zstandard.compress(many.value or b"")):
        found = cut(raw_record(packed[: len(packed) // 2]))

        assert found.spans > 100
        assert {p.reason for p in found.problems} == {"truncated"}


def test_json_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    assert problem(b"[" + b"[]," * 2_500_000 + b"[]]")[0] == "too_large"


def test_an_event_in_an_event_ends_somewhere() -> None:
    inner = event(GOOD, data=document(GOOD))
    assert cut(with_value(GOOD, event(GOOD, data=inner))).spans == 2
    for _ in range(50):
        inner = event(GOOD, data=inner)
    assert not cut(with_value(GOOD, inner)).fragments


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("as_json", [False, True])
def test_every_event_of_several_is_opened_and_what_is_in_none_is_told(
    as_json: bool, pack: Callable[[bytes], bytes]
) -> None:
    values = [otlp_record(span(f"{n:032x}", "01" * 8, input__value="hi")) for n in (1, 2)]
    data = [pack(json.dumps(document(v)).encode() if as_json else v.value or b"") for v in values]
    events = [event(GOOD, data_base64=base64.b64encode(one).decode()) for one in (*data, b"junk")]

    for value in (json.dumps(events), "\n".join(map(json.dumps, events))):
        found = cut(raw_record(value.encode()))
        assert [fragment.trace_id for fragment in found.fragments] == [f"{n:032x}" for n in (1, 2)]
        assert [problem.reason for problem in found.problems] == ["unreadable"]


def test_events_together_unpack_to_no_more_than_one_record() -> None:
    packed = base64.b64encode(gzip.compress(GOOD.value or b"")).decode()
    rules = CutRules(unpacked_bytes_max=3 * len(GOOD.value or b""))
    value = json.dumps([event(GOOD, data_base64=packed)] * 5).encode()

    assert Cutter(rules).cut(raw_record(value)).problems[0].detail.startswith("2 events")


def test_json_without_spans_is_said_to_have_none() -> None:
    assert problem(b'{"resourceSpans": []}') == ("no_spans", "JSON without spans or log records")


def test_a_registrys_frame_may_be_around_blank_or_packed_values() -> None:
    for inner in (b" " + json.dumps(document(GOOD)).encode(), gzip.compress(GOOD.value or b"")):
        assert read(raw_record(b"\0\0\0\0\1" + inner), trace_id=TRACE) == read(GOOD, trace_id=TRACE)
