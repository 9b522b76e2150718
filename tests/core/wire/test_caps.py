"""Too long, too many, too deep: cut, flagged, and the same whatever came first."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.core.exchange import HISTORY_MAX
from streamer.core.interpret import interpret
from streamer.core.turn import Turn
from streamer.core.wire.caps import Caps
from streamer.core.wire.decode import decode
from streamer.core.wire.records import Record
from tests.builders import facts_of, fragments_of, otlp_record, span

TRACE, ROOT = "0a" * 16, "01" * 8
SMALL = Caps(text_bytes=2_000, spans=5, bytes=1_000_000)
LONG = "ü" * 5_000


def turn(*records: Record, caps: Caps = SMALL) -> Turn:
    found = interpret(TRACE, facts_of(*records, trace_id=TRACE), None, caps).turn
    assert found is not None
    return found


def asked(value: Any) -> Turn:
    return turn(otlp_record(span(TRACE, ROOT, session__id="s1", input__value=value, output__value="ok")))


def test_a_text_above_the_cap_is_cut_and_flagged() -> None:
    found = asked(LONG)

    assert found.user == "ü" * 1_000
    assert found.flags == {"truncated"}
    assert asked("ü" * 1_000).flags == frozenset()


@pytest.mark.parametrize("as_json", [True, False])
def test_within_structure_only_the_long_texts_are_cut(as_json: bool) -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": LONG}}]
    value: Any = {"messages": [{"role": "user", "content": parts}]}
    found = asked(json.dumps(value) if as_json else value)

    assert (found.user or "").startswith("What is this?")
    assert found.flags == {"truncated"}


def test_a_long_history_of_short_texts_is_left_whole() -> None:
    messages = [{"role": "user", "content": f"question {n}"} for n in range(200)]
    found = asked(json.dumps(messages))

    assert (found.user, len(found.history), found.flags) == ("question 199", HISTORY_MAX, frozenset())


def test_json_deeper_than_python_counts_is_cut_as_text() -> None:
    deep = "[" * 600 + json.dumps(LONG) + "]" * 600

    assert len(asked(deep).user or "") <= 2_000


def test_texts_in_events_and_in_the_resource_are_cut() -> None:
    chat = span(TRACE, ROOT, session__id="s1", gen_ai__operation__name="chat")
    chat.events.add(name="gen_ai.choice").attributes.add(key="message").value.string_value = LONG
    found = turn(otlp_record(chat, service=LONG))

    assert found.assistant == "ü" * 1_000
    assert found.service == "ü" * 1_000
    assert found.flags == {"truncated"}


SPANS = [span(TRACE, f"{n:016x}", parent="" if n == 9 else "09".rjust(16, "0"), start_ns=n) for n in range(1, 10)]


@settings(max_examples=30)
@given(st.permutations(range(9)), st.integers(1, 9))
def test_of_too_many_spans_the_root_and_the_first_stay(order: list[int], size: int) -> None:
    sent = [SPANS[n] for n in order]
    records = [otlp_record(*sent[n : n + size]) for n in range(0, 9, size)]
    frames = [fragment.frame for fragment in fragments_of(*records)] or [b""]
    found = decode(frames, SMALL)

    assert all(s.truncated for s in found)
    assert {int(s.span_id, 16) for s in found} <= {1, 2, 3, 4, 9}


def test_of_too_many_bytes_the_smallest_fragments_stay() -> None:
    records = [otlp_record(span(TRACE, f"{n:016x}", session__id="s1", x="x" * 1_000 * n)) for n in range(1, 5)]
    frames = [fragment.frame for fragment in fragments_of(*records)]
    for order in (frames, frames[::-1]):
        found = decode(order, SMALL._replace(bytes=4_000))
        assert [int(s.span_id, 16) for s in found] == [1, 2]
        assert all(s.truncated for s in found)
