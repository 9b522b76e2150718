"""The Lua scripts as Redis knows them: text, digest, and how a call of one is written down.

Rule: every script begins with prelude.lua except those of keys outside the buckets, which need no clock and no limits.
"""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

from streamer.core.lifecycle import Limits

OUTSIDE = (
    "add_partitions", "publish_progress", "tell_doing", "reserve", "settle",
    "apply_change", "turn_episode", "take_deliveries", "end_delivery", "drop_fields", "sweep_lane",
)  # fmt: skip
REFUSED_WHEN_FULL = (
    "save_fragments", "wake", "park", "end_session", "add_partitions", "publish_progress", "reserve", "restore",
    "apply_change", "remember_trace", "take",
)  # fmt: skip
"""Without `allow-oom`: what fills Redis stops, what empties it goes on (facts, Redis section F)."""
IN_BUCKETS = (
    "save_fragments", "wake", "end_session", "adopt", "due", "claim", "renew", "release", "put_back", "keep_turns",
    "holds", "find_answer", "save_answer", "begin_write", "end_write", "inspect", "sweep_trace", "finish_sweep",
    "park", "expire_parked", "forget", "drop_trace", "next_generation", "raise_generation", "erase", "erase_trace",
    "restore", "remember_trace", "take",
)  # fmt: skip
WAKE_ADOPTED = "wake_adopted"
"""`wake` on behalf of a claim, which must work when Redis is full."""
Argument = bytes | str | int


class ScriptCall(NamedTuple):
    """One call: which script, the key that routes it, its arguments."""

    script: str
    key: str
    arguments: Iterable[Argument]


Command = ScriptCall | tuple[Argument, ...]
"""A call of a script, or a plain command whose first argument is its key."""


def key_of(command: Command) -> str:
    """Which routes it."""
    return command.key if isinstance(command, ScriptCall) else str(command[1])


class Scripts:
    """All scripts in the form that one server understands: Redis before 7 knows no flags and rejects the first line."""

    def __init__(self, *, flags: bool) -> None:
        folder = files("streamer.adapters") / "lua"
        prelude = (folder / "prelude.lua").read_text()
        self.texts: dict[str, str] = {}
        for name in (*IN_BUCKETS, WAKE_ADOPTED, *OUTSIDE):
            body = (folder / f"{'wake' if name == WAKE_ADOPTED else name}.lua").read_text()
            first = "#!lua flags=allow-oom\n" if flags and name not in REFUSED_WHEN_FULL else ""
            self.texts[name] = first + ("" if name in OUTSIDE else prelude) + body
        self.digests = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in self.texts.items()}

    def command(self, call: Command) -> tuple[Argument, ...]:
        if not isinstance(call, ScriptCall):
            return call
        return ("EVALSHA", self.digests[call.script], 1, call.key, *call.arguments)

    def loads(self) -> list[tuple[Argument, ...]]:
        return [("SCRIPT", "LOAD", text) for text in self.texts.values()]


def limits_argument(limits: Limits) -> str:
    """ARGV[2] of every script in a bucket, in the order that prelude.lua names."""
    numbers = (
        limits.gap_ms_min,
        limits.max_age_ms,
        limits.settle_ms,
        limits.lease_ms,
        limits.late_ms,
        limits.parked_ms,
        limits.look_ms,
        limits.looks_max,
        limits.zombie_ms_max,
        limits.return_ms,
        limits.traces_max,
        limits.max_turns or 0,
        limits.max_bytes or 0,
        limits.settle_ms_max,
    )
    return ",".join(map(str, numbers))
