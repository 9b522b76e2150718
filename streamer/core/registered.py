"""A scorer as MLflow's registry keeps it: what it is, and what of it may be run.

Rule: a definition is text. Where it holds source code, that is run only under a hash that somebody has allowed. Source:
mlflow 3.17, genai/scorers/base.py (SerializedScorer).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

from streamer.core.model import canonical
from streamer.core.verdict import VerdictValue

ValueType = Literal["str", "bool", "int", "float", "any"]
_TYPES: Mapping[str, ValueType] = {"string": "str", "boolean": "bool", "integer": "int", "number": "float"}
_NO_MEANING = ("name", "aggregations", "description", "timeout", "mlflow_version", "serialization_version")
"""What may differ between two definitions that judge alike."""
SOURCE = ("original_func_name", "call_signature", "call_source")


class Registered(NamedTuple):
    kind: Literal["built_in", "instructions", "code", "other"]
    model: str | None
    """As it was registered with."""
    value_type: ValueType
    labels: tuple[VerdictValue, ...]
    reads_sessions: bool
    code_hash: str
    """SHA-256 of its source; empty where it has none."""
    says: str
    """All of it that matters, as canonical JSON."""


def described(serialized: str) -> Registered:
    """ValueError for what is no definition."""
    said = json.loads(serialized)
    if not isinstance(said, dict):
        raise ValueError("a scorer's definition is no JSON object")
    kind, inner = _kind(said)
    value_type, labels = _values(inner.get("feedback_value_type"))
    return Registered(
        kind=kind,
        model=inner.get("model"),
        value_type="any" if kind in ("code", "built_in") else value_type,
        labels=labels,
        reads_sessions=bool(said.get("is_session_level_scorer")),
        code_hash=code_hash(said) if kind == "code" else "",
        says=canonical({name: value for name, value in said.items() if name not in _NO_MEANING and value is not None}),
    )


def code_hash(said: Mapping[str, Any]) -> str:
    """64 hex digits over name, signature and body of the function."""
    return hashlib.sha256("\0".join(str(said.get(part) or "") for part in SOURCE).encode()).hexdigest()


def _kind(said: Mapping[str, Any]) -> tuple[Literal["built_in", "instructions", "code", "other"], Mapping[str, Any]]:
    if said.get("call_source"):
        return "code", {}
    if said.get("builtin_scorer_class"):
        return "built_in", said.get("builtin_scorer_pydantic_data") or {}
    if said.get("instructions_judge_pydantic_data"):
        return "instructions", said["instructions_judge_pydantic_data"]
    return "other", {}


def _values(schema: object) -> tuple[ValueType, tuple[VerdictValue, ...]]:
    """From the JSON schema of its answer."""
    if not isinstance(schema, Mapping):
        return "str", ()
    labels = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return _TYPES.get(str(schema.get("type")), "any"), tuple(cast(list[VerdictValue], labels))
