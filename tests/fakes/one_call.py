"""Judges that ask their model once."""

from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.verdict import JudgeFailure
from streamer.errors import CallFailed
from streamer.ports import Ask


async def one_call(spec: JudgeSpec, said: str, ask: Ask) -> Completion | JudgeFailure:
    """The model's answer to a message, or its failure as MLflow's judges would hand it on."""
    request = ModelRequest(model=spec.model, messages=({"role": "user", "content": said},), parameters={})
    try:
        return await ask(request)
    except CallFailed as failure:
        return JudgeFailure(kind=failure.kind, detail=failure.detail, retry_after_ms=failure.retry_after_ms)
