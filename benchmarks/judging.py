"""Judge calls a second with a model that answers at once: ours in one and in two processes, MLflow's judge called
directly in one. Sessions of ten turns; the model's process runs on the same cores."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks import cpu
from benchmarks.figure import Figure
from streamer.core.judges import JudgeSpec
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.quiet import QUIET

CALLS, AT_ONCE = 400, 16
SPEC = JudgeSpec(type="user_frustration", name="user_frustration", model="openai:/gpt-4.1-mini")


def run() -> list[Figure]:
    with _model() as base_url:
        one = _rate("ours", 1, base_url)
        two = _rate("ours", 2, base_url)
        peer = _rate("mlflow", 1, base_url)
    return [
        Figure("judging, two processes", two[0], "sessions/s", 100, at_least=True),
        Figure("judging, one process", one[0], "sessions/s", note=f"{one[1]:.1f} ms CPU a call"),
        Figure("  MLflow's judge called directly", peer[0], "sessions/s", note=f"{peer[1]:.1f} ms CPU a call"),
        Figure("judging, CPU against MLflow's own call", one[1] / peer[1], "x"),
    ]


@contextmanager
def _model() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.instant_model"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def _rate(kind: str, processes: int, base_url: str) -> tuple[float, float]:
    """(calls a second of all, ms of CPU a call): all processes wait for each other before they begin."""
    environment = {**os.environ, **QUIET, "OPENAI_API_KEY": "none", "OPENAI_API_BASE": base_url}
    environment["OPENAI_BASE_URL"] = base_url
    command = [sys.executable, "-m", "benchmarks.judging", kind]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    began = time.monotonic()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    spent = [float(worker.communicate()[0]) for worker in workers]
    return CALLS * processes / (time.monotonic() - began), sum(spent) / len(spent) / CALLS * 1000


def transcript() -> Transcript:
    turns = tuple(
        Turn(
            trace_id=f"{n:032x}",
            version=1,
            start_ns=n * 10**9,
            end_ns=n * 10**9 + 5,
            user="Where is my order? I have been waiting since Monday, and nobody has answered my mail. " * 2,
            assistant="I am sorry for the delay. The parcel left the warehouse and will arrive tomorrow. " * 3,
        )
        for n in range(1, 11)
    )
    return Transcript(session_id="s", turns=turns, hash="h")


async def ours() -> None:
    from streamer.adapters.litellm_model import LitellmModel
    from streamer.adapters.mlflow_judges import MlflowJudges
    from streamer.core.model import Completion, ModelRequest
    from streamer.core.verdict import Verdict

    judges, model, said, room = (
        MlflowJudges(AT_ONCE, (SPEC,)),
        LitellmModel(AT_ONCE),
        transcript(),
        asyncio.Semaphore(AT_ONCE),
    )

    async def ask(request: ModelRequest) -> Completion:
        return await model.complete(request, 60_000)

    async def judge() -> None:
        async with room:
            assert isinstance(await judges.judge(SPEC, said, None, ask), Verdict)

    for calls in (AT_ONCE, CALLS):
        if calls == CALLS:
            _wait_for_start()
        began = cpu.own()
        await asyncio.gather(*(judge() for _ in range(calls)))
    print(cpu.own() - began)
    judges.close()


def mlflow() -> None:
    from mlflow.genai.scorers import UserFrustration

    from streamer.adapters.mlflow_judges.traces import traces_of

    scorer, said = UserFrustration(model=SPEC.model), transcript()

    def judge(_: int) -> None:
        assert scorer(session=traces_of(SPEC, said)).value == "none"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(judge, range(AT_ONCE)))
        _wait_for_start()
        began = cpu.own()
        list(threads.map(judge, range(CALLS)))
        print(cpu.own() - began)


def _wait_for_start() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        asyncio.run(ours())
    else:
        mlflow()
