"""One `[[judges]]` table.

Rule: what MLflow's make_judge would refuse, or every answer would fail on, is refused before anything is started.
"""

import re
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from streamer.core.judges import CODE, JudgeSpec, JudgeType
from streamer.core.registered import Registered, described
from streamer.settings.code import file_of, hash_of_code
from streamer.settings.kinds import Filled, ModelName, RowName, Scalar, SomeMs, Whole
from streamer.settings.table import Table

VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*)\s*\}\}")
"""MLflow's own pattern (3.17, prompt/constants.py); importing it would cost the command line seconds."""
OF_SESSIONS = ("conversation", "expectations")
"""The variables that a judge of whole sessions may read: MLflow refuses any other beside `conversation`."""
RESERVED = ("max_retries", "messages", "model", "n", "num_retries", "response_format", "stream", "timeout")
"""What streamer or MLflow says itself in every call: a second word for it is an error in each, or another bill."""
OF_TYPES = {
    "path": ("code",),
    "scorer": ("registered",),
    "version": ("registered",),
    "experiment": ("registered",),
    "allow": ("registered",),
    "expectations": ("code", "registered"),
}
VALUE_TYPES: dict[str, type] = {"str": str, "bool": bool, "int": int, "float": float}


class JudgeTable(Table):
    type: JudgeType
    name: RowName | None = Field(None, description="the row's name in MLflow; the type's unless said otherwise")
    model: ModelName = Field("openai:/gpt-4.1-mini", description="MLflow's own default for judges")
    instructions: str | None = Field(None, description="of make_judge: with {{ conversation }}")
    guidelines: tuple[Filled, ...] = ()
    value_type: Literal["str", "bool", "int", "float", "any"] = Field(
        "str", description="of make_judge; any scalar for code unless said"
    )
    labels: tuple[Scalar, ...] = Field((), description="the only values that count as a verdict, all of value_type")
    deadline_ms: SomeMs = Field(60_000, description="above providers' p99 for 30 k tokens of input")
    parameters: dict[str, Scalar] = Field(default_factory=dict, description="temperature, max_tokens …")
    path: Filled | None = Field(None, description="of code: module:function, an MLflow @scorer on sessions")
    scorer: Filled | None = Field(None, description="of registered: its name in MLflow")
    version: Whole | None = Field(None, ge=1, description="of registered: the latest at the start unless said")
    experiment: Filled | None = Field(
        None, description="of registered: its id; mlflow.experiment_ids' first unless said"
    )
    allow: tuple[Filled, ...] = Field((), description="name:sha256 of code in MLflow that may be run here")
    expectations: bool = Field(False, description="of code: it takes them, and is judged where there are some")
    # No field: a file could set it.
    _definition: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if wrong := [*_foreign(self), *_wrong_prompt(self), *_wrong_labels(self)]:
            raise ValueError("; it ".join(wrong))
        return self

    @property
    def row_name(self) -> str:
        own = (self.path or "").rpartition(":")[2] if self.type == "code" else self.scorer
        return self.name or own or self.type

    def defined_as(self, definition: str) -> Self:
        """A registered one with what MLflow keeps of it."""
        copy = self.model_copy()
        copy._definition = definition
        return copy

    def spec(self) -> JudgeSpec:
        found = described(self._definition) if self._definition else None
        said, value_type = self.model_fields_set, self.value_type
        if self.type in ("code", "registered") and "value_type" not in said:
            value_type = found.value_type if found else "any"
        return JudgeSpec(
            type=self.type,
            name=self.row_name,
            model=self.model if "model" in said or self.type not in ("code", "registered") else _own_model(self, found),
            instructions=self.instructions,
            guidelines=self.guidelines,
            value_type=value_type,
            labels=self.labels or (found.labels if found else ()),
            deadline_ms=self.deadline_ms,
            parameters=tuple(sorted(self.parameters.items())),
            path=self.path,
            file=str(file_of(self.path)) if self.path else "",
            source_hash=hash_of_code(self.path) if self.path else "",
            definition=self._definition,
            definition_says=found.says if found else "",
            allow=self.allow,
            takes_expectations=self.expectations,
        )


def _foreign(judge: JudgeTable) -> Iterator[str]:
    """What this type of judge does not read: MLflow's built-in ones have a prompt and labels of their own."""
    for name, types in OF_TYPES.items():
        if name in judge.model_fields_set and judge.type not in types:
            yield f"has {name}, which only {' and '.join(types)} reads; take it out"
    if judge.type not in ("make_judge", "code", "registered"):
        for name in ("instructions", "labels", "value_type"):
            if name in judge.model_fields_set:
                yield f"has {name}, which only make_judge reads; {judge.type} has its own: take it out"
    if judge.guidelines and judge.type != "conversational_guidelines":
        yield "has guidelines, which only conversational_guidelines reads; take them out"
    if reserved := sorted(set(judge.parameters) & set(RESERVED)):
        yield f"has {', '.join(reserved)} among its parameters, which streamer says itself; take it out"


def _wrong_path(path: str | None) -> Iterator[str]:
    if path is None:
        yield 'needs path = "module:function"'
        return
    try:
        hash_of_code(path)
    except (OSError, ValueError) as error:
        yield f"cannot be found: {error}"


def _is_open(judge: JudgeTable) -> bool:
    """Its labels may be of any type: the code gives them."""
    return judge.type in ("code", "registered") and "value_type" not in judge.model_fields_set


def _own_model(judge: JudgeTable, found: Registered | None) -> str:
    """The one that it was registered with; code asks none that streamer knows of."""
    if found is not None and found.kind != "code":
        return found.model or judge.model
    return f"{CODE}{judge.path or judge.scorer}"


def _wrong_prompt(judge: JudgeTable) -> Iterator[str]:
    if judge.type == "conversational_guidelines" and not judge.guidelines:
        yield 'needs guidelines = ["…"]'
    if judge.type == "registered" and not judge.scorer:
        yield 'needs scorer = "its name in MLflow"'
    if judge.type == "code":
        yield from _wrong_path(judge.path)
    if judge.type != "make_judge":
        return
    if judge.value_type == "any":
        yield 'has value_type = "any", which only code reads; make_judge asks the model for one of a type'
    named = VARIABLE.findall(judge.instructions or "")
    if "conversation" not in named:
        yield "needs instructions with {{ conversation }}, where make_judge puts what was said"
    if unknown := sorted(set(named) - set(OF_SESSIONS)):
        said = ", ".join(f"{{{{ {name} }}}}" for name in unknown)
        yield f"cannot read {said}; a judge of sessions reads {{{{ conversation }}}} and {{{{ expectations }}}}"


def _wrong_labels(judge: JudgeTable) -> Iterator[str]:
    kinds = {type(label) for label in judge.labels}
    if judge.value_type != "any" and not _is_open(judge) and kinds - {VALUE_TYPES[judge.value_type]}:
        given = " and ".join(sorted(kind.__name__ for kind in kinds))
        yield (
            f'has labels of type {given} and value_type = "{judge.value_type}", so that no answer could be both; '
            "make them one type (true is a bool, 1 an int, 1.0 a float)"
        )
    if len({(type(label), label) for label in judge.labels}) < len(judge.labels):
        yield "has a label twice; take one out"
