"""One `[[judges]]` table.

Rule: what MLflow's make_judge would refuse, or every answer would fail on, is refused before anything is started.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from streamer.core.judges import JudgeSpec, JudgeType
from streamer.errors import ConfigurationError
from streamer.settings.kinds import Filled, ModelName, RowName, Scalar, SomeMs
from streamer.settings.table import Table

VARIABLE = re.compile(r"\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)*)\s*\}\}")
"""MLflow's own pattern (3.17, prompt/constants.py); importing it would cost the command line seconds."""
OF_SESSIONS = ("conversation", "expectations")
"""The variables that a judge of whole sessions may read: MLflow refuses any other beside `conversation`."""
RESERVED = ("max_retries", "messages", "model", "n", "num_retries", "response_format", "stream", "timeout")
"""What streamer or MLflow says itself in every call: a second word for it is an error in each, or another bill."""
VALUE_TYPES: dict[str, type] = {"str": str, "bool": bool, "int": int, "float": float}


class JudgeTable(Table):
    type: JudgeType
    name: RowName | None = Field(None, description="the row's name in MLflow; the type's unless said otherwise")
    model: ModelName = Field("openai:/gpt-4.1-mini", description="MLflow's own default for judges")
    instructions: str | None = Field(None, description="of make_judge: with {{ conversation }}")
    guidelines: tuple[Filled, ...] = ()
    value_type: Literal["str", "bool", "int", "float"] = "str"
    labels: tuple[Scalar, ...] = Field((), description="the only values that count as a verdict, all of value_type")
    deadline_ms: SomeMs = Field(60_000, description="above providers' p99 for 30 k tokens of input")
    parameters: dict[str, Scalar] = Field(default_factory=dict, description="temperature, max_tokens …")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if wrong := [*_foreign(self), *_wrong_prompt(self), *_wrong_labels(self)]:
            raise ValueError("; it ".join(wrong))
        return self

    @property
    def row_name(self) -> str:
        return self.name or self.type

    def spec(self) -> JudgeSpec:
        return JudgeSpec(
            type=self.type,
            name=self.row_name,
            model=self.model,
            instructions=self.instructions,
            guidelines=self.guidelines,
            value_type=self.value_type,
            labels=self.labels,
            deadline_ms=self.deadline_ms,
            parameters=tuple(sorted(self.parameters.items())),
        )


def spec_named(tables: Sequence[JudgeTable], judge: str, model: str | None = None) -> JudgeSpec:
    """The configured judge of this name, else MLflow's of this type; asking another model, if one is named."""
    table = next((one for one in tables if judge in (one.row_name, one.type)), None)
    if table is None:
        try:
            table = JudgeTable.model_validate({"type": judge})
        except ValueError:
            known = ", ".join(sorted({one.row_name for one in tables}))
            raise ConfigurationError(
                f"no judge {judge!r}: the configuration has {known}; others by type, as in --judge knowledge_retention"
            ) from None
    return (table.model_copy(update={"model": model}) if model else table).spec()


def _foreign(judge: JudgeTable) -> Iterator[str]:
    """What this type of judge does not read: MLflow's built-in ones have a prompt and labels of their own."""
    if judge.type != "make_judge":
        for name in ("instructions", "labels", "value_type"):
            if name in judge.model_fields_set:
                yield f"has {name}, which only make_judge reads; {judge.type} has its own: take it out"
    if judge.guidelines and judge.type != "conversational_guidelines":
        yield "has guidelines, which only conversational_guidelines reads; take them out"
    if reserved := sorted(set(judge.parameters) & set(RESERVED)):
        yield f"has {', '.join(reserved)} among its parameters, which streamer says itself; take it out"


def _wrong_prompt(judge: JudgeTable) -> Iterator[str]:
    if judge.type == "conversational_guidelines" and not judge.guidelines:
        yield 'needs guidelines = ["…"]'
    if judge.type != "make_judge":
        return
    named = VARIABLE.findall(judge.instructions or "")
    if "conversation" not in named:
        yield "needs instructions with {{ conversation }}, where make_judge puts what was said"
    if unknown := sorted(set(named) - set(OF_SESSIONS)):
        said = ", ".join(f"{{{{ {name} }}}}" for name in unknown)
        yield f"cannot read {said}; a judge of sessions reads {{{{ conversation }}}} and {{{{ expectations }}}}"


def _wrong_labels(judge: JudgeTable) -> Iterator[str]:
    kinds = {type(label) for label in judge.labels}
    if kinds - {VALUE_TYPES[judge.value_type]}:
        given = " and ".join(sorted(kind.__name__ for kind in kinds))
        yield (
            f'has labels of type {given} and value_type = "{judge.value_type}", so that no answer could be both; '
            "make them one type (true is a bool, 1 an int, 1.0 a float)"
        )
    if len({(type(label), label) for label in judge.labels}) < len(judge.labels):
        yield "has a label twice; take one out"
