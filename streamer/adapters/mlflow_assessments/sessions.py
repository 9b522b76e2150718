"""Sessions that were traced to MLflow: which there are, and one as a whole.

Rule: read page by page, and by time, not by page number: a trace that comes in between would move every later page.
Only ids are held, so a million sessions cost no more than their names.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from streamer.adapters.mlflow_assessments import API, quoted, start_ms_of, stored_trace
from streamer.adapters.mlflow_assessments.http import MlflowAccess, MlflowHttp, is_found, json_of
from streamer.core.assessment import StoredTrace
from streamer.core.ids import digest
from streamer.core.row import SESSION_KEY
from streamer.errors import ConfigurationError, PermanentError

PAGE = 500
"""The most that MLflow gives of a search at once."""
SPANS_AT_ONCE = 20
"""Traces whose spans come in one answer: it is held whole."""
IN_STORE = "TRACKING_STORE"


class StoredSession(NamedTuple):
    """`documents`: a trace each, as core/wire reads MLflow's; a trace whose spans are nowhere has none."""

    traces: Sequence[StoredTrace]
    documents: Sequence[bytes]


class MlflowSessions:
    def __init__(self, access: MlflowAccess) -> None:
        self._http = MlflowHttp(access)

    async def close(self) -> None:
        await self._http.close()

    async def experiment_id(self, name: str) -> str:
        """Of an experiment's name, or of its id. ConfigurationError if there is none."""
        path = f"{API.replace('3.0', '2.0')}/experiments"
        answer = await self._http.send("GET", f"{path}/get-by-name", {"experiment_name": name})
        if not is_found(answer) and name.isdecimal():
            answer = await self._http.send("GET", f"{path}/get", {"experiment_id": name})
        if not is_found(answer):
            raise ConfigurationError(f"MLflow has no experiment {name!r}: --experiment takes its name or its id")
        return str(json_of(answer)["experiment"]["experiment_id"])

    async def ids(
        self, experiment_id: str, since_ms: int | None, until_ms: int | None, wanted: str | None
    ) -> AsyncIterator[str]:
        """Sessions with a trace that began in that time and that MLflow's filter `wanted` lets through, each once, in
        the order of their first such trace."""
        seen = set[bytes]()
        from_ms, last_ms = since_ms or 0, -1
        token: str | None = None
        while True:
            said = [f"metadata.`{SESSION_KEY}` != ''", f"timestamp_ms >= {from_ms}"]
            said += [f"timestamp_ms < {until_ms}"] if until_ms is not None else []
            said += [wanted] if wanted else []
            try:
                page = await self._search(experiment_id, " AND ".join(said), PAGE, token)
            except PermanentError as error:
                if wanted is None:
                    raise
                refused = f"{error}: does it take --filter {wanted!r}? It is of mlflow.search_traces"
                raise ConfigurationError(refused) from error
            for info in page.get("traces", []):
                last_ms = start_ms_of(info)
                session_id = info.get("trace_metadata", {}).get(SESSION_KEY)
                name = digest([session_id or ""])[:8]
                if session_id and name not in seen:
                    seen.add(name)
                    yield session_id
            token = page.get("next_page_token")
            if not token:
                return
            if last_ms > from_ms:  # the next page by time; only within one millisecond by number
                from_ms, token = last_ms, None

    async def session(self, experiment_id: str, session_id: str, traces_max: int) -> StoredSession:
        """All its traces, however old, with rows and, unless there are too many, spans. PermanentError for an id that
        MLflow cannot search for."""
        infos: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = await self._search(experiment_id, f"metadata.`{SESSION_KEY}` = {quoted(session_id)}", PAGE, token)
            infos += page.get("traces", [])
            token = page.get("next_page_token")
            if not token:
                break
        documents: list[bytes] = []
        for start in range(0, len(infos) if len(infos) <= traces_max else 0, SPANS_AT_ONCE):
            documents += await self._documents(infos[start : start + SPANS_AT_ONCE])
        return StoredSession([stored_trace(info) for info in infos], documents)

    async def _search(self, experiment_id: str, wanted: str, most: int, token: str | None) -> dict[str, Any]:
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
        body: dict[str, Any] = {"locations": [place], "filter": wanted, "max_results": most}
        body |= {"order_by": ["timestamp_ms ASC"], **({"page_token": token} if token else {})}
        answer = await self._http.send("POST", f"{API}/traces/search", body)
        return json_of(answer) if is_found(answer) else {}

    async def _documents(self, infos: Sequence[Mapping[str, Any]]) -> list[bytes]:
        inside = [
            info for info in infos if info.get("tags", {}).get("mlflow.trace.spansLocation", IN_STORE) == IN_STORE
        ]
        spans: dict[str, list[Any]] = {}
        if inside:
            asked = {"trace_ids": [info["trace_id"] for info in inside]}
            answer = await self._http.send("GET", f"{API}/traces/batchGet", asked)
            found = json_of(answer).get("traces", []) if is_found(answer) else []
            spans = {one["trace_info"]["trace_id"]: one.get("spans", []) for one in found}
        for info in infos:
            if not spans.get(info["trace_id"]):
                spans[info["trace_id"]] = await self._artifact(info["trace_id"])
        return [
            json.dumps({"info": info, "data": {"spans": spans[info["trace_id"]]}}, ensure_ascii=False).encode()
            for info in infos
            if spans[info["trace_id"]]
        ]

    async def _artifact(self, trace_id: str) -> list[Any]:
        """Spans that lie beside the database, as before MLflow 3.6 and where an archive is set up; none where they do
        not."""
        try:
            answer = await self._http.send("GET", "/ajax-api/2.0/mlflow/get-trace-artifact", {"request_id": trace_id})
            found = json_of(answer).get("spans") if is_found(answer) else None
        except PermanentError:
            return []
        return found if isinstance(found, list) else []
