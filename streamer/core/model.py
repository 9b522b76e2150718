"""What a judge asks of a language model, and what comes back."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from streamer.core.ids import digest
from streamer.core.verdict import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """`model` is spelled as in MLflow (`openai:/gpt-4.1-mini`). Messages are `{"role", "content"}`; parameters are the
    provider's (temperature, response_format …), plain JSON values."""

    model: str
    messages: tuple[dict[str, str], ...]
    parameters: dict[str, Any]

    @property
    def provider(self) -> str:
        """Whose limits and Retry-After the call is under."""
        return self.model.split(":")[0]

    def call_key(self, attempt: int) -> str:
        """Identity of a call: the same request, asked again after an unusable answer, is another call (design 11)."""
        parts = (self.model, canonical(self.messages), canonical(self.parameters), str(attempt))
        return digest(parts).hex()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's answer. `cost_usd` is None where the model's price is unknown."""

    content: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None

    @property
    def usage(self) -> Usage:
        """What this one answer cost."""
        return Usage(
            requests=1, input_tokens=self.input_tokens, output_tokens=self.output_tokens, cost_usd=self.cost_usd
        )

    def to_json(self) -> bytes:
        return canonical(asdict(self)).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> "Completion":
        return cls(**json.loads(raw))


MICROS = 1_000_000


def micros(usd: float) -> int:
    """USD in millionths, rounded up: a call is never free because it was cheap."""
    return math.ceil(round(usd * MICROS, 3))


def canonical(value: object) -> str:
    """JSON that is the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
