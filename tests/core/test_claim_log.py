"""What a claim's note says of its decisions."""

import json
from dataclasses import replace

import pytest

from streamer.core.claim_log import Decision, said_of
from streamer.core.ledger import Entry, Unwritten

JUDGED = Entry(state="judged", generation=1, judge_version="v1", mlflow=True, feed=True)


@pytest.mark.parametrize(("unwritten", "delivered"), [("", "MF"), ("no_trace", "F"), ("session_id_too_long", "F")])
def test_a_verdict_that_mlflow_cannot_hold_is_not_said_to_be_there(unwritten: Unwritten, delivered: str) -> None:
    (said,) = json.loads(said_of({"tone": replace(JUDGED, unwritten=unwritten)}))
    assert Decision(*said).delivered == delivered
