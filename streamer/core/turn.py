"""One trace seen as one exchange of a session."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]
IoSource = Literal["root", "llm", "events", "logs", "history"]
Unscorable = Literal["no_content", "redacted", "error_only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something said in a conversation. Reasoning is never part of it; `omitted` names what it has beside text."""

    role: Role
    text: str
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEvent:
    """A tool that was called in a turn."""

    name: str
    arguments: str
    result: str
    error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a trace says. `version` is the trace's version in Redis when it was read; times are Unix ns."""

    trace_id: str
    version: int
    start_ns: int
    end_ns: int
    user: str | None
    assistant: str | None
    omitted: tuple[str, ...] = ()
    """What the user sent beside text, by modality: image, audio, file …"""
    system: str | None = None
    tools: tuple[ToolEvent, ...] = ()
    history: tuple[Message, ...] = ()
    """Earlier messages that the application sent again with this turn."""
    spans_seen: int = 1
    has_root: bool = True
    complete: bool = True
    """The root and the parent of every span were seen."""
    io_source: IoSource = "root"
    error: bool = False
    unscorable: Unscorable | None = None
    ends_session: bool = False
    session_id: str | None = None
    session_id_source: str | None = None
    session_conflicts: tuple[str, ...] = ()
    user_id: str | None = None
    agent: str | None = None
    service: str | None = None
    service_version: str | None = None
    environment: str | None = None
    models: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    """Those that some rule asks for, of the resource or any span, as text: each (name, value) once, sorted."""
    thumbs_down: bool = False
    """The user has said that it was not good."""
    flags: frozenset[str] = field(default_factory=frozenset)
    """truncated, translated, clock_suspect, recovered, gap, probe …"""

    @property
    def start_ms(self) -> int:
        """The start as MLflow keeps it (request_time, floor of ms)."""
        return self.start_ns // 1_000_000


PROBE = "probe"
"""The flag of a turn that `streamer probe` made: its session is judged, and counted in no share."""


def is_probe(turns: Iterable[Turn]) -> bool:
    return any(PROBE in turn.flags for turn in turns)


def in_order(turns: Iterable[Turn]) -> list[Turn]:
    """As the conversation went. Nanoseconds: an application may answer within a millisecond."""
    return sorted(turns, key=lambda turn: (turn.start_ns, turn.trace_id))


def traces_in_order(turns: Iterable[Turn]) -> list[str]:
    """Trace ids from the first trace on: smallest (start in ms, id), as MLflow orders traces (design 10)."""
    ordered = sorted(turns, key=lambda turn: (turn.start_ms, turn.trace_id))
    return list(dict.fromkeys(turn.trace_id for turn in ordered))


def flags_of(turns: Sequence[Turn]) -> list[str]:
    """What is to be known of how a session was read, sorted."""
    said = {flag for turn in turns for flag in turn.flags}
    rootless = any(not turn.has_root and "recovered" not in turn.flags for turn in turns)
    return sorted({*said, "rootless"} if rootless else said)
