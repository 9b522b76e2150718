"""What `streamer check` says of one step."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    step: str
    state: Literal["ok", "warn", "fail"]
    said: str
    remedy: str = ""
