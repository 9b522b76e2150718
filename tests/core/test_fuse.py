"""When a topic is read no further."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.core.fuse import Fuse, FuseLimits, undecodable
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Cut, Problem, Record
from streamer.core.wire.rules import CutRules
from tests.builders import fixture_record, otlp_record, raw_record, span

BAD = Cut([], [Problem("unreadable", "", 0)], 0)
GOOD = Cut([], [], 0, "no_genai_key")
LIMITS = FuseLimits(share=0.5, records_min=3, window_records=6)


def record(topic: str, offset: int, partition: int = 0) -> Record:
    return Record(topic, partition, offset, 0, b"x")


def read(fuse: Fuse, topic: str, pattern: str, first: int = 0) -> Fuse:
    """`x` is a record in which nothing can be decoded."""
    for offset, sign in enumerate(pattern, start=first):
        fuse.look(record(topic, offset), BAD if sign == "x" else GOOD)
    return fuse


def test_only_a_record_in_which_nothing_is_readable_counts() -> None:
    cutter = Cutter(CutRules())
    good, bad = span("0a" * 16, "01" * 8, session__id="s"), span("00" * 16, "01" * 8, session__id="s")
    assert undecodable(cutter.cut(raw_record(b"garbage"))) is True
    assert undecodable(cutter.cut(otlp_record(bad))) is True
    assert undecodable(cutter.cut(otlp_record(good, bad))) is False
    assert undecodable(cutter.cut(otlp_record(span("0a" * 16, "01" * 8, http__route="/cart")))) is False
    assert undecodable(cutter.cut(fixture_record("edge-log-session-end.bin"))) is False
    assert undecodable(cutter.cut(raw_record(None))) is None


def test_of_unlisted_spans_a_broken_neighbour_says_nothing() -> None:
    cutter = Cutter(CutRules(keep="listed", services=frozenset({"other"})))
    cut = cutter.cut(otlp_record(span("0a" * 16, "01" * 8, session__id="s")))
    assert (cut.out_of_scope, undecodable(cut)) == ("not_listed", False)


def test_share_and_count_must_both_be_reached() -> None:
    assert not read(Fuse(LIMITS, ["a"]), "t", "xx").blown
    assert str(read(Fuse(LIMITS, ["a"]), "t", "xxx").blown["t"]) == (
        "nothing could be decoded in 3 of the last 3 records of t"
    )
    assert not read(Fuse(FuseLimits(share=0.9, records_min=3, window_records=6), ["a"]), "t", "x..x..x..xx").blown
    assert read(Fuse(LIMITS, ["a"]), "t", "......xxx").blown["t"].of == 6


def test_a_record_that_is_read_twice_counts_once_until_it_is_begun_anew() -> None:
    fuse = Fuse(LIMITS, ["a"])
    for _ in range(9):
        read(fuse, "t", "xx")
    assert not fuse.blown
    fuse.begin("t", 0)
    assert read(fuse, "t", "xx").blown


def test_the_process_is_over_when_no_topic_is_left_and_all_is_committed() -> None:
    fuse = Fuse(LIMITS, ["a", "b"])
    fuse.reads("a", {"t", "u"})
    read(read(fuse, "t", "xxx"), "u", "xxx")
    assert not fuse.is_over("a", True), "nobody knows the topics of b yet"
    fuse.reads("b", {"v"})
    assert not fuse.is_over("a", True)
    read(fuse, "v", "xxx")
    assert not fuse.is_over("b", False)
    assert not fuse.is_over("a", True)
    assert fuse.is_over("b", True)


@given(st.text("x.", max_size=200))
def test_a_fuse_blows_exactly_where_a_window_is_bad_enough(pattern: str) -> None:
    windows = [pattern[max(0, end - 6) : end] for end in range(1, len(pattern) + 1)]
    expected = any(w.count("x") >= 3 and w.count("x") >= len(w) / 2 for w in windows)
    assert bool(read(Fuse(LIMITS, ["a"]), "t", pattern).blown) == expected
