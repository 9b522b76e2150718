"""The limits, rules and judges of the simulated system: seconds where a real one has minutes."""

import random
from dataclasses import replace

from streamer.core.judges import JudgeSpec
from streamer.core.lifecycle import Limits, Rule

LIMITS = Limits(
    gap_ms_min=8_000,
    max_age_ms=70_000,
    settle_ms=2_000,
    trace_timeout_ms=14_000,
    late_ms=45_000,
    parked_ms=60_000,
    trace_wait_ms=40_000,
    look_ms=10_000,
    looks_max=6,
    zombie_ms_max=240_000,
    retries_max=4,
)
GAP_SLOW_MS = 20_000
RULES = (Rule(idle_gap_ms=GAP_SLOW_MS, service="slow"), Rule(idle_gap_ms=LIMITS.gap_ms_min))
JUDGES = {1: ("a", "b"), 2: ("a", "b", "c"), 3: ("a", "c")}
"""By generation: a deploy adds one, or takes one away as well."""


def specs(generation: int) -> tuple[JudgeSpec, ...]:
    return tuple(JudgeSpec(type="make_judge", name=name, model="sim:/m") for name in JUDGES[generation])


def drawn(seed: int, limits: Limits) -> Limits:
    """Some worlds judge for the time being by turns, some by text, most by neither."""
    r = random.Random(f"limits of {seed}")
    return replace(limits, max_turns=r.choice([None, None, 3]), max_bytes=r.choice([None, None, 110]))
