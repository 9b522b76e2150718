"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WAIT_S = 60


def eventually(look: Callable[[], T | None], what: str, within_s: float = WAIT_S) -> T:
    """The first thing that `look` finds; AssertionError naming `what` when it finds nothing in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {within_s} s")
