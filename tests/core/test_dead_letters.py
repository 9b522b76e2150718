"""A record becomes a letter, whole or in parts, and is taken out again as it was."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.core.dead_letters import (
    OVERHEAD_BYTES,
    SUFFIX,
    Letter,
    Mark,
    Origin,
    attempts_of,
    headers_of,
    mark_of,
    origin_of,
    read,
    replay_of,
    split,
)
from streamer.core.letterbox import ATTEMPTS_MAX, Joining, Letterbox, fate_of
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import DeadLetter, Header, Record
from streamer.core.wire.rules import CutRules
from tests.builders import otlp_record, raw_record, span

NAMES = st.sampled_from(["a", "dlq.reason", "dlq.part", "dlq.topic", "dlq.attempt", "dlq.replayed"])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=20)), max_size=6)
RECORDS = st.builds(
    Record,
    topic=st.just("spans"),
    partition=st.integers(0, 9),
    offset=st.integers(0, 10**12),
    timestamp_ms=st.integers(-1, 10**13),
    value=st.binary(max_size=9_000),
    key=st.none() | st.binary(max_size=20),
    headers=HEADERS.map(tuple),
)


def put(letter: DeadLetter, offset: int = 0, written_ms: int = 5) -> Record:
    """As the topic holds it."""
    record = letter.record
    headers = [*record.headers, *headers_of(letter)]
    return Record(record.topic + SUFFIX, 0, offset, written_ms, record.value, record.key, headers)


def box_of(*records: Record) -> Letterbox:
    box = Letterbox()
    for record in records:
        box.add(record)
    return box


def taken_out(box: Letterbox, *records: Record) -> list[Record]:
    joining = Joining(box.letters())
    return [found[1] for record in records if (found := joining.add(record)) is not None]


@given(RECORDS)
def test_whatever_its_headers_are_called_a_record_comes_back_as_it_was(record: Record) -> None:
    letter = read(put(DeadLetter(record, "unreadable", "wh\u00fd")))
    assert isinstance(letter, Letter)
    assert (letter.original, letter.reason, letter.detail) == (record, "unreadable", "wh\u00fd")


@given(RECORDS, st.integers(1, 20_000), st.randoms())
def test_parts_in_any_order_give_the_record_back(record: Record, bytes_max: int, random: st.DataObject) -> None:
    parts = split(DeadLetter(record, "too_large", "why"), bytes_max)
    assert len(parts) >= 2
    assert all(len(part.record.value or b"") <= max(bytes_max, OVERHEAD_BYTES) for part in parts)
    written = [put(part, offset) for offset, part in enumerate(parts)]
    random.shuffle(written)  # type: ignore[attr-defined]
    box = box_of(*written)
    (listed,) = box.letters()
    assert (listed.size_bytes, listed.missing) == (len(record.value or b""), ())
    assert taken_out(box, *written) == [record]


def test_a_part_that_is_missing_is_named_and_the_letter_is_not_put_together() -> None:
    parts = split(DeadLetter(raw_record(b"x" * 9_000), "unreadable", ""), 2_048)
    written = [put(part, offset) for offset, part in enumerate(parts) if offset != 1]
    (listed,) = box_of(*written).letters()
    assert listed.missing == (2,)
    assert listed.refusal == f"1 of {len(parts)} parts are missing"
    assert taken_out(box_of(*written), *written) == []


def test_parts_of_a_try_that_was_refused_do_not_count() -> None:
    letter = DeadLetter(raw_record(b"x" * 9_000), "unreadable", "")
    first, *_ = split(letter, 8_000)
    written = [put(part, offset) for offset, part in enumerate([first, *split(letter, 4_000)])]
    box = box_of(*written)
    assert [listed.missing for listed in box.letters()] == [()]
    assert taken_out(box, *written) == [letter.record]


def test_the_same_record_twice_is_one_letter_and_a_topic_made_anew_has_others() -> None:
    letter = DeadLetter(raw_record(b"x"), "unreadable", "")
    later = letter._replace(record=letter.record._replace(timestamp_ms=1))
    assert len(box_of(put(letter, 0), put(letter, 1), put(later, 2)).letters()) == 2


def test_a_mark_says_that_its_letter_was_replayed_and_no_other() -> None:
    record = raw_record(b"x")
    mark = mark_of(origin_of(record))
    assert read(mark) == Mark(Origin("otlp_spans", 0, 0, 0))
    letters = [put(DeadLetter(r, "unreadable", "")) for r in (record, record._replace(offset=1))]
    assert [listed.replayed for listed in box_of(mark, *letters).letters()] == [True, False]


def test_what_somebody_else_wrote_is_counted() -> None:
    theirs: list[Header] = [("dlq.reason", b"because")]
    other = put(DeadLetter(raw_record(b"x"), "unreadable", ""))._replace(topic="elsewhere.dlq")
    box = box_of(raw_record(b"x"), raw_record(b"x")._replace(headers=theirs), other)
    assert (box.letters(), box.foreign) == ([], 3)


def test_a_record_that_comes_back_knows_how_often_and_is_given_up() -> None:
    record = raw_record(b"x")._replace(headers=[("a", b"b")])
    for attempt in range(ATTEMPTS_MAX):
        (listed,) = box_of(put(DeadLetter(record, "unreadable", ""))).letters()
        assert (listed.attempts, listed.refusal) == (attempt, "")
        again = replay_of(record)
        assert dict(again.headers)["dlq.replayed_from"] == str(origin_of(record)).encode()
        record = again._replace(partition=0, offset=attempt + 10)
    assert attempts_of(record.headers) == ATTEMPTS_MAX
    assert [name for name, _ in record.headers] == ["a", "dlq.replayed_from", "dlq.attempt"]
    (listed,) = box_of(put(DeadLetter(record, "unreadable", ""))).letters()
    assert listed.refusal == "came back 3 times"


def test_what_would_become_of_a_record_now() -> None:
    cutter = Cutter(CutRules())
    good, bad = span("0a" * 16, "01" * 8, session__id="s"), span("00" * 16, "01" * 8, session__id="s")
    assert fate_of(cutter.cut(otlp_record(good))) == ("decodes", "")
    assert fate_of(cutter.cut(otlp_record(good, bad))) == ("fails", "bad_span")
    assert fate_of(cutter.cut(otlp_record(span("0a" * 16, "01" * 8)))) == ("left_out", "no_genai_key")
