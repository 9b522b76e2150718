"""What the simulated deployment is configured to do: limits, rules, judges."""

import random
from collections.abc import Iterable
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


def rules_of(seed: int) -> tuple[Rule, ...]:
    """Some worlds judge for the time being by turns, some by text, most by neither; no rule like every other."""
    r = random.Random(f"limits of {seed}")
    turns, text = r.choice([None, None, 3]), r.choice([None, None, 110])

    def of(rule: Rule) -> Rule:
        if rule.name == "few":
            return rule
        return replace(rule, max_turns=turns and (5 if rule.name == "part" else turns), max_bytes=text)

    return tuple(map(of, RULES))


def limited(limits: Limits, rules: Iterable[Rule]) -> Limits:
    """What ingest goes by: the smallest of any rule."""
    most = list(rules)
    return replace(
        limits,
        max_turns=min((rule.max_turns for rule in most if rule.max_turns), default=None),
        max_bytes=min((rule.max_bytes for rule in most if rule.max_bytes), default=None),
    )


def terms(generation: int, rules: tuple[Rule, ...]) -> Terms:
    return Terms(specs=specs(generation), rules=rules, content=b"")
