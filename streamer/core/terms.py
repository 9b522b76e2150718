"""What a judge worker goes by: judges and rules, as one value that is in force or not (design 16)."""

import hashlib
from dataclasses import dataclass

from streamer.core.judges import JudgeSpec
from streamer.core.rules import Rule, attributes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`content` says everything of it, and whatever else must be alike on all workers that claim."""

    specs: tuple[JudgeSpec, ...]
    rules: tuple[Rule, ...]
    content: bytes

    @property
    def hash(self) -> str:
        """12 hex digits: what people compare."""
        return hash_of(self.content)

    @property
    def asked(self) -> frozenset[str]:
        """Attributes that some rule asks for."""
        return attributes_of(self.rules)


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
