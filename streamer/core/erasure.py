"""What stays of a session that somebody asked to forget: enough to take its rows back, and nothing that was said."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from streamer.core.ledger import Entry
from streamer.core.turn import PROBE, Turn, in_order


def emptied(ledger: Mapping[str, Entry]) -> dict[str, Entry]:
    """Every judge that spoke of it, without what it said. Revisions go on, so that readers of the feed can tell."""
    return {
        name: Entry(
            state="retracted",
            generation=entry.generation,
            judge_version=entry.judge_version,
            revision=entry.revision,
        )
        for name, entry in ledger.items()
    }


def silenced(turn: Turn) -> Turn:
    """What a session keeps of a turn that is not its own any more, since whoever erases the other session erases it
    there: when it was, agent and service, whether it is a probe's. Its version is none of a trace's."""
    return Turn(
        trace_id=turn.trace_id,
        version=0,
        start_ns=turn.start_ns,
        end_ns=turn.end_ns,
        user=None,
        assistant=None,
        unscorable="no_content",
        has_root=turn.has_root,
        agent=turn.agent,
        service=turn.service,
        service_version=turn.service_version,
        environment=turn.environment,
        flags=turn.flags & {PROBE},
    )


def bare(turns: Iterable[Turn]) -> Turn | None:
    """A turn that says only where its verdicts went on the feed: agent and service, and whether a probe's. Its version
    is none of a trace's, so that no claim takes it for one."""
    ordered = in_order(turns)
    if not ordered:
        return None
    nothing = Turn(
        trace_id=ordered[0].trace_id,
        version=0,
        start_ns=0,
        end_ns=0,
        user=None,
        assistant=None,
        unscorable="no_content",
        flags=frozenset().union(*(turn.flags for turn in ordered)) & {PROBE},
    )
    names: dict[str, Any] = {
        name: next((said for turn in ordered if (said := getattr(turn, name))), None)
        for name in ("agent", "service", "service_version", "environment")
    }
    return replace(nothing, **names)
