"""OTLP as people write it in JSON: one bad part costs the span it is in."""

import base64
import json
from typing import Any

import pytest

from streamer.core.wire.containers.json_fields import id_of
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.decode import decode
from streamer.core.wire.records import Cut
from streamer.core.wire.span import Span
from tests.builders import raw_record

TRACE = "0a" * 16
CUTTER = Cutter(CutRules())


def one(number: int = 1, **changes: Any) -> dict[str, Any]:
    told = {"traceId": TRACE, "spanId": f"{number:016x}", "name": "turn", "attributes": [pair("session.id", "s1")]}
    return told | changes


def pair(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value if isinstance(value, dict) else {"stringValue": value}}


def request(*spans: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def cut(document: Any) -> Cut:
    return CUTTER.cut(raw_record((document if isinstance(document, str) else json.dumps(document)).encode()))


def spans(document: Any) -> list[Span]:
    return decode([fragment.frame for fragment in cut(document).fragments])


def ids(document: Any) -> set[int]:
    return {int(span.span_id, 16) for span in spans(document)}


def test_numbers_are_text_or_numbers_and_enums_names_or_numbers() -> None:
    for start, code in (
        ("1790000000000000001", "STATUS_CODE_ERROR"),
        (1790000000000000001, 2),
        (1790000000000000001, "2"),
    ):
        (span,) = spans(request(one(startTimeUnixNano=start, status={"code": code})))
        assert span.start_ns == 1790000000000000001
        assert span.is_error


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"intValue": "-7"}, -7),
        ({"intValue": 2**70}, str(2**70)),
        ({"doubleValue": "NaN"}, "nan"),
        ({"doubleValue": 1}, 1.0),
        ({"boolValue": False}, False),
        ({"bytesValue": "AP8="}, b"\x00\xff"),
        ({"array_value": {"values": [{"stringValue": "a"}, {"intValue": 1}, {}]}}, ["a", 1, None]),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}, {"a": True}),
        ({"arrayValue": {}}, []),
        ({"stringValue": "\ud800"}, "?"),
        ({"stringValue": 5}, "5"),
        ({}, None),
        (None, None),
        ({"newValue": 1}, None),
    ],
)
def test_every_kind_of_value_is_read(told: Any, value: Any) -> None:
    (span,) = spans(request(one(attributes=[pair("session.id", "s1"), {"key": "x", "value": told}])))
    found = span.attributes["x"]
    assert str(found) == value if value == "nan" else found == value


@pytest.mark.parametrize(
    "bad",
    [
        one(2, traceId="xyz"),
        one(2, traceId=""),
        one(2, spanId="0a"),
        one(2, spanId=7),
        one(2, parentSpanId="not an id"),
        {},
        None,
        "span",
        [],
    ],
)
def test_a_bad_span_costs_only_itself(bad: Any) -> None:
    document = request(one(1), bad, one(3))

    assert ids(document) == {1, 3}
    assert [p.reason for p in cut(document).problems] == ["bad_span"]


@pytest.mark.parametrize("attributes", [5, "x", [None, {"key": 3}, {"value": {}}], [{"key": "a", "value": [[]]}]])
def test_bad_attributes_cost_only_themselves(attributes: Any) -> None:
    assert ids(request(one(1), one(2, attributes=attributes))) == {1, 2}


def test_a_truncated_document_loses_only_its_last_span() -> None:
    text = json.dumps(request(*(one(n) for n in range(1, 6))))
    found = cut(text[:-30])

    assert ids(text[:-30]) == {1, 2, 3, 4}
    assert [p.reason for p in found.problems] == ["truncated"]


def test_a_truncated_line_does_not_cost_the_next() -> None:
    lines = [json.dumps(request(one(n))) for n in (1, 2, 3)]
    lines[1] = lines[1][:-40]

    assert ids("\n".join(lines)) == {1, 3}


def test_too_deep_nesting_costs_only_its_span() -> None:
    deep = '{"arrayValue": {"values": [' * 5000 + "]}}" * 5000
    text = json.dumps(request(one(1), "BAD", one(3))).replace(
        '"BAD"', json.dumps(one(2, x="DEEP")).replace('"DEEP"', deep)
    )

    assert ids(text) == {1, 3}
    assert [p.reason for p in cut(text).problems] == ["bad_span"]


def test_a_number_without_end_costs_only_its_span() -> None:
    text = json.dumps(request(one(1), one(2, x="LONG"), one(3))).replace('"LONG"', "9" * 5000)

    assert ids(text) == {1, 3}


def test_invalid_utf8_costs_no_span() -> None:
    value = json.dumps(request(one(1, name="Gr\u00fc\u00dfe"), one(2)), ensure_ascii=False).encode()
    value = value.replace("ü".encode(), b"\xff")
    found = CUTTER.cut(raw_record(value))

    assert found.spans == 2
    assert decode([f.frame for f in found.fragments])[0].name == "Gr\ufffdße"


def test_words_that_look_like_structure_are_words() -> None:
    text = json.dumps(request(one(1, name='"spans": [{"'), one(2, name="]}]}"), one(3)))

    assert ids(text[:-30]) == {1, 2}


def test_ids_in_base64_may_begin_like_a_prefix() -> None:
    for told in ("0xECcD3230aD3A01A2cbDQ==", "tr-Af1fAe2AbFFCcBCCA2A=="):
        assert id_of(told, 16) == base64.b64decode(told.replace("-", "+"))


def test_a_log_record_without_a_time_is_one() -> None:
    log = {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in ENDED.items()]}
    value = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).encode()

    assert [control.ended for control in Cutter(CutRules()).cut(raw_record(value)).controls] == ["s1"]


ENDED = {"event.name": "session.end", "session.id": "s1"}
