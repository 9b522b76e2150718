"""`streamer evaluate` on sessions in MLflow: its rate against the judge's own, its memory, and mlflow.genai.evaluate on
the same sessions. The model is scripted, behind HTTP, and answers after LATENCY_MS: what is measured is who asks it.

BENCH_SESSIONS: how many (10,000 unless said). Every measurement is a process of its own; their imports are not counted.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import evaluate_services as services
from benchmarks.figure import Figure
from streamer.core.judges import JudgeSpec
from streamer.embedded.stand_ins import kafka, model, redis_server
from streamer.quiet import QUIET

SESSIONS = int(os.environ.get("BENCH_SESSIONS", "10000"))
BESIDE_PEER, FIRST = min(500, SESSIONS), 200
LATENCY_MS, AT_ONCE = 300, 10
"""As fast as small models answer; as many at once as MLflow's own evaluate asks by default."""
SPEC = JudgeSpec(type="user_frustration", name="user_frustration", model="openai:/gpt-4.1-mini")


def run() -> list[Figure]:
    home = Path(tempfile.mkdtemp(prefix="bench-evaluate-"))
    redis, redis_url = redis_server(home)
    redis.start(lambda: True, 10)
    broker, address = kafka(home, {"assessments": 1})
    asked, base_url, _ = model(home, LATENCY_MS)
    try:
        with services.mlflow(home) as (url, store):
            first = min(FIRST, SESSIONS) if store.startswith("postgresql") else SESSIONS
            many_id = services.fill(url, "many", first)
            if copies := SESSIONS // first - 1:
                services.multiply(store, many_id, "many", copies)
            services.fill(url, "few", BESIDE_PEER)
            config = home / "streamer.toml"
            config.write_text(_config(url, redis_url, address))
            environment = {**os.environ, **QUIET, "OPENAI_API_KEY": "none", "OPENAI_API_BASE": base_url}
            environment |= {"OPENAI_BASE_URL": base_url, "MLFLOW_TRACKING_URI": url}
            own = _child("judge", environment, str(min(1_000, SESSIONS)))
            ours = _child("evaluate", environment, str(config), "few", "write")
            peer = _child("peer", environment, "few")
            many = _child("evaluate", environment, str(config), "many", "")
        return _figures(own, many, ours, peer, store)
    finally:
        for program in (asked, broker, redis):
            program.stop()
        shutil.rmtree(home, ignore_errors=True)


def _config(url: str, redis_url: str, kafka_address: str) -> str:
    return (
        f'redis = {{url = "{redis_url}"}}\nmlflow = {{tracking_uri = "{url}"}}\n'
        f'kafka = {{bootstrap = "{kafka_address}"}}\n'
        f"evaluate = {{usd_per_day = 1e6, tokens_per_day = 1000000000000}}\nmodels = {{concurrency = {AT_ONCE}}}\n"
    )


def _figures(own: Any, many: Any, ours: Any, peer: Any, store: str) -> list[Figure]:
    same = sum(ours["labels"].get(name) == value for name, value in peer["labels"].items()) / len(peer["labels"])
    rate = many["sessions"] / many["seconds"]
    database = store.partition("+")[0]
    note = f"{rate:.1f} sessions/s of {own['rate']:.1f}; {many['sessions']:,} on {database}, model {LATENCY_MS} ms"
    grown = f"{many['rss_first']:.0f} MB after a tenth, {many['rss_last']:.0f} MB at the end"
    beside = f"{ours['seconds']:.1f} s against {peer['seconds']:.1f} s for {BESIDE_PEER} sessions, both write to MLflow"
    return [
        Figure("evaluate, rate against the judge's own", rate / own["rate"], "x", 0.8, at_least=True, note=note),
        Figure(
            "evaluate, memory at the end against a tenth", many["rss_last"] / many["rss_first"], "x", 1.1, note=grown
        ),
        Figure(
            "evaluate, time against mlflow.genai.evaluate", ours["seconds"] / peer["seconds"], "x", 1.0, note=beside
        ),
        Figure("  the same labels", same, "share", 1.0, at_least=True, note=f"of {len(peer['labels'])} sessions"),
    ]


