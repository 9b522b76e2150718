"""ports.AssessmentStore on MLflow's REST API 3.0, with one pooled HTTP client.

Rule: one request per call, no retry in here. MLflow's own client retries a refused POST for minutes and repeats it
after a lost response (facts: mlflow 4.2), so it is not used.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import httpx

from streamer.adapters.mlflow_assessments.http import MlflowAccess as MlflowAccess
from streamer.adapters.mlflow_assessments.http import MlflowHttp, is_found, json_of
from streamer.core.assessment import Row, RowRef, StoredRow, StoredTrace
from streamer.core.ids import mlflow_trace_id
from streamer.core.judges import CODE
from streamer.core.row import SESSION_KEY
from streamer.errors import PermanentError

API = "/api/3.0/mlflow"
DUPLICATE = "constraint violation"
"""How MLflow 3.17 says, with status 500, that the client's assessment id is taken."""
PAGE = 500
"""The most that MLflow gives of a search at once."""


class OnlineScorer(NamedTuple):
    """A scorer that MLflow itself runs on new traces of an experiment."""

    experiment_id: str
    name: str
    sample_rate: float
    reads_session: bool


class MlflowAssessments:
    def __init__(self, access: MlflowAccess) -> None:
        self._http = MlflowHttp(access)

    async def close(self) -> None:
        await self._http.close()

    async def ready(self) -> None:
        """TransientError unless the server answers."""
        is_found(await self._http.send("GET", "/health", None))

    async def patch(self, row: Row) -> bool:
        """Replace value, rationale and metadata; False if there is no such row. Repeatable."""
        body = {"assessment": _assessment(row), "update_mask": "feedback,rationale,metadata"}
        answer = await self._http.send("PATCH", _path(row.ref), body)
        return is_found(answer) and bool(json_of(answer))

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        """Create under the row's id. Repeatable: the second time it exists."""
        kind = "CODE" if row.source_id.startswith(CODE) else "LLM_JUDGE"
        source = {"source_type": kind, "source_id": row.source_id}
        body = {"assessment": {**_assessment(row), "source": source}}
        answer = await self._http.send("POST", _assessments_path(row.ref.trace_id), body)
        if answer.status_code == httpx.codes.CONFLICT or (answer.status_code >= 500 and DUPLICATE in answer.text):
            return "exists"
        return "created" if is_found(answer) and json_of(answer) else "no_trace"

    async def delete(self, row: RowRef) -> None:
        """Repeatable: a row or trace that is not there needs no deleting."""
        is_found(await self._http.send("DELETE", _path(row), None))

    async def expectations(self, first_trace: str, session_id: str) -> Mapping[str, Any] | None:
        """What people expect of the session, by name; as MLflow's evaluate takes them: HUMAN, about this session."""
        info = await self._info(mlflow_trace_id(first_trace))
        if info is None:
            return None
        return {
            assessment["assessment_name"]: _expected(assessment["expectation"])
            for assessment in info.get("assessments", [])
            if "expectation" in assessment
            and assessment.get("source", {}).get("source_type") == "HUMAN"
            and assessment.get("metadata", {}).get(SESSION_KEY) == session_id
            and assessment.get("valid", True)
        }

    async def trace_exists(self, trace_id: str) -> bool:
        """`trace_id` is MLflow's (`tr-…`)."""
        return await self.experiment_of(trace_id) is not None

    async def experiment_of(self, trace_id: str) -> str | None:
        """Where a trace (`tr-…`) is; empty if in no experiment, None if MLflow does not have it."""
        answer = await self._http.send("GET", _trace_path(trace_id), None)
        if not is_found(answer):
            return None
        place = json_of(answer)["trace"]["trace_info"].get("trace_location", {})
        return str(place.get("mlflow_experiment", {}).get("experiment_id", ""))

    async def rows(self, trace_id: str) -> Sequence[StoredRow]:
        """All feedback on a trace (`tr-…`), ours or not; none if MLflow does not have the trace."""
        found = await self.trace(trace_id)
        return found.rows if found else ()

    async def trace(self, trace_id: str) -> StoredTrace | None:
        """A trace (`tr-…`) with all feedback on it; None if MLflow does not have it."""
        info = await self._info(trace_id)
        return None if info is None else stored_trace(info)

    async def traces_of(self, session_id: str, experiment_id: str) -> Sequence[StoredTrace]:
        """The traces of an experiment that MLflow counts among a session, with all feedback on them."""
        said: dict[str, Any] = {"filter": f"metadata.`{SESSION_KEY}` = {quoted(session_id)}", "max_results": PAGE}
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
        found: list[StoredTrace] = []
        while True:
            answer = await self._http.send("POST", f"{API}/traces/search", {"locations": [place], **said})
            page = json_of(answer) if is_found(answer) else {}
            found += map(stored_trace, page.get("traces", []))
            if not page.get("next_page_token"):
                return found
            said["page_token"] = page["next_page_token"]

    async def online_scorers(self, experiment_ids: Sequence[str]) -> Sequence[OnlineScorer]:
        """Scorers that MLflow runs by itself on these experiments."""
        found: list[OnlineScorer] = []
        for experiment_id in experiment_ids:
            answer = await self._http.send("GET", f"{API}/scorers/list", {"experiment_id": experiment_id})
            scorers = {s["scorer_id"]: s for s in json_of(answer).get("scorers", [])} if is_found(answer) else {}
            if not scorers:
                continue
            answer = await self._http.send("GET", f"{API}/scorers/online-configs", {"scorer_ids": list(scorers)})
            configs = json_of(answer).get("configs", []) if is_found(answer) else []
            found += [
                _online(scorers[config["scorer_id"]], config)
                for config in configs
                if config["experiment_id"] == experiment_id and config["sample_rate"] > 0
            ]
        return found

    async def scorer(self, experiment_id: str, name: str, version: int | None) -> str | None:
        """The definition of a registered scorer, the latest unless a version is named; None if there is none."""
        asked = {"experiment_id": experiment_id, "name": name, **({"version": version} if version else {})}
        answer = await self._http.send("GET", f"{API}/scorers/get", asked)
        return str(json_of(answer)["scorer"]["serialized_scorer"]) if is_found(answer) else None

    async def _info(self, trace_id: str) -> dict[str, Any] | None:
        answer = await self._http.send("GET", _trace_path(trace_id), None)
        info: dict[str, Any] | None = json_of(answer)["trace"]["trace_info"] if is_found(answer) else None
        return info


