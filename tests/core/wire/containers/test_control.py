"""A control record is understood as its schema says, whatever it is wrapped in, or set aside with the reason."""

import gzip
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from streamer.core.wire.containers.control import record_of
from streamer.core.wire.containers.opening import Ended
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Control, Cut
from tests.builders import raw_record

SCHEMA = json.loads((files("streamer") / "schema" / "control-v1.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
END = {"streamer": "control", "type": "session.end", "session_id": "chat-1"}
SAID = Control("session.end", "default", "chat-1")


def cut(value: Any, headers: tuple[tuple[str, bytes], ...] = (), **rules: Any) -> Cut:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Cutter(CutRules(**rules)).cut(raw_record(raw)._replace(headers=headers))


@pytest.mark.parametrize("encoding", ["auto", "control"])
@pytest.mark.parametrize("keep", ["genai", "listed", "all"])
def test_it_is_read_in_both_encodings_and_under_every_keep(encoding: str, keep: str) -> None:
    found = cut(END, encoding=encoding, keep=keep)
    assert (found.controls, found.problems, found.out_of_scope) == ([SAID], [], None)


def test_wrappings_change_nothing() -> None:
    event = {"specversion": "1.0", "id": "1", "type": "x", "source": "/app", "data": END}
    for value in (gzip.compress(json.dumps(END).encode()), event, [END], b"\xef\xbb\xbf" + json.dumps(END).encode()):
        assert cut(value).controls == [SAID]


def test_several_may_stand_in_one_record_and_a_bad_one_costs_itself() -> None:
    found = cut([END, {**END, "session_id": ""}, {**END, "session_id": "chat-2", "at_ms": 17}])
    assert found.controls == [SAID, Control("session.end", "default", "chat-2", 17)]
    assert [problem.reason for problem in found.problems] == ["unreadable"]
    assert "session_id" in found.problems[0].detail


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "session.pause"}, "its type is not"),
        ({"type": None}, "its type is not"),
        ({"session_id": None}, "session_id is missing"),
        ({"session_id": 4711}, "session_id is missing"),
        ({"session_id": ""}, "session_id is missing"),
        ({"tenant": 3}, "tenant is missing or names nothing"),
        ({"at_ms": "yesterday"}, "at_ms is no moment"),
        ({"at_ms": -1}, "at_ms is no moment"),
        ({"at_ms": True}, "at_ms is no moment"),
        ({"at_ms": 1.5}, "at_ms is no moment"),
    ],
)
def test_one_that_cannot_be_understood_is_set_aside_with_the_reason(change: dict[str, Any], said: str) -> None:
    record = {**END, **change}
    assert not VALIDATOR.is_valid(record)
    found = cut(record)
    assert not found.controls
    assert found.problems[0].reason == "unreadable"
    assert found.problems[0].detail.startswith("control: ")
    assert said in found.problems[0].detail


@pytest.mark.parametrize(
    "change", [{}, {"tenant": "default"}, {"tenant": None, "at_ms": None}, {"at_ms": 0}, {"new": 1}]
)
def test_what_the_schema_allows_is_understood(change: dict[str, Any]) -> None:
    record = {**END, **change}
    assert VALIDATOR.is_valid(record)
    assert [control.ended for control in cut(record).controls] == ["chat-1"]


@pytest.mark.parametrize("said", [Ended("chat-1"), Ended("Größe 👟", "acme", 1_700_000_000_000)])
def test_what_is_sent_is_what_the_schema_describes(said: Ended) -> None:
    VALIDATOR.validate(record_of(said))
    expected = Control("session.end", said.tenant or "default", said.session_id, said.at_ms)
    assert cut(record_of(said), tenant_resource="tenant.id").controls == [expected]


def test_an_id_that_is_a_sentinel_names_nothing() -> None:
    assert cut({**END, "session_id": "undefined"}).problems


def test_the_header_names_the_tenant_and_the_record_may_not_name_another() -> None:
    headers = (("x-tenant", b"acme"),)
    assert cut(END, headers, tenant_header="x-tenant").controls == [SAID._replace(tenant="acme")]
    assert cut({**END, "tenant": "acme"}, headers, tenant_header="x-tenant").controls[0].tenant == "acme"
    for rules in ({}, {"tenant_header": "x-tenant"}):
        other = cut({**END, "tenant": "beta"}, headers, **rules)
        assert not other.controls
        assert "another tenant" in other.problems[0].detail


@pytest.mark.parametrize("encoding", ["otlp_json", "mlflow_json", "otlp_proto"])
def test_an_encoding_that_is_named_reads_nothing_else(encoding: str) -> None:
    found = cut(END, encoding=encoding)
    assert not found.controls
    assert found.problems


def test_a_topic_of_control_records_takes_nothing_else() -> None:
    found = cut({"resourceSpans": []}, encoding="control")
    assert [problem.reason for problem in found.problems] == ["no_spans"]
    assert dict(found.tried)["control"] == 'JSON without "streamer": "control"'
