"""The whole of a conversation as a judge reads it."""

from dataclasses import dataclass

from streamer.core.turn import Turn, traces_in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """`turns` in order, resent history collapsed: what was said appears once (built by `assemble`)."""

    session_id: str
    turns: tuple[Turn, ...]
    hash: str
    """Identity of what was judged: 32 hex over roles and texts in order. Equal hashes cost no model call."""

    @property
    def traces(self) -> list[str]:
        """Trace ids from the first trace on; the first carries the assessments."""
        return traces_in_order(self.turns)
