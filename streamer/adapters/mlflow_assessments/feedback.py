"""All feedback of one name in an experiment, whoever gave it, trace by trace.

Rule: MLflow's search knows no source of a feedback, so people's are found among the judge's. Read page by page and by
time, as in sessions.py; only one page is held.
"""

from collections.abc import AsyncIterator

from streamer.adapters.mlflow_assessments import stored_trace
from streamer.adapters.mlflow_assessments.sessions import MlflowSessions
from streamer.core.assessment import StoredTrace


class MlflowFeedback(MlflowSessions):
    async def named(self, experiment_id: str, name: str, since_ms: int | None) -> AsyncIterator[StoredTrace]:
        """Traces of sessions with such a feedback that began since then (Unix ms), in the order of their beginning.
        MLflow gives every trace of the session, also those without it."""
        async for info in self.pages(experiment_id, since_ms, None, f"feedback.`{name}` IS NOT NULL"):
            if (trace := stored_trace(info)).rows:
                yield trace
