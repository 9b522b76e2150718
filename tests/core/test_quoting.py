"""The user's words that a rationale means: what it quotes, else the one turn that it is about, else nothing."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.quoting import QUOTE_CHARS_MAX, Quote, quote_of
from streamer.core.turn import Turn

CALM, ASKED, ANGRY = (
    "Where is the refund for order 17?",
    "I've asked   you\nthree times now, this is useless!",
    "Fine. I give up, get me a human.",
)


def turns(*said: str | None, assistant: str = "Please try again later.") -> list[Turn]:
    return [
        Turn(trace_id=f"{n:032x}", version=1, start_ns=n, end_ns=n + 1, user=user, assistant=assistant)
        for n, user in enumerate(said)
    ]


@pytest.mark.parametrize(
    "rationale",
    [
        'The user says "asked you three times now" and leaves.',
        "Der Nutzer schreibt „Asked you three times NOW, ...“ und geht.",
        "They wrote “I’ve asked you three times now”.",
        "They wrote 'I've asked you three times' and left.",
        'A 5" screen, and then "asked you three times now" again.',
        'First "useless!", then "I\'ve asked […] three times now, this is useless".',
    ],
)
def test_what_is_quoted_stands_in_a_turn_whatever_marks_case_and_spaces(rationale: str) -> None:
    assert quote_of(rationale, turns(CALM, ASKED, ANGRY)) == Quote(2, " ".join(ASKED.split()))


def test_the_longest_phrase_wins_and_of_turns_that_say_the_same_the_last() -> None:
    said = 'First "where is the refund", in the end "I give up, get me a human".'
    assert quote_of(said, turns(CALM, ASKED, ANGRY)) == Quote(3, ANGRY)
    assert quote_of('Twice "where is the refund".', turns(CALM, ASKED, CALM)) == Quote(3, CALM)


@pytest.mark.parametrize(
    "rationale",
    [
        "",
        "The user was frustrated throughout.",
        'The agent said "please try again later" twice.',
        'The label is "no", said in "order".',
        'The user says "this was never said by anybody".',
        "The user asked about the refund.",
        '"""',
    ],
)
def test_none_is_better_than_a_wrong_one(rationale: str) -> None:
    assert quote_of(rationale, turns(CALM, ASKED, ANGRY)) is None
    assert quote_of(rationale, []) is None


def test_without_a_phrase_it_is_the_one_turn_that_shares_most_rare_words() -> None:
    said = "They call it useless after having turned up three times."
    assert quote_of(said, turns(CALM, ASKED, ANGRY)) == Quote(2, " ".join(ASKED.split()))
    assert quote_of("The refund of an order is missing.", turns(CALM, ASKED, ANGRY)) == Quote(1, CALM)
    assert quote_of("The refund of an order is missing.", turns(CALM, CALM)) is None, "two turns say it"
    tie = turns("my parcel is broken", "your invoice is wrong")
    assert quote_of("parcel broken, invoice wrong", tie) is None


def test_of_a_long_turn_what_is_around_the_phrase_cut_at_words() -> None:
    text = "before " * 200 + "and NOTHING works here " + "after " * 200
    quote = quote_of('He says "nothing works here".', turns(CALM, text))
    assert quote is not None
    assert "and NOTHING works here" in quote.text
    assert len(quote.text) <= QUOTE_CHARS_MAX
    assert (quote.text[:8], quote.text[-6:]) == ("…before ", "after…")
    long = " ".join(f"word{n}" for n in range(200))
    quote = quote_of(f'It is "{long}".', turns(long))
    assert quote is not None
    assert quote.text.startswith("word0 word1 ")
    assert quote.text.endswith("…")


@given(st.text(), st.lists(st.none() | st.text(max_size=300), max_size=5))
def test_it_is_short_on_one_line_and_of_a_turn_that_is_there(rationale: str, said: list[str | None]) -> None:
    quote = quote_of(rationale + f' "{(said or [None])[-1]}" ', turns(*said))
    if quote is not None:
        assert 1 <= quote.turn <= len(said)
        assert 0 < len(quote.text) <= QUOTE_CHARS_MAX
        assert len(quote.text.splitlines()) == 1
        quote.text.encode()


def test_a_conversation_of_ten_megabytes_holds_nobody_up() -> None:
    said = turns(*[f"{n} the quick brown fox jumps over lazy dogs " * 100 for n in range(2_000)])
    rationale = " ".join(f'"never said {n}" unheard{n}' for n in range(1_000))
    best = min(_seconds(rationale, said) for _ in range(3))
    assert best < 0.15, "at most 50,000 characters of it are read"


def _seconds(rationale: str, said: list[Turn]) -> float:
    began = perf_counter()
    quote_of(rationale, said)
    return perf_counter() - began
