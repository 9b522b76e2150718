"""The conversation: append-only, and nothing said twice."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from streamer.core.assemble import assemble, render
from streamer.core.turn import ToolEvent, Turn


def turn(n: int, user: str | None, assistant: str | None) -> Turn:
    return Turn(trace_id=f"{n:032x}", version=1, start_ns=n * 10**9, end_ns=n * 10**9, user=user, assistant=assistant)


def texts(*turns: Turn) -> list[str]:
    return [m.text for m in render(assemble("s", {t.trace_id: t for t in turns}), tools=True)]


WORDS = st.one_of(st.none(), st.sampled_from(["a", "b", "a b", "User: a\nAssistant: b\nUser: c"]), st.text(max_size=8))


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5), st.tuples(WORDS, WORDS))
def test_what_was_rendered_stays_a_prefix(said: list[tuple[str | None, str | None]], more: tuple[str, str]) -> None:
    before = [turn(n, user, assistant) for n, (user, assistant) in enumerate(said)]
    after = [*before, turn(len(said), *more)]

    assert texts(*after)[: len(texts(*before))] == texts(*before)


def test_a_conversation_resent_as_text_appears_once() -> None:
    first = turn(1, "Where is my order?", "It is on its way.")
    resent = "User: Where is my order?\nAssistant: It is on its way.\nUser: When?"

    assert texts(first, turn(2, resent, "Today.")) == ["Where is my order?", "It is on its way.", "When?", "Today."]


def test_words_that_merely_begin_alike_are_nobodys_history() -> None:
    """Each was once cut in the middle of a word."""
    for said, new in (
        (("Hi", "Ok"), "History question: is Okra a fruit?"),
        (("Help", "No"), "Help! Nobody answers; Now what?"),
        (("Hi", "Ok"), "Hi\nOkra, is that a fruit?"),
        (("Hi", "Ok"), "Hi there, Ok\nnow what?"),
    ):
        assert texts(turn(1, *said), turn(2, new, "x"))[2] == new


def test_repeating_a_question_is_not_resending() -> None:
    assert texts(turn(1, "Hello?", "Hi."), turn(2, "Hello?", "Hi.")) == ["Hello?", "Hi.", "Hello?", "Hi."]


def test_the_hash_is_of_what_was_said_only() -> None:
    one = turn(1, "q", "a")
    same = replace(one, version=7, spans_seen=9, end_ns=5)

    def hash_of(*turns: Turn) -> str:
        return assemble("s", {t.trace_id: t for t in turns}).hash

    assert hash_of(one) == hash_of(same) == hash_of(one, turn(2, None, None))
    assert hash_of(one) != hash_of(replace(one, tools=(ToolEvent(name="t", arguments="", result=""),)))
    assert hash_of(one) != hash_of(turn(1, "q", "b"))
