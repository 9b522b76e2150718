"""From the last turn to the stored verdict, beyond quiet gap and model time, on the demo's stand-ins.

Last turn: the end of its root span. Stored: when the row stands in MLflow (its last update). One judge process, a model
that takes 300 ms, conversations that end one after the other.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from streamer.embedded.demo.stage import GAP_MS, MODEL_MS, Stage

SESSIONS = 60
EVERY_S = 0.4
WAIT_S = 60


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-") as home, Stage(Path(home), lambda _: None) as stage:
        ended: dict[str, float] = {}
        for n in range(SESSIONS):
            session = f"bench-{n}"
            stage.turn(session, f"Where is order {n}?", "At your door.")
            ended[session] = time.time() * 1000
            time.sleep(EVERY_S)
        until = time.monotonic() + WAIT_S
        rows = stage.rows()
        while len(rows) < SESSIONS and time.monotonic() < until:
            time.sleep(1)
            rows = stage.rows()
    late = sorted(
        stored_ms(row["last_update_time"]) - ended[row["metadata"]["mlflow.trace.session"]] - GAP_MS - MODEL_MS
        for row in rows
    )
    note = f"{len(rows)} of {SESSIONS} sessions, one each {EVERY_S} s; earliest {late[0]:.0f} ms"
    return [
        Figure("verdict beyond gap and model, p95", late[int(len(late) * 0.95)] / 1000, "s", 1.0, note=note),
        Figure("verdict beyond gap and model, median", late[len(late) // 2] / 1000, "s"),
    ]


def stored_ms(stamp: str) -> float:
    """MLflow's RFC 3339 timestamp as ms since the epoch."""
    from datetime import datetime

    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000
