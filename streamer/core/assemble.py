"""A session's turns as the conversation that a judge reads.

Rule: append-only. What is rendered of turns 1…n does not depend on turn n + 1, so providers' prompt caches hit when a
session is scored again. What was said appears once, however often the application sent it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from streamer.core.history import evidence
from streamer.core.ids import digest
from streamer.core.transcript import Transcript
from streamer.core.turn import Message, Turn, in_order

_LABEL = r"\s*(?:(?:user|human|customer)\s*:\s*)?"
_SPEAKER = re.compile(r"\s*(?:[\w ]{1,30}:)?\s*")
_LEADING_LABEL = re.compile(_LABEL, re.IGNORECASE)


def assemble(session_id: str, turns: Mapping[str, Turn]) -> Transcript:
    """Turns as they came, each with only what is new in it. Before a turn stand those that its resent history
    proves and no span carried: they bear its trace's id, and the flag `recovered`."""
    told: list[Turn] = []
    whole: list[Turn] = []
    known: list[Message] = []
    for turn in in_order(turns.values()):
        found = evidence(turn.history, known)
        told += _recovered(turn, found.missed)
        flags = turn.flags | {"gap"} if found.gap else turn.flags
        new = replace(turn, user=_new_part(turn.user, whole), flags=flags)
        told.append(replace(new, user=_with_omitted(new)))
        known += [*found.missed, *_messages(new, tools=False)]
        if new.user and new.assistant:
            whole.append(new)
    return Transcript(session_id=session_id, turns=tuple(told), hash=_hash(told))


def _with_omitted(turn: Turn) -> str | None:
    """What a judge reads of a message with an image: that there was one."""
    return "\n".join([*([turn.user] if turn.user else []), *(f"[{name}]" for name in turn.omitted)]) or None


def _recovered(turn: Turn, missed: Sequence[Message]) -> Iterator[Turn]:
    """Messages as turns: a user's words and the last that was answered to them."""
    bare = Turn(
        trace_id=turn.trace_id, version=turn.version, start_ns=turn.start_ns, end_ns=turn.start_ns, user=None,
        assistant=None, io_source="history", has_root=False, complete=False, flags=frozenset({"recovered"}),
    )  # fmt: skip
    asked: str | None = None
    answered: str | None = None
    for message in missed:
        if message.role == "assistant":
            answered = message.text
            continue
        if asked is not None or answered is not None:
            yield replace(bare, user=asked, assistant=answered)
        asked, answered = message.text, None
    if answered is not None:
        yield replace(bare, user=asked, assistant=answered)


def render(transcript: Transcript, tools: bool) -> list[Message]:
    """The flat conversation: per turn the user, its tools if asked for, the assistant."""
    return [message for turn in transcript.turns for message in _messages(turn, tools)]


def _messages(turn: Turn, tools: bool) -> Iterator[Message]:
    if turn.user:
        yield Message(role="user", text=turn.user)
    if tools:
        for tool in turn.tools:
            outcome = "failed" if tool.error else "returned"
            yield Message(role="tool", text=f"{tool.name}({tool.arguments}) {outcome} {tool.result}")
    if turn.assistant:
        yield Message(role="assistant", text=turn.assistant)


def _new_part(user: str | None, earlier: Sequence[Turn]) -> str | None:
    """Without the conversation so far, where the application puts it before the user's words as plain text. Only if its
    first line is the conversation's first and the last answer stands in it on lines of its own: a user may well quote
    one sentence, and short words stand in others. `earlier`: turns in which both have spoken."""
    if user is None or not earlier:
        return user
    opening, last = (earlier[0].user or "").strip(), (earlier[-1].assistant or "").strip()
    begin = _label_end(user)
    if not opening or not last or not user.startswith(opening, begin):
        return user
    if not _ends_line(user, begin + len(opening)):
        return user
    at = user.rfind(last)
    while at >= 0 and not (_begins_line(user, at) and _ends_line(user, at + len(last))):
        at = user.rfind(last, 0, at)
    if at < 0:
        return user
    rest = user[at + len(last) :]
    return rest[_label_end(rest) :].strip() or user


def _begins_line(text: str, at: int) -> bool:
    """Behind nothing but a speaker's label."""
    return _SPEAKER.fullmatch(text, text.rfind("\n", 0, at) + 1, at) is not None


def _ends_line(text: str, at: int) -> bool:
    return not text[at:].split("\n", 1)[0].strip()


def _label_end(text: str) -> int:
    match = _LEADING_LABEL.match(text)
    return match.end() if match else 0


def _hash(turns: list[Turn]) -> str:
    """Over what was said and done, in order; not over versions, times or numbers of spans."""
    parts: list[str] = []
    for turn in turns:
        parts += ["user", turn.user] if turn.user else []
        for tool in turn.tools:
            parts += ["tool", tool.name, tool.arguments, tool.result, str(tool.error)]
        parts += ["assistant", turn.assistant] if turn.assistant else []
    return digest(parts).hex()[:32]
