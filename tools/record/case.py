"""What a recording is: a program, an environment and a mode."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """`mode`: words for the program. `skip`: roots that are no turn. `expected`: what of a turn cannot be found by
    looking for texts. `document`: the same for a document of it."""

    name: str
    environment: str
    program: str
    sdk: str
    says: str
    mode: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    skip: str | None = None
    expected: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)


LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
