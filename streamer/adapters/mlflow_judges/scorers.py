"""MLflow's judges by their type in the configuration, and what they may answer.

Rule: unchanged. Nothing here touches a prompt.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from streamer.adapters.mlflow_judges.bridge import MODEL
from streamer.adapters.mlflow_judges.code import own_code, registered
from streamer.core.judges import JudgeSpec, JudgeType
from streamer.core.verdict import VerdictValue
from streamer.core.wire.values import encodable
from streamer.errors import ConfigurationError

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


def scorer_of(spec: JudgeSpec) -> Callable[..., Any]:
    """MLflow's judge, with our provider as its model. ConfigurationError where MLflow does not take the table."""
    from mlflow.exceptions import MlflowException

    try:
        match spec.type:
            case "make_judge":
                return _custom(spec)
            case "code":
                return own_code(spec)
            case "registered":
                return registered(spec)
            case _:
                return _built_in(spec)
    except MlflowException as error:
        raise ConfigurationError(f"judge {spec.name}: {error.message}") from error


def _custom(spec: JudgeSpec) -> Callable[..., Any]:
    from mlflow.genai.judges import make_judge

    kinds = {"str": str, "bool": bool, "int": int, "float": float}
    wanted: Any = Literal[spec.labels] if spec.labels else kinds.get(spec.value_type, str)
    judge: Callable[..., Any] = make_judge(
        name=spec.name,
        instructions=spec.instructions,
        model=MODEL,
        feedback_value_type=wanted,
        inference_params=dict(spec.parameters) or None,
    )
    return judge


def _built_in(spec: JudgeSpec) -> Callable[..., Any]:
    from mlflow.genai import scorers

    given: dict[str, Any] = {"name": spec.name, "model": MODEL, "inference_params": dict(spec.parameters) or None}
    if spec.type == "conversational_guidelines":
        given["guidelines"] = list(spec.guidelines)
    judge: Callable[..., Any] = getattr(scorers, BUILT_IN[spec.type][0])(**given)
    return judge


def one_feedback(said: Any) -> Any:  # noqa: ANN401
    """What a scorer returned as MLflow's Feedback: a function may return one, a list of one, or a bare value.
    ValueError for several: a judge has one row."""
    from mlflow.entities import Feedback

    if isinstance(said, list):
        if len(said) != 1:
            raise ValueError(f"{len(said)} feedbacks")
        said = said[0]
    return said if isinstance(said, Feedback) else Feedback(value=said)


def accepted(spec: JudgeSpec, given: object) -> VerdictValue | None:
    """The answer as the judge's type, None if it is none that the judge may give.

    MLflow passes on whatever stands in the model's JSON. A number or boolean that was written as text is what it
    spells ("3", "True"), and 1 is 1.0 to a float judge; nothing else is bent.
    """
    labels: tuple[VerdictValue, ...] = spec.labels or BUILT_IN.get(spec.type, ("", ()))[1]
    value = getattr(given, "value", given)  # KnowledgeRetention gives an enum
    value = encodable(value) if isinstance(value, str) else value
    texts = spec.value_type in ("str", "any")
    spells = not any(isinstance(label, str) for label in labels) if labels else not texts
    if spells and isinstance(value, str):
        try:
            value = json.loads(value.strip().lower())
        except ValueError:
            return None
    if type(value) is int and not labels and spec.value_type == "float":
        value = float(value)
    if isinstance(value, bool | int | float | str) and replace(spec, labels=labels).accepts(value):
        return value
    return None
