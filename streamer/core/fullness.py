"""When a session is full: it has gained as many turns, or as much text, since its last closing as it may.

Rule: only a claim can count turns and text; ingest counts traces and bytes of spans. These are never fewer, so a claim
that is made when they have grown by what is still to go comes in time, whatever the spans say.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streamer.core.close_reason import CloseReason
from streamer.core.session import Look, SessionState, Size
from streamer.core.turn import Turn


class Most(NamedTuple):
    """What a session may gain before it is judged without being quiet. None: no limit."""

    turns: int | None
    bytes: int | None


def size_of(turns: Iterable[Turn]) -> Size:
    """Turns, and the bytes of what users and assistants said in them."""
    said = list(turns)
    return Size(len(said), sum(len((text or "").encode()) for turn in said for text in (turn.user, turn.assistant)))


def filled_by(state: SessionState, size: Size, most: Most) -> CloseReason | None:
    """The limit that a session of this size has reached since its last closing, None if neither."""
    if most.turns is not None and size.turns - state.closed_size.turns >= most.turns:
        return "max_turns"
    if most.bytes is not None and size.bytes - state.closed_size.bytes >= most.bytes:
        return "max_bytes"
    return None


def look_of(state: SessionState, size: Size, most: Most, *, closed: bool) -> Look:
    """The counts of ingest at which the session may be full; those of now if it is. `closed`: it is counted anew."""
    gained = Size(0, 0) if closed else Size(size.turns - state.closed_size.turns, size.bytes - state.closed_size.bytes)
    return Look(
        0 if most.turns is None else len(state.members) + max(0, most.turns - gained.turns),
        0 if most.bytes is None else state.span_bytes + max(0, most.bytes - gained.bytes),
    )
