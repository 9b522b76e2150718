"""What readers of the feed are told of a session that was forgotten: records without a value, under its keys."""

from collections.abc import Iterable
from typing import NamedTuple

from streamer.core.feed_text import first_said, joined
from streamer.core.session import SessionRef
from streamer.core.turn import Turn, in_order


class Tombstone(NamedTuple):
    """A record without a value: what stands under this key is to be forgotten by readers, and by a compacted topic."""

    key: str
    series: str


def tombstones(session: SessionRef, judges: Iterable[str], turns: Iterable[Turn]) -> list[Tombstone]:
    """One for each key that ever told of the session, on the partitions where they stand."""
    ordered = in_order(turns)
    who = first_said(turn.agent for turn in ordered) or first_said(turn.service for turn in ordered) or ""
    tenant = session.scope.tenant
    return [
        Tombstone(joined(tenant, session.session_id, judge), joined(tenant, who)) for judge in (*sorted(judges), "")
    ]