def _child(kind: str, environment: dict[str, str], *words: str) -> Any:
    command = [sys.executable, "-m", "benchmarks.evaluate", kind, *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    shown = {name: value for name, value in said.items() if name != "labels"}
    print(f"  {kind} {' '.join(words[1:])}: {shown}", file=sys.stderr)
    return said


# ---------------------------------------------------------------- in processes of their own


async def judge(count: int) -> dict[str, Any]:
    """Only the judge and its model: nothing is read or saved."""
    from benchmarks.judging import transcript
    from streamer.adapters.litellm_model import LitellmModel
    from streamer.adapters.mlflow_judges import MlflowJudges
    from streamer.core.model import Completion, ModelRequest

    judges, asked, said = MlflowJudges(16, (SPEC,)), LitellmModel(AT_ONCE), transcript()

    async def ask(request: ModelRequest) -> Completion:
        async with asked.room(request):
            return await asked.complete(request, 60_000)

    at_once = asyncio.Semaphore(16)

    async def one() -> None:
        async with at_once:
            await judges.judge(SPEC, said, None, ask)

    await asyncio.gather(*(one() for _ in range(16)))
    began = time.monotonic()
    await asyncio.gather(*(one() for _ in range(count)))
    judges.close()
    return {"rate": count / (time.monotonic() - began)}


async def evaluate(config: str, experiment: str, write: bool) -> dict[str, Any]:
    from streamer.app.evaluating import Report, Wanted
    from streamer.app.evaluating import evaluate as evaluating
    from streamer.core.tally import Tally
    from streamer.core.terms import Terms
    from streamer.core.verdict import Verdict
    from streamer.settings import load

    settings = load(Path(config))
    report, labels = Report(Tally.of([SPEC])), dict[str, Any]()
    terms = Terms(specs=(SPEC,), rules=settings.core_rules(), content=b"")
    process, rss, began = psutil.Process(), list[float](), list[float]()

    def on_done(done: Any, written: Any) -> None:
        began.append(time.monotonic())
        if len(began) % 100 == 0:
            rss.append(process.memory_info().rss / 1e6)
        [said] = done.judged
        if write and isinstance(said.outcome, Verdict):
            labels[done.ref.session_id] = said.outcome.value

    asked = Wanted(terms=terms, experiment=experiment, write=write)
    started = time.monotonic()
    await evaluating(settings, asked, report, lambda *said: None, on_done)
    first, last = rss[len(rss) // 10] if rss else 0.0, rss[-1] if rss else 0.0
    ready = max(started, began[0] - 1.0)  # judges and model are imported before the first session is read
    return {
        "sessions": report.tally.sessions,
        "seconds": began[-1] - ready,
        "rss_first": first,
        "rss_last": last,
        "labels": labels,
    }


def peer(experiment: str) -> dict[str, Any]:
    """The guide's own way: search, then evaluate with a built-in judge of sessions."""
    import mlflow
    from mlflow.genai.scorers import UserFrustration

    mlflow.set_experiment(experiment)
    scorer = UserFrustration(model=SPEC.model)
    began = time.monotonic()
    traces = mlflow.search_traces(max_results=100_000, return_type="list")
    found = mlflow.genai.evaluate(data=traces, scorers=[scorer])
    seconds = time.monotonic() - began
    labels = {}
    for _, row in found.result_df.iterrows():
        for assessment in row["assessments"]:
            if assessment["assessment_name"] == "user_frustration" and "feedback" in assessment:
                labels[assessment["metadata"]["mlflow.trace.session"]] = assessment["feedback"].get("value")
    return {"seconds": seconds, "labels": labels}


def _main() -> None:
    kind, *words = sys.argv[1:]
    threading.current_thread().name = kind
    if kind == "judge":
        said = asyncio.run(judge(int(words[0])))
    elif kind == "evaluate":
        said = asyncio.run(evaluate(words[0], words[1], bool(words[2])))
    else:
        said = peer(words[0])
    print(json.dumps(said))


if __name__ == "__main__":
    _main()
