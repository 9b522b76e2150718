"""What an alert tells beside its figures: slices, reasons, the user's words; and of whom it may not."""

import json
from dataclasses import replace
from typing import Any

from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.lane import LanePolicy
from streamer.core.alerts.wording import lines
from streamer.loops.folding import Folding
from streamer.loops.striking import strike
from tests import alert_feed
from tests.alert_feed import records, verdict
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.alert_world import START_MS, World


async def fold(world: World, values: list[dict[str, Any]], *, text: bool = True) -> None:
    policy = LanePolicy(rules=(), labels={alert_feed.JUDGE: ("unresolved",)}, text=text)
    folding = Folding(policy, world.series, None, world.clock, SilentMetrics(), SilentJournal())  # type: ignore[arg-type]
    await folding.fold(records(values))


async def test_an_alert_tells_its_slice_reasons_examples_and_how_late_it_can_be() -> None:
    world = World()
    values = [verdict(f"old{n}", START_MS - (n % 20 + 2) * HOUR_MS, "resolved") for n in range(200)]
    values += [verdict(f"a{n}", START_MS - 60_000 * n, "resolved") for n in range(40)]
    values += [
        verdict(
            f"b{n}",
            START_MS - 60_000 * n,
            "unresolved",
            version="2.0",
            rationale=f"Refund {n} never arrived.",
            quote={"turn": 2, "text": f"Where is refund {n}?"},
        )
        for n in range(20)
    ]
    await fold(world, values)
    await world.propose("raise", START_MS)
    await world.settle()
    (told,) = world.channels[0].got
    assert told.explained_by is not None
    assert (told.explained_by.dimension, told.explained_by.value, told.explained_by.hits) == ("version", "2.0", 20)
    assert told.new_version == "2.0"
    assert "refund" in told.reasons[0].words
    assert len(told.examples) == 3
    first = told.examples[0]
    assert (first.quote, first.turn) == ("Where is refund 0?", 2)
    assert first.reason == "Refund 0 never arrived."
    assert "session b0, turn 2: “Where is refund 0?”" in lines(told)
    unknown = replace(told, examples=(first._replace(quote="", turn=None),))
    assert "session b0; the judge: Refund 0 never arrived." in lines(unknown)
    assert told.links[0] == f"http://m/default/{told.examples[0].trace_id}"
    assert told.late_ms is not None
    assert told.late_ms > 900_000


async def test_a_tool_explains_what_no_version_does() -> None:
    """Bad are those that have used `refund_api`, on both versions alike; every conversation calls several."""
    world = World()
    values = [
        verdict(
            f"c{n}",
            START_MS - 60_000 * n,
            "unresolved" if n % 4 == 0 else "resolved",
            version=f"{n % 2 + 1}.0" if n % 4 else f"{n // 4 % 2 + 1}.0",
            tools=["lookup", "refund_api"] if n % 4 == 0 else ["lookup", f"other{n % 2}"],
            models=["m"],
        )
        for n in range(80)
    ]
    await fold(world, values)
    await world.propose("raise", START_MS)
    await world.settle()
    part = world.channels[0].got[0].explained_by
    assert part is not None
    assert (part.dimension, part.value, part.hits, part.judged) == ("tool", "refund_api", 16, 16)


async def test_whoever_is_forgotten_is_quoted_by_no_episode() -> None:
    world = World()
    values = [
        verdict(
            f"b{n}",
            START_MS - 60_000 * n,
            "unresolved",
            rationale=f"Words of {n}.",
            quote={"turn": 1, "text": f"Said by {n}."},
        )
        for n in range(20)
    ]
    await fold(world, values)
    for kind, hours in (("raise", 0), ("resolve", 1), ("raise", 9)):
        await world.propose(kind, START_MS + hours * HOUR_MS)
        await world.settle()
    assert "Words of 0." in repr(world.episodes.kept)
    assert "Said by 0." in repr(world.episodes.kept)
    await strike(world.series, world.episodes, "default", "b0")
    for said in ("Words of 0.", "Said by 0."):
        assert said not in repr((world.episodes.kept, world.series.kept_hits))
    assert "Words of 1." in repr(world.episodes.kept)
    assert all(len(n.links) == len(n.examples) for _, n, _ in world.episodes.kept.values() if n)


async def test_without_text_nothing_that_was_said_leaves() -> None:
    world = World()
    said: dict[str, Any] = {"rationale": "Secret words.", "quote": {"turn": 1, "text": "Secret, too."}}
    values = [verdict(f"b{n}", START_MS - 60_000 * n, "unresolved", **said) for n in range(20)]
    await fold(world, values, text=False)
    assert "Secret" not in repr(world.series.kept_hits)
    await world.propose("raise", START_MS)
    await world.settle()
    assert "Secret" not in json.dumps(world.channels[0].got[0].to_json())
    assert len(world.channels[0].got[0].examples) == 3
