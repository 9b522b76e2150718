"""A trace's facts as a turn: order and repetition do not matter, late facts only replace by better evidence."""

import json
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import otlp_record, read, span, turn_of

TRACE, ROOT, CHILD, TOOL = "0a" * 16, "01" * 8, "02" * 8, "03" * 8
CHAT = json.dumps(
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}, {"role": "user", "content": "bye"}]
)
SPANS = (
    span(TRACE, ROOT, session__id="s1", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="bot"),
    span(TRACE, CHILD, parent=ROOT, gen_ai__operation__name="chat", gen_ai__prompt=CHAT, gen_ai__completion="see you"),
    span(TRACE, TOOL, parent=CHILD, gen_ai__operation__name="execute_tool", gen_ai__tool__name="look_up"),
    span(TRACE, CHILD, parent=ROOT, end_ns=0, gen_ai__operation__name="chat"),
)
WHOLE = turn_of([otlp_record(*SPANS)], TRACE)


def test_the_last_user_message_is_new_and_the_rest_is_history() -> None:
    assert (WHOLE.user, WHOLE.assistant, WHOLE.agent) == ("bye", "see you", "bot")
    assert [m.text for m in WHOLE.history] == ["hi", "yo"]
    assert [tool.name for tool in WHOLE.tools] == ["look_up"]
    assert WHOLE.spans_seen == 3


@settings(max_examples=50)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3), st.integers(1, 4))
def test_order_repetition_and_batching_do_not_matter(order: list[int], again: list[int], size: int) -> None:
    sent = [SPANS[n] for n in [*order, *again]]
    records = [otlp_record(*sent[n : n + size]) for n in range(0, len(sent), size)]

    assert turn_of(records, TRACE) == WHOLE


def test_a_missing_parent_makes_a_turn_incomplete() -> None:
    assert WHOLE.complete
    assert not turn_of([otlp_record(SPANS[0], SPANS[2])], TRACE).complete


def test_an_orphan_tool_is_never_what_was_said() -> None:
    tool = span(TRACE, TOOL, parent=ROOT, mlflow__spanType="TOOL", mlflow__spanInputs="q", mlflow__spanOutputs='["d"]')
    turn = turn_of([otlp_record(tool)], TRACE)

    assert (turn.user, turn.assistant, turn.unscorable) == (None, None, "no_content")


def test_redacted_text_is_not_scorable() -> None:
    turn = turn_of([otlp_record(span(TRACE, ROOT, input__value="__REDACTED__", output__value="a"))], TRACE)

    assert (turn.user, turn.unscorable) == (None, "redacted")


def test_after_the_sweep_a_late_child_only_raises_the_version() -> None:
    owner, turn = read(otlp_record(SPANS[1]), trace_id=TRACE, kept=WHOLE, swept=True, owner="s1", version=9)

    assert owner == "s1"
    assert turn is not None
    assert (turn.version, turn.user, turn.spans_seen) == (9, "bye", 3)


def test_after_the_sweep_a_late_root_is_better_evidence() -> None:
    kept = turn_of([otlp_record(SPANS[1])], TRACE)
    root = span(TRACE, ROOT, start_ns=5_000_000_000, session__id="s2", input__value="really", output__value="yes")
    owner, turn = read(otlp_record(root), trace_id=TRACE, kept=kept, swept=True, owner="s1", version=9)

    assert owner == "s2"
    assert turn is not None
    assert (turn.user, turn.has_root, turn.spans_seen, turn.start_ns) == ("really", True, 2, kept.start_ns)


def test_nothing_left_keeps_the_kept_turn() -> None:
    assert read(trace_id=TRACE, kept=WHOLE, swept=True, owner="s1") == ("s1", WHOLE)
    assert read(trace_id=TRACE, candidates=("b", "a")) == ("a", None)


def test_the_cost_of_a_trace_does_not_grow_with_its_depth() -> None:
    ids = [f"{n:016x}" for n in range(4_001)]
    deep = [
        span(TRACE, ids[n], parent=ids[n - 1] if n > 1 else ids[4_000], gen_ai__operation__name="chat")
        for n in range(1, 4_001)
    ]

    began = time.process_time()
    assert read(otlp_record(*deep), trace_id=TRACE).turn is not None
    assert time.process_time() - began < 3
