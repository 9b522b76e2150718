"""ports.Journal: one line per decision, as JSON or as text to read.

Rule: only fields named in FIELDS are written as they are; of any other name only the fact that it was there. Text of a
conversation or a secret can so not slip in by a new call site.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from streamer.ports import Clock

Level = Literal["debug", "info", "warning", "error"]
LEVELS: dict[Level, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3}
# fmt: off
FIELDS = frozenset({
    "again_in_ms", "attempts", "baseline", "cause", "channel", "claims", "committed", "dry_run", "episode", "first",
    "generation", "hash", "in_force", "judge", "judges", "keys", "kind", "loops", "model", "needs_restart", "notice",
    "offset", "partition", "partitions", "parts", "reason", "remedy", "roles", "rule", "series", "service", "session",
    "share", "source", "spans_saved", "state", "token", "told", "topic", "topics", "until_ms", "usd",
})
# fmt: on
CHARS_MAX = 500
"""A library's error message may quote a whole record."""


class JsonJournal:
    def __init__(
        self, clock: Clock, level: Level = "info", form: Literal["json", "text"] = "json", out: TextIO | None = None
    ) -> None:
        self._clock, self._least, self._form = clock, LEVELS[level], form
        self._out = out or sys.stderr

    def say(self, level: Level, event: str, **fields: object) -> None:
        if LEVELS[level] < self._least:
            return
        known = {name: _plain(value) for name, value in fields.items() if name in FIELDS}
        if hidden := sorted(set(fields) - FIELDS):
            known["left_out"] = hidden
        at = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"at": at, "level": level, "event": event, **known})
        else:
            said = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in known.items())
            line = f"{at} {level:7} {event} {said}".rstrip()
        self._out.write(line.encode("utf-8", "replace").decode() + "\n")
        self._out.flush()


def _plain(value: object) -> object:
    """A JSON value; long text is cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)[:CHARS_MAX]
