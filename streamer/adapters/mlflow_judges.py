"""MLflow's multi-turn judges, unchanged, on traces built from turns.

Rule: a judge's model call goes to `ask` and nowhere else. MLflow reaches a model through litellm; a custom litellm
provider named `streamer` hands each request over, in the judge's own thread. What stops a call is a BaseException, so
that neither litellm nor MLflow retries it or turns it into something else.
"""

import asyncio
import base64
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from streamer.core.judges import JudgeSpec, JudgeType
from streamer.core.model import Completion, ModelRequest
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.ports import Ask, CallFailed

QUIET_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What these libraries would otherwise fetch or send at their first use (facts: up to 7 s without a network)."""

BUILT_IN: dict[JudgeType, tuple[str, tuple[str, ...]]] = {
    "user_frustration": ("UserFrustration", ("none", "resolved", "unresolved")),
    "conversation_completeness": ("ConversationCompleteness", ("yes", "no")),
    "conversational_safety": ("ConversationalSafety", ("yes", "no")),
    "conversational_tool_call_efficiency": ("ConversationalToolCallEfficiency", ("yes", "no")),
    "conversational_role_adherence": ("ConversationalRoleAdherence", ("yes", "no")),
    "conversational_guidelines": ("ConversationalGuidelines", ("yes", "no")),
    "knowledge_retention": ("KnowledgeRetention", ("yes", "no")),
}
"""MLflow's class and the values it may give (mlflow 3.17.2, genai/scorers/builtin_scorers.py)."""

_here = threading.local()


class _Stopped(BaseException):
    """Passes through litellm and MLflow untouched."""


class _Judgement:
    """One run of a judge, as its thread and the event loop share it."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None, ask: Ask | None, model: str) -> None:
        self._loop, self._ask, self._model = loop, ask, model
        self.failure: CallFailed | None = None
        self.answers = 0
        self.cancelled = False

    def complete(self, messages: list[dict[str, Any]], parameters: dict[str, Any]) -> Completion:
        """In the judge's thread: ask, and wait for the answer."""
        if self.cancelled or self._loop is None or self._ask is None:
            raise _Stopped
        ask = self._ask
        said = tuple({"role": str(m["role"]), "content": str(m["content"])} for m in messages)
        request = ModelRequest(model=self._model, messages=said, parameters=parameters)

        async def asking() -> Completion:
            return await ask(request)

        try:
            answer = asyncio.run_coroutine_threadsafe(asking(), self._loop).result()
        except CallFailed as failure:
            self.failure = failure
            raise _Stopped from failure
        self.answers += 1
        return answer


class MlflowJudges:
    """Judges. `threads` judgements run at once; each needs its own thread, since MLflow's judges are synchronous."""

    def __init__(self, threads: int = 16, specs: Iterable[JudgeSpec] = ()) -> None:
        """`specs` are made ready now: importing MLflow takes seconds that no session should wait for."""
        for name, value in QUIET_ENVIRONMENT.items():
            os.environ.setdefault(name, value)  # noqa: TID251 – read by libraries at import, not by us
        _register_provider()
        self._threads = ThreadPoolExecutor(threads, "judge")
        self._scorers: dict[tuple[str, str], Callable[..., Any]] = {}
        for spec in specs:
            self._rehearse(spec)

    async def judge(
        self, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None, ask: Ask
    ) -> Verdict | JudgeFailure:
        """What MLflow's judge says of the transcript, or why it says nothing."""
        loop = asyncio.get_running_loop()
        judgement = _Judgement(loop, ask, spec.model)
        try:
            return await loop.run_in_executor(self._threads, self._run, judgement, spec, transcript, expectations)
        finally:
            judgement.cancelled = True

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(
        self, judgement: _Judgement, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None
    ) -> Verdict | JudgeFailure:
        known = {"expectations": dict(expectations)} if expectations is not None else {}
        _here.judgement = judgement
        try:
            feedback = self._scorer(spec)(session=traces_of(spec, transcript), **known)
        except _Stopped:
            failure = judgement.failure or CallFailed("internal", "cancelled")
            return JudgeFailure(kind=failure.kind, detail=failure.detail, retry_after_ms=failure.retry_after_ms)
        except Exception as error:  # noqa: BLE001 – the judge's own code, and whatever it makes of an odd answer
            kind: Literal["bad_answer", "internal"] = "bad_answer" if judgement.answers else "internal"
            return JudgeFailure(kind=kind, detail=type(error).__name__)
        finally:
            _here.judgement = None
        return _verdict(spec, feedback)

    def _rehearse(self, spec: JudgeSpec) -> None:
        """Make the judge and run it up to its first model call, which a cancelled judgement refuses."""
        turn = Turn(trace_id="0" * 31 + "1", version=0, start_ns=1, end_ns=2, user="", assistant="")
        judgement = _Judgement(None, None, spec.model)
        judgement.cancelled = True
        self._run(judgement, spec, Transcript(session_id="rehearsal", turns=(turn,), hash=""), None)

    def _scorer(self, spec: JudgeSpec) -> Callable[..., Any]:
        name = (spec.name, spec.version)
        if name not in self._scorers:
            self._scorers[name] = _scorer_of(spec)
        return self._scorers[name]


