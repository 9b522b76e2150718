"""What MLflow's Quality tab counts and dates after a re-score: the requests that its charts send, on a real server."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.core.assessment import Row, RowRef
from streamer.core.ids import assessment_id, mlflow_trace_id
from streamer.core.row import SESSION_KEY

pytestmark = pytest.mark.real
JUDGE = "user_frustration"
BEGAN = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
HOUR_S, DAY_MS = 3_600, 86_400_000


@dataclass(frozen=True)
class Quality:
    """An experiment of its own, with sessions in it."""

    store: MlflowAssessments
    http: httpx.AsyncClient
    experiment: str

    async def row(self, value: str, began: datetime = BEGAN) -> Row:
        """A session's first trace, and the row that is to stand on it."""
        trace, session = secrets.token_hex(16), f"chat-{secrets.token_hex(4)}"
        info = {
            "trace_id": mlflow_trace_id(trace),
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}},
            "request_time": began.isoformat().replace("+00:00", "Z"),
            "state": "OK",
            "trace_metadata": {SESSION_KEY: session},
        }
        (await self.http.post("/traces", json={"trace": {"trace_info": info}})).raise_for_status()
        ref = RowRef(assessment_id("quality", trace, session, JUDGE), mlflow_trace_id(trace), JUDGE)
        metadata = {SESSION_KEY: session}
        return Row(ref=ref, source_id="openai:/m", value=value, error=None, rationale="", metadata=metadata)

    async def chart(self) -> dict[tuple[str, str], float]:
        """Assessments by hour and value, as the tab's charts ask for them."""
        asked: dict[str, Any] = {
            "experiment_ids": [self.experiment],
            "view_type": "ASSESSMENTS",
            "metric_name": "assessment_count",
            "aggregations": [{"aggregation_type": "COUNT"}],
            "dimensions": ["assessment_name", "assessment_value"],
            "time_interval_seconds": HOUR_S,
            "start_time_ms": int(BEGAN.timestamp() * 1000) - DAY_MS,
            "end_time_ms": int(BEGAN.timestamp() * 1000) + 3_650 * DAY_MS,
        }
        answer = await self.http.post("/traces/metrics", json=asked)
        answer.raise_for_status()
        points = answer.json().get("data_points", [])
        return {
            (point["dimensions"]["time_bucket"][:13], point["dimensions"]["assessment_value"].strip('"')): value
            for point in points
            for value in point["values"].values()
            if point["dimensions"]["assessment_name"] == JUDGE
        }


@pytest.fixture
async def quality(mlflow_url: str) -> AsyncIterator[Quality]:
    async with httpx.AsyncClient(base_url=f"{mlflow_url}/api/3.0/mlflow") as http:
        named = {"name": f"quality-{secrets.token_hex(4)}"}
        made = await http.post(f"{mlflow_url}/api/2.0/mlflow/experiments/create", json=named)
        store = MlflowAssessments(MlflowAccess(url=mlflow_url))
        yield Quality(store, http, made.raise_for_status().json()["experiment_id"])
        await store.close()


async def test_a_re_score_is_counted_once_with_its_last_value_at_the_hour_the_conversation_began(
    quality: Quality,
) -> None:
    row = await quality.row("unresolved")
    assert await quality.store.post(row) == "created"
    assert await quality.chart() == {("2026-01-01T09", "unresolved"): 1}
    assert await quality.store.patch(replace(row, value="resolved"))
    assert await quality.chart() == {("2026-01-01T09", "resolved"): 1}


async def test_a_verdict_that_moves_to_an_earlier_trace_moves_in_the_chart(quality: Quality) -> None:
    row = await quality.row("unresolved")
    await quality.store.post(row)
    earlier = await quality.row("unresolved", BEGAN.replace(hour=7))
    await quality.store.post(earlier)
    await quality.store.delete(row.ref)
    assert await quality.chart() == {("2026-01-01T07", "unresolved"): 1}


async def test_a_trace_in_another_experiment_than_the_default_has_its_row_there(quality: Quality) -> None:
    """Rows are addressed by trace: which experiment an application logs to is its own affair."""
    await quality.store.post(await quality.row("resolved"))
    assert sum((await quality.chart()).values()) == 1
    elsewhere = replace(quality, experiment="0")
    assert ("2026-01-01T09", "resolved") not in await elsewhere.chart()
