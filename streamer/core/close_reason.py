"""Why a session was closed."""

from typing import Literal

CloseReason = Literal["quiet", "ended", "max_age", "max_turns", "max_bytes", "max_traces", "empty"]

INTERIM: frozenset[str] = frozenset({"max_age", "max_turns", "max_bytes"})
"""The session goes on: what is judged now is an interim verdict, and a last closing is still to come."""
