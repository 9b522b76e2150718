"""What `streamer check` says of a topic's records."""

from pathlib import Path

from streamer.app.checking import sampled
from streamer.core.sample import sample
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.core.wire.rules import CutRules

WIRE = Path(__file__).parent.parent / "fixtures" / "wire"


def record(name: str, offset: int = 0) -> Record:
    return Record("otlp_spans", 0, offset, 0, (WIRE / f"{name}.bin").read_bytes())


def test_sessions_texts_and_dialects_are_counted() -> None:
    found = sample([record("mlflow-dual-attr-00"), record("otelgenai-latest-00", 1)], Cutter(CutRules()))
    assert (found.records, found.traces, found.with_session, found.with_text) == (2, 4, 4, 4)
    assert found.dialects["mlflow"] == 2
    assert found.dialects["otel_genai"] == 2


def test_traces_without_a_session_get_the_line_to_add() -> None:
    said = sampled("otlp_spans", sample([record("mlflow-dual-00")], Cutter(CutRules())))
    missing = next(finding for finding in said if "name a session" in finding.said)
    assert missing.state == "fail"
    assert "session.id" in missing.remedy


def test_what_cannot_be_read_is_named_with_its_remedy() -> None:
    junk = Record("otlp_spans", 0, 0, 0, b'{"resourceSpans": []}')
    said = sampled("otlp_spans", sample([junk], Cutter(CutRules())))
    assert any(finding.state == "warn" and "otlp_proto" in finding.remedy for finding in said)


def test_an_empty_topic_says_so() -> None:
    assert sampled("otlp_spans", sample([], Cutter(CutRules())))[0].state == "warn"
