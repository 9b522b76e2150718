"""Turns survive being written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.turn import Message, ToolEvent, Turn
from streamer.core.turn_codec import pack, unpack

WORDS = st.one_of(st.none(), st.text(max_size=30))
TURNS = st.builds(
    Turn,
    trace_id=st.just("0a" * 16),
    version=st.integers(0, 2**62),
    start_ns=st.integers(0, 2**63),
    end_ns=st.integers(0, 2**63),
    user=WORDS,
    assistant=WORDS,
    system=WORDS,
    tools=st.lists(st.builds(ToolEvent, name=st.text(), arguments=st.text(), result=st.text()), max_size=2).map(tuple),
    history=st.lists(st.builds(Message, role=st.just("user"), text=st.text()), max_size=2).map(tuple),
    models=st.lists(st.text(), max_size=2).map(tuple),
    flags=st.frozensets(st.sampled_from(["truncated", "clock_suspect"])),
)


@given(TURNS)
def test_a_turn_reads_as_it_was_written(turn: Turn) -> None:
    assert unpack(pack(turn)) == turn


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown format"):
        unpack(b"\x09whatever")
