"""A row that was written and read back tells the ledger entry that it was made of."""

from dataclasses import replace

import pytest

from streamer.core.assemble import assemble
from streamer.core.assessment import RowRef, StoredRow
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry, Past
from streamer.core.row import entry_of, row_of, token_of
from streamer.core.session import Claim, SessionRef, SessionState
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Usage, Verdict, VerdictValue

SPEC = JudgeSpec(type="user_frustration", name="j", model="openai:/m")
TURN = Turn(trace_id="a" * 32, version=1, start_ns=1, end_ns=2, user="Hello?", assistant="Hi.")
TRANSCRIPT = assemble("s", {TURN.trace_id: TURN})
CLAIM = Claim(
    session=SessionRef(Scope("default", "default"), "s"),
    token=77,
    generation=3,
    watermark_ms=0,
    claimed_at_ms=0,
    due="quiet",
    interrupted=False,
    state=SessionState(),
)
JUDGED = Entry(
    state="judged",
    generation=3,
    judge_version="v1",
    transcript_hash=TRANSCRIPT.hash,
    verdict=Verdict(value="none", rationale="calm ✓", usage=Usage(input_tokens=10, output_tokens=2, cost_usd=0.25)),
    revision=3,
    prompt_hash="p",
    mlflow=True,
    feed=True,
    turns=1,
    scored_at_ms=1_700_000_000_000,
    history=(Past(1, "unresolved", "angry", 1, 1, "v0"), Past(2, True, "", 2, 2, "v1")),
)


def stored(entry: Entry) -> StoredRow:
    row = row_of(RowRef("a-1", "tr-" + TURN.trace_id, "j"), CLAIM, SPEC, entry, TRANSCRIPT)
    code = row.error.kind if row.error else None
    return StoredRow(
        "a-1", row.ref.trace_id, "j", "LLM_JUDGE", row.source_id, row.value, code, row.rationale, row.metadata, True
    )


@pytest.mark.parametrize("value", ["none", True, 4, 0.5])
@pytest.mark.parametrize("cost_usd", [0.25, None])
def test_a_verdict_comes_back_with_revision_and_history(value: VerdictValue, cost_usd: float | None) -> None:
    assert JUDGED.verdict is not None
    usage = replace(JUDGED.verdict.usage, cost_usd=cost_usd)
    entry = replace(JUDGED, verdict=replace(JUDGED.verdict, value=value, usage=usage))
    assert entry_of(stored(entry)) == replace(entry, generation=0)
    assert token_of(stored(entry)) == 77


def test_a_failure_comes_back_as_one() -> None:
    entry = replace(JUDGED, state="failed", verdict=None, failure=JudgeFailure(kind="refused", detail="400"))
    found = entry_of(stored(entry))
    assert found is not None
    assert found.failure is not None
    assert (found.state, found.failure.kind, found.verdict, found.owes) == ("failed", "refused", None, False)


@pytest.mark.parametrize(
    "name", ["streamer.revision", "streamer.turns", "streamer.transcript_hash", "streamer.history"]
)
@pytest.mark.parametrize("said", [None, "not so", "[1]"])
def test_a_row_that_somebody_has_edited_is_no_entry_or_a_whole_one(name: str, said: str | None) -> None:
    row = stored(JUDGED)
    metadata = {k: v for k, v in row.metadata.items() if k != name} | ({name: said} if said is not None else {})
    found = entry_of(row._replace(metadata=metadata))
    assert found is None or (name == "streamer.transcript_hash" and found.transcript_hash == said)
