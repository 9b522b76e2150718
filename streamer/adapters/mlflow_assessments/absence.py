"""Whether MLflow has a trace, where it does not say so.

MLflow's own `basic-auth` answers everybody but an administrator 403 for a trace that it does not have (3.17.2:
`_assessment_trace_context`), as it does for one that the user may not touch. A search tells them apart: of the
experiments that the user may read, none has the trace. A user who may read none is refused, and nothing else.
"""

from typing import Any

import httpx

from streamer.adapters.mlflow_assessments.http import MlflowHttp, is_found, json_of

EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
SEARCH = "/api/3.0/mlflow/traces/search"
PAGE = 1_000
AT_ONCE = 100
"""Experiments in one search."""


async def is_there(http: MlflowHttp, answer: httpx.Response, trace_id: str) -> bool:
    """`is_found` of an answer about a trace (`tr-…`), in which 403 may mean that there is none."""
    if answer.status_code == httpx.codes.FORBIDDEN and await _is_nowhere(http, trace_id):
        return False
    return is_found(answer)


async def _is_nowhere(http: MlflowHttp, trace_id: str) -> bool:
    known = await _readable(http)
    if known is None:
        return False
    for first in range(0, len(known), AT_ONCE):
        places = [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
            for experiment_id in known[first : first + AT_ONCE]
        ]
        wanted = {"filter": f"attributes.request_id = '{trace_id}'", "max_results": 1}
        answer = await http.send("POST", SEARCH, {"locations": places, **wanted})
        if not answer.is_success or json_of(answer).get("traces"):
            return False
    return bool(known)


async def _readable(http: MlflowHttp) -> list[str] | None:
    """Ids of the experiments that this user may read; None where that is refused too."""
    found: list[str] = []
    page: dict[str, Any] = {"max_results": PAGE}
    while True:
        answer = await http.send("POST", EXPERIMENTS, page)
        if not answer.is_success:
            return None
        said = json_of(answer)
        found += [str(experiment["experiment_id"]) for experiment in said.get("experiments", [])]
        if not said.get("next_page_token"):
            return found
        page["page_token"] = said["next_page_token"]