def _trace_path(trace_id: str) -> str:
    return f"{API}/traces/{quote(trace_id, safe='')}"


def _assessments_path(trace_id: str) -> str:
    return f"{_trace_path(trace_id)}/assessments"


def _path(row: RowRef) -> str:
    return f"{_assessments_path(row.trace_id)}/{quote(row.assessment_id, safe='')}"


def _assessment(row: Row) -> dict[str, Any]:
    """An empty rationale is sent too: MLflow keeps the old one where none is named."""
    if row.error is None:
        feedback: dict[str, Any] = {"value": row.value}
    else:
        feedback = {"error": {"error_code": row.error.kind, "error_message": row.error.detail}}
    return {
        "assessment_id": row.ref.assessment_id,
        "trace_id": row.ref.trace_id,
        "assessment_name": row.ref.judge,
        "feedback": feedback,
        "rationale": row.rationale,
        "metadata": row.metadata,
    }


def _expected(expectation: Mapping[str, Any]) -> object:
    """Lists and objects travel as JSON text (mlflow.entities.assessment, Expectation)."""
    if "serialized_value" in expectation:
        return json.loads(expectation["serialized_value"]["value"])
    return expectation.get("value")


def _stored(raw: Mapping[str, Any], trace_id: str) -> StoredRow:
    feedback, source = raw["feedback"], raw.get("source", {})
    return StoredRow(
        assessment_id=raw["assessment_id"],
        trace_id=trace_id,
        name=raw["assessment_name"],
        source_type=source.get("source_type", ""),
        source_id=source.get("source_id", ""),
        value=feedback.get("value"),
        error_code=feedback["error"].get("error_code") if "error" in feedback else None,
        rationale=raw.get("rationale", ""),
        metadata=raw.get("metadata", {}),
        valid=raw.get("valid", True),
    )


def stored_trace(info: Mapping[str, Any]) -> StoredTrace:
    """From MLflow's TraceInfo."""
    trace_id = info["trace_id"]
    return StoredTrace(
        trace_id=trace_id,
        experiment_id=info.get("trace_location", {}).get("mlflow_experiment", {}).get("experiment_id", ""),
        start_ms=start_ms_of(info),
        rows=[_stored(raw, trace_id) for raw in info.get("assessments", []) if "feedback" in raw],
    )


def start_ms_of(info: Mapping[str, Any]) -> int:
    return round(datetime.fromisoformat(info["request_time"]).timestamp() * 1000)


def quoted(text: str) -> str:
    """For MLflow's filter, which knows no escape. PermanentError for what holds both kinds of quotes."""
    if "'" in text and '"' in text:
        raise PermanentError("MLflow cannot search for a session id that holds both kinds of quotes")
    return f'"{text}"' if "'" in text else f"'{text}'"


def _online(scorer: Mapping[str, Any], config: Mapping[str, Any]) -> OnlineScorer:
    serialized = json.loads(scorer.get("serialized_scorer", "{}"))
    return OnlineScorer(
        experiment_id=config["experiment_id"],
        name=scorer.get("scorer_name", ""),
        sample_rate=float(config["sample_rate"]),
        reads_session=bool(serialized.get("is_session_level_scorer")),
    )
