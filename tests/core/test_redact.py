"""Without its words a trace is read as it was, and nothing that was said is left."""

import json
from collections.abc import Iterator

import pytest

from streamer.core.interpret import interpret
from streamer.core.preview import facts_by_trace
from streamer.core.redact import TOLD, Redactor
from streamer.core.session import Facts
from streamer.core.turn import Turn
from streamer.core.wire.frames import decompress
from tests.builders import FIXTURES, facts_of, fixture_record, fragments_of, otlp_record, span

MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
KEY = b"of this test"


def bare(facts: Facts, redactor: Redactor) -> Facts:
    frames = tuple(frame for one in facts.frames if (frame := redactor.frame(one)))
    return facts._replace(frames=frames, candidates=tuple(sorted(map(redactor.text, facts.candidates))))


def recorded() -> Iterator[tuple[str, str, Facts]]:
    for name, entry in MANIFEST.items():
        fragments = fragments_of(*map(fixture_record, (*entry["files"], *entry.get("logs", ()))))
        for (_, trace_id), facts in facts_by_trace(fragments).items():
            yield name, trace_id, facts


def test_what_every_sdk_sent_is_read_as_before_with_other_words() -> None:
    count = 0
    for name, trace_id, facts in recorded():
        redactor = Redactor(KEY, keep={trace_id})
        before = interpret(trace_id, facts, None)
        after = interpret(trace_id, bare(facts, redactor), None)
        assert after.owner == redactor.maybe(before.owner), name
        assert after.turn == (before.turn and redactor.turn(before.turn)), name
        count += 1
    assert count > 300


NAMES = {"order", "answer", "items", "question", "tags", "role", "name", "goal", "output", "input"}
"""Words of the recorded conversations that are members' or attributes' names as well: those stay."""


def words(turn: Turn) -> set[str]:
    said = (turn.user, turn.assistant, turn.system, *(message.text for message in turn.history))
    return {word for text in said if text for word in _split(text) if len(word) > 3} - TOLD


def _split(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text).lower().split()


def test_no_word_that_was_said_is_left() -> None:
    looked = 0
    for name, trace_id, facts in recorded():
        turn = interpret(trace_id, facts, None).turn
        redactor = Redactor(KEY, keep={trace_id})
        left = b" ".join(decompress(frame) or b"" for frame in bare(facts, redactor).frames).decode("utf-8", "replace")
        tokens = set(_split(left))
        said = words(turn) if turn else set()
        assert not (said & tokens) - NAMES, name
        looked += len(said)
    assert looked > 1_000


@pytest.mark.parametrize(
    "said",
    [
        "Where is my order, ORDER 17?",
        '{"role": "user", "content": "Where is it?"}',
        '[{"type": "text", "text": "[1, 2]"}]',
        "Grüße 👟 из Москвы 東京",
        '{"broken": ',
    ],
)
def test_length_case_and_punctuation_stay(said: str) -> None:
    made = Redactor(KEY).text(said)
    assert made != said
    assert len(made) == len(said)
    assert [c.isalnum() for c in made] == [c.isalnum() for c in said]


def test_the_same_word_is_the_same_placeholder_and_another_is_another() -> None:
    redactor = Redactor(KEY)
    many = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefghijklmnopqrstuvwxyz"]
    assert len({redactor.text(word) for word in many}) == len(many)
    assert redactor.text("ab. AB") == f"{redactor.text('ab')}. {redactor.text('ab').upper()}"
    assert Redactor(b"another key").text("telephone") != Redactor(KEY).text("telephone")


def test_what_decides_stays() -> None:
    kept = '{"role": "assistant", "ok": true, "n": 1, "gone": null}'
    assert Redactor(KEY).text(kept) == kept
    assert Redactor(KEY).text("[REDACTED]") == "[REDACTED]"
    assert Redactor(KEY, keep={"a1"}).text("a1") == "a1"


def test_numbers_links_and_unknown_fields_go() -> None:
    one = span("a" * 32, "1" * 16, session__id="s", user__id=4711, input__value="hi", output__value="ho")
    one.links.add(trace_id=b"x" * 16, trace_state="secret=4711")
    one.status.message = "secret"
    facts = facts_of(otlp_record(one), trace_id="a" * 32)
    left = b"".join(decompress(frame) or b"" for frame in bare(facts, Redactor(KEY)).frames)
    assert b"secret" not in left
    turn = interpret("a" * 32, bare(facts, Redactor(KEY)), None).turn
    assert turn is not None
    assert turn.user_id != "4711"
