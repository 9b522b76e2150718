"""The feed that tests of alerts are made of is one that streamer writes."""

import json
from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from itertools import product
from math import isfinite
from typing import Any

import jsonschema
import pytest

from streamer.core.alerts.change import changed
from streamer.core.alerts.lane import LanePolicy, Looked, lanes_of, wanted
from streamer.core.alerts.observation import UnreadableRecord, observed
from streamer.core.alerts.rule import AlertRule
from tests import alert_feed

SCHEMA = json.loads(files("streamer").joinpath("schema/assessments-v1.json").read_text())


@pytest.mark.parametrize(
    "value",
    [
        alert_feed.verdict("s", 10**12, "unresolved"),
        alert_feed.failure("s", 10**12, "refused"),
        alert_feed.retracted("s", 10**12),
        alert_feed.closing("s", 10**12, "deferred"),
    ],
    ids=lambda value: value["kind"],
)
def test_every_kind_is_valid_and_observed(value: dict[str, object]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    seen = observed(value)
    assert seen is not None
    assert seen.kind == value["kind"]


NASTY: tuple[Any, ...] = (
    None,
    [],
    {},
    5,
    -1,
    True,
    1e20,
    -1e300,
    float("inf"),
    float("nan"),
    10**400,
    1e-320,
    "x",
    "\ud800",
    ["a"],
)
RULES = (
    AlertRule(name="spike", judge="user_frustration", labels=("unresolved",), refusals=True),
    AlertRule(name="limit", judge="user_frustration", labels=("unresolved",), kind="limit", limit_share=0.1),
    AlertRule(name="version", judge="user_frustration", labels=("unresolved",), kind="version"),
)
NOTHING_KEPT = Looked(standings={}, states={}, elders={}, known=frozenset(), series=0)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Of every part of a record."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield (*path, name)
        yield from places(part, (*path, name))


@pytest.mark.parametrize("kind", ["verdict", "failure", "retracted", "closing"])
def test_whatever_stands_in_a_field_the_record_is_folded_or_refused(kind: str) -> None:
    """Anything else would end the monitor, and again as soon as it is started."""
    rest = {"verdict": ("unresolved",), "failure": ("refused",), "retracted": (), "closing": ("deferred",)}
    good = getattr(alert_feed, kind)("s", 10**12, *rest[kind])
    refused = 0
    for path, nasty in product(places(good), NASTY):
        record = deepcopy(good)
        into = record
        for name in path[:-1]:
            into = into[name]
        into[path[-1]] = nasty
        try:
            seen = observed(record)
        except UnreadableRecord:
            refused += 1
            continue
        for lane, one in lanes_of(seen):
            wanted(lane, [one], RULES)
            change = changed(lane, [one], NOTHING_KEPT, LanePolicy(rules=RULES, labels={}), now_ms=2 * 10**12)
            assert all(isfinite(n) for fields in change.counts.values() for n in fields.values()), (path, nasty)
            json.dumps([change.hits, change.proposals, list(change.series)], ensure_ascii=False).encode()
    assert refused > 100
