"""What the simulated deployment is configured to do: limits, rules, judges."""

from dataclasses import replace

from streamer.core.judges import JudgeSpec
from streamer.core.lifecycle import Limits
from streamer.core.rules import Rule
from streamer.core.terms import Terms

LIMITS = Limits(
    gap_ms_min=8_000,
    max_age_ms=70_000,
    settle_ms=2_000,
    settle_ms_max=5_000,
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
PLAN = "app.plan"
DEFAULT = Rule(idle_gap_ms=LIMITS.gap_ms_min, settle_ms=LIMITS.settle_ms, max_age_ms=LIMITS.max_age_ms)
RULES = (
    replace(DEFAULT, name="once", attributes=((PLAN, "once"),), rescore="never"),
    replace(DEFAULT, name="final", attributes=((PLAN, "final"),), rescore="final_only", settle_ms=5_000),
    replace(DEFAULT, name="part", attributes=((PLAN, "part"),), sampling=0.6, always_judge=("error",)),
    replace(DEFAULT, name="few", attributes=((PLAN, "few"),), sampling=0.3, judges=("a", "c"), reopen_max=1),
    replace(DEFAULT, name="slow", service="slow", idle_gap_ms=GAP_SLOW_MS),
    DEFAULT,
)
PLANS = ("", "", "", "once", "final", "part", "few")
ASKED = frozenset({PLAN})
JUDGES = {1: ("a", "b"), 2: ("a", "b", "c"), 3: ("a", "c")}
"""By generation: a deploy adds one, or takes one away as well."""


def specs(generation: int) -> tuple[JudgeSpec, ...]:
    return tuple(JudgeSpec(type="make_judge", name=name, model="sim:/m") for name in JUDGES[generation])


def terms(generation: int) -> Terms:
    return Terms(specs=specs(generation), rules=RULES, content=b"")
