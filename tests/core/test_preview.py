"""What people see of records is what would happen, and what they would have to write."""

from streamer.core.preview import preview
from streamer.core.remedies import ANY, REMEDIES, remedy_for
from streamer.core.wire.conventions import DIALECTS
from streamer.core.wire.cut import CutRules, Cutter
from tests.builders import otlp_record, raw_record, span

TRACE, OTHER = "0a" * 16, "0b" * 16
CUTTER = Cutter(CutRules(tenant_header="x-tenant"))


def test_every_dialect_has_a_line_that_names_the_session() -> None:
    assert {dialect.name for dialect in DIALECTS} <= set(REMEDIES)
    assert remedy_for(["unheard of"]) == ANY


def test_a_remedy_is_given_only_where_no_session_is_named() -> None:
    bare = span(TRACE, "01" * 8, openinference__span__kind="AGENT", input__value="hi")
    named = span(OTHER, "02" * 8, session__id="s1", input__value="hi", start_ns=5_000_000_000)
    first, second = preview([otlp_record(bare, named)], CUTTER).turns

    assert first.remedy == REMEDIES["openinference"]
    assert (second.session_id, second.remedy) == ("s1", "")


def test_tenants_stay_apart_and_repetition_changes_nothing() -> None:
    record = otlp_record(span(TRACE, "01" * 8, session__id="s1", input__value="hi"))
    acme = record._replace(headers=[("x-tenant", b"acme")])
    found = preview([record, acme, record], CUTTER)

    assert [(seen.tenant, seen.turn.spans_seen) for seen in found.turns] == [("acme", 1), ("default", 1)]
    assert preview([record, acme], CUTTER).raw == found.raw


def test_nothing_decoded_is_empty() -> None:
    assert preview([raw_record(b"hello"), raw_record(None)], CUTTER).is_empty
