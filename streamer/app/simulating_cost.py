"""What a simulation would cost at most."""

from collections.abc import Mapping
from typing import Any

from streamer.adapters.litellm_model import LitellmModel
from streamer.adapters.mlflow_judges import simulator
from streamer.app.simulated import Wanted
from streamer.core.model import ModelRequest


def estimate(wanted: Wanted, said_chars: int = 300) -> Mapping[str, Any]:
    """Calls and USD at most, if every conversation goes on to its last turn and a message has about `said_chars`."""
    model, text = LitellmModel(), "x" * said_chars
    user_usd: float | None = 0.0
    judge_usd: float | None = 0.0
    for case in wanted.cases:
        history: list[dict[str, str]] = []
        for _ in range(wanted.max_turns if wanted.user_model else 0):
            history += [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
            for prompt in simulator.prompts(case, history):
                user_usd = _plus(user_usd, model, wanted.user_model or "", prompt)
        said = text * 2 * wanted.max_turns
        for spec in () if wanted.through_kafka else wanted.specs:
            judge_usd = _plus(judge_usd, model, spec.model, (spec.instructions or "x" * 2_000) + said)
    turns = len(wanted.cases) * wanted.max_turns
    return {
        "conversations": len(wanted.cases),
        "agent_calls": turns,
        "user_calls": 2 * turns if wanted.user_model else 0,
        "judge_calls": 0 if wanted.through_kafka else len(wanted.cases) * len(wanted.specs),
        "user_usd": user_usd,
        "judge_usd": judge_usd,
    }


def _plus(usd: float | None, model: LitellmModel, name: str, prompt: str) -> float | None:
    request = ModelRequest(model=name, messages=({"role": "user", "content": prompt},), parameters={})
    more, _ = model.estimate(request)
    return None if usd is None or more is None else usd + more
