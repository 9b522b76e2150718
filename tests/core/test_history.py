"""Resent history: told once, restored where no span carried it, and never invented."""

import pytest

from streamer.core.assemble import assemble, render
from streamer.core.history import evidence
from streamer.core.turn import Message, Role, Turn


def said(*texts: str) -> tuple[Message, ...]:
    """Messages, the user's and the assistant's in turn."""
    roles: tuple[Role, Role] = ("user", "assistant")
    return tuple(Message(role=roles[n % 2], text=text) for n, text in enumerate(texts))


def turn(n: int, user: str, assistant: str | None, history: tuple[Message, ...] = ()) -> Turn:
    ns = n * 10**9
    return Turn(
        trace_id=f"{n:032x}", version=1, start_ns=ns, end_ns=ns, user=user, assistant=assistant, history=history
    )


def texts(*turns: Turn) -> list[str]:
    return [m.text for m in render(assemble("s", {t.trace_id: t for t in turns}), tools=False)]


def flags(*turns: Turn) -> list[list[str]]:
    return [sorted(t.flags) for t in assemble("s", {t.trace_id: t for t in turns}).turns]


FIRST = turn(1, "a", "b")
LONG = "The parcel left our warehouse on Monday and should be with you by Thursday."


def test_history_that_is_known_adds_nothing() -> None:
    assert texts(FIRST, turn(2, "c", "d", said("a", "b"))) == ["a", "b", "c", "d"]


def test_a_turn_that_only_history_knows_is_restored_in_its_place() -> None:
    later = turn(3, "e", "f", said("a", "b", "c", "d"))

    assert texts(FIRST, later) == ["a", "b", "c", "d", "e", "f"]
    assert flags(FIRST, later) == [[], ["recovered"], []]


def test_what_was_restored_is_known_from_then_on() -> None:
    third = turn(3, "e", "f", said("a", "b", "c", "d"))
    fourth = turn(4, "g", "h", said("a", "b", "c", "d", "e", "f"))

    assert texts(FIRST, third, fourth) == ["a", "b", "c", "d", "e", "f", "g", "h"]


def test_a_conversation_that_was_under_way_begins_where_it_began() -> None:
    assert texts(turn(3, "c", "d", said("a", "b"))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "history",
    [
        said("a", LONG[:50] + "…"),  # trimmed text
        said("a", "It left on Monday."),  # edited
        said("Summary: the user asked for a parcel."),  # summarised
        (Message(role="assistant", text="Summary: a parcel."), *said("a", LONG)),  # a summary before what is left
        said("a", LONG)[1:],  # the beginning is gone
    ],
)
def test_history_that_came_back_changed_is_no_new_turn(history: tuple[Message, ...]) -> None:
    first, second = turn(1, "a", LONG), turn(2, "c", "d", history)

    assert texts(first, second) == ["a", LONG, "c", "d"]
    assert flags(first, second) == [[], []]


def test_context_put_before_a_question_is_no_turn() -> None:
    context = (*said("a", "b"), Message(role="user", text="Documents: …"))

    assert texts(FIRST, turn(2, "c", "d", context)) == ["a", "b", "c", "d"]


def test_more_than_can_be_put_back_is_a_gap() -> None:
    known = (FIRST, turn(2, "c", "d"))
    later = turn(3, "g", "h", said("a", "b", "x", "y", "c", "d"))

    assert texts(*known, later) == ["a", "b", "c", "d", "g", "h"]
    assert flags(*known, later)[-1] == ["gap"]
    assert evidence(said("p", "q", "r", "s"), said("a", "b")).gap


def test_what_a_model_says_before_it_calls_tools_is_no_turn() -> None:
    looking = Message(role="assistant", text="Let me look.")
    resent = (*said("a"), looking, *said("a", "b")[1:])
    lost = (*said("a", "b", "c"), looking, Message(role="assistant", text="d"))

    assert flags(FIRST, turn(2, "c", "d", resent)) == [[], []]
    assert texts(FIRST, turn(3, "e", "f", lost)) == ["a", "b", "c", "d", "e", "f"]
    assert flags(FIRST, turn(3, "e", "f", lost)) == [[], ["recovered"], []]
