"""The model, MLflow's judges and the money, as the simulated workers meet them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.transcript import Transcript
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.errors import CallFailed
from streamer.ports import Ask
from tests.fakes.one_call import one_call
from tests.simulation.world import World, pause


class LanguageModel:
    """Seconds a call, sometimes longer than a lease; fails now and then, for some (session, judge) always."""

    def __init__(self, world: World, permanent: Mapping[tuple[str, str], int]) -> None:
        self.w, self.permanent = world, permanent

    @asynccontextmanager
    async def room(self, request: ModelRequest) -> AsyncIterator[None]:
        """Sometimes others are before us, for longer than a lease."""
        await pause(self.w.random.choice([1, 1, 1, 1, 6_000, 20_000]))
        yield

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        r = self.w.random
        await pause(r.choice([300, 1_500, 4_000, 4_000, 11_000, 19_000]))
        judge, session, turns = request.messages[0]["content"].split("|")[:3]
        if int(turns) >= self.permanent.get((session, judge), 10**6):
            raise CallFailed("bad_request", "400")
        if self.w.faults and r.random() < self.w.p_judge:
            if r.random() < 0.3:
                self.w.rare["the provider asked to wait"] += 1
                raise CallFailed("rate_limited", "429", r.randint(1_000, 40_000))
            raise CallFailed("unavailable", "503")
        return Completion(content="good", input_tokens=10, output_tokens=5, cost_usd=0.001)

    def estimate(self, request: ModelRequest) -> tuple[float | None, int]:
        return 0.001, 15


class SimulatedJudges:
    """One call a judgement; an answer is sometimes unusable."""

    def __init__(self, world: World, seen: dict[str, Transcript]) -> None:
        self.w, self.seen = world, seen

    async def judge(
        self, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None, ask: Ask
    ) -> Verdict | JudgeFailure:
        self.seen[transcript.hash] = transcript
        said = f"{spec.name}|{transcript.session_id}|{len(transcript.turns)}|{transcript.hash}"
        answer = await one_call(spec, said, ask)
        if isinstance(answer, JudgeFailure):
            return answer
        if self.w.faults and self.w.random.random() < self.w.p_judge * 0.2:
            return JudgeFailure(kind="bad_answer", detail="not a label", usage=answer.usage)
        return Verdict(value="good", rationale=transcript.hash, usage=answer.usage)


class Purse:
    """Spending of all workers: now and then, while faults are on, the day's money is spent for a while."""

    def __init__(self, world: World) -> None:
        self.w, self.empty_until = world, 0

    async def reserve(self, call: str, usd: float, tokens: int, until_ms: int) -> bool:
        if self.w.faults and self.w.random.random() < self.w.p_judge * 0.1:
            self.empty_until = self.w.now + self.w.random.randint(1_000, 30_000)
        if self.w.faults and self.w.now < self.empty_until:
            self.w.rare["judging waited for money"] += 1
            return False
        return True

    async def settle(self, call: str, usd: float, tokens: int) -> None:
        return None