def _verdict(spec: JudgeSpec, feedback: Any) -> Verdict | JudgeFailure:  # noqa: ANN401 – MLflow's Feedback
    if feedback.error is not None:
        return JudgeFailure(kind="bad_answer", detail=str(getattr(feedback.error, "error_code", "error")))
    value = getattr(feedback.value, "value", feedback.value)  # KnowledgeRetention gives an enum
    labels = spec.labels or BUILT_IN.get(spec.type, ("", ()))[1]
    if (labels and value not in labels) or (not labels and not spec.accepts(value)):
        return JudgeFailure(kind="bad_answer", detail="a value outside the judge's labels or type")
    return Verdict(value=value, rationale=feedback.rationale or "")


def _scorer_of(spec: JudgeSpec) -> Callable[..., Any]:
    """MLflow's judge, with our provider as its model."""
    from mlflow.genai import scorers
    from mlflow.genai.judges import make_judge

    parameters = dict(spec.parameters) or None
    if spec.type == "make_judge":
        kinds = {"str": str, "bool": bool, "int": int, "float": float}
        wanted: Any = Literal[spec.labels] if spec.labels else kinds[spec.value_type]
        judge: Callable[..., Any] = make_judge(
            name=spec.name,
            instructions=spec.instructions,
            model="streamer:/judge",
            feedback_value_type=wanted,
            inference_params=parameters,
        )
        return judge
    given: dict[str, Any] = {"name": spec.name, "model": "streamer:/judge", "inference_params": parameters}
    if spec.type == "conversational_guidelines":
        given["guidelines"] = list(spec.guidelines)
    built_in: Callable[..., Any] = getattr(scorers, BUILT_IN[spec.type][0])(**given)
    return built_in


def _register_provider() -> None:
    import litellm
    from litellm.utils import custom_llm_setup

    class Provider(litellm.CustomLLM):  # type: ignore[misc]
        def completion(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401 – litellm's signature
            judgement: _Judgement = _here.judgement
            asked = {k: v for k, v in (given.get("optional_params") or {}).items() if k != "max_retries"}
            answer = judgement.complete(given["messages"], asked)
            reply = given["model_response"]
            reply.choices[0].message.content = answer.content
            tokens = answer.input_tokens + answer.output_tokens
            reply.usage = litellm.Usage(
                prompt_tokens=answer.input_tokens, completion_tokens=answer.output_tokens, total_tokens=tokens
            )
            return reply

    litellm.suppress_debug_info = True
    others = [entry for entry in litellm.custom_provider_map if entry["provider"] != "streamer"]
    litellm.custom_provider_map = [*others, {"provider": "streamer", "custom_handler": Provider()}]
    custom_llm_setup()


# ---------------------------------------------------------------- turns as MLflow's traces


def traces_of(spec: JudgeSpec, transcript: Transcript) -> list[Any]:
    """Traces that MLflow's renderer reads as exactly what was said, each text once."""
    shows_system = spec.type == "conversational_role_adherence"
    return [
        _trace(transcript.session_id, turn, turn.system if shows_system and n == 0 else None)
        for n, turn in enumerate(transcript.turns)
    ]


def _trace(session_id: str, turn: Turn, system: str | None) -> Any:  # noqa: ANN401 – MLflow's Trace
    from mlflow.entities import Span, Trace, TraceData, TraceInfo, TraceLocation, TraceState

    messages = [{"role": "user", "content": turn.user or ""}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    root = _span(turn, 0, "turn", "AGENT", {"messages": messages}, turn.assistant or "")
    tools = [
        _span(turn, n, tool.name, "TOOL", tool.arguments, tool.result) for n, tool in enumerate(turn.tools, start=1)
    ]
    info = TraceInfo(
        trace_id=f"tr-{turn.trace_id}",
        trace_location=TraceLocation.from_experiment_id("0"),
        request_time=turn.start_ms,
        state=TraceState.OK,
        trace_metadata={"mlflow.trace.session": session_id},
    )
    return Trace(info=info, data=TraceData(spans=[Span.from_dict(span) for span in (root, *tools)]))


def _span(turn: Turn, number: int, name: str, kind: str, asked: object, answered: object) -> dict[str, Any]:
    attributes = {
        "mlflow.traceRequestId": f"tr-{turn.trace_id}",
        "mlflow.spanType": kind,
        "mlflow.spanInputs": asked,
        "mlflow.spanOutputs": answered,
    }
    return {
        "name": name,
        "trace_id": base64.b64encode(bytes.fromhex(turn.trace_id)).decode(),
        "span_id": base64.b64encode((number + 1).to_bytes(8, "big")).decode(),
        "parent_span_id": base64.b64encode((1).to_bytes(8, "big")).decode() if number else None,
        "start_time_unix_nano": turn.start_ns + number,
        "end_time_unix_nano": max(turn.end_ns, turn.start_ns + number),
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()},
    }
