"""What dead-letter topics hold, letter by letter, and what may be done with each.

Rule: the same record set aside twice (reading goes back after an outage) is one letter; what is kept of a letter here
is what its list needs, never its value.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streamer.core.dead_letters import SUFFIX, Letter, Mark, Origin, Place, attempts_of, joined, read
from streamer.core.wire.records import Cut, Part, Record

ATTEMPTS_MAX = 3
"""A letter whose record has been replayed so often and came back each time is replayed no more."""


class Listed(NamedTuple):
    """A letter without its value."""

    origin: Origin
    reason: str
    detail: str
    size_bytes: int
    written_ms: int
    places: tuple[Place, ...]
    """Of its parts that were found, in their order."""
    parts: int
    missing: tuple[int, ...]
    """Numbers of parts that the topic does not hold (any more)."""
    left_out: str
    attempts: int
    """How often its record was replayed and came back."""
    replayed: bool

    @property
    def topic(self) -> str:
        """The dead-letter topic."""
        return self.origin.topic + SUFFIX

    @property
    def refusal(self) -> str:
        """Why it can never be replayed as it is; "" where it can."""
        if self.missing:
            return f"{len(self.missing)} of {self.parts} parts are missing"
        if self.left_out:
            return f"its {self.left_out} were too large for the dead-letter topic"
        return f"came back {self.attempts} times" if self.attempts >= ATTEMPTS_MAX else ""


class _Found(NamedTuple):
    place: Place
    size_bytes: int
    attempts: int
    reason: str
    detail: str
    left_out: str
    written_ms: int


class Letterbox:
    """Records of dead-letter topics in any order."""

    def __init__(self) -> None:
        self._found: defaultdict[Origin, dict[tuple[str, int], dict[int, _Found]]] = defaultdict(dict)
        self._replayed: set[Origin] = set()
        self.foreign = 0
        """Records that are neither a letter nor a mark."""

    def add(self, record: Record) -> None:
        letter = read(record)
        if isinstance(letter, Mark):
            self._replayed.add(letter.origin)
        elif letter is None:
            self.foreign += 1
        else:
            parts = self._found[letter.origin].setdefault((letter.part.id, letter.part.of), {})
            parts[letter.part.number] = _Found(
                letter.place,
                len(letter.original.value or b""),
                attempts_of(letter.original.headers),
                letter.reason,
                letter.detail,
                letter.left_out,
                letter.written_ms,
            )

    def letters(self) -> list[Listed]:
        """The oldest first."""
        found = [self._listed(origin, groups) for origin, groups in self._found.items()]
        return sorted(found, key=lambda listed: (listed.written_ms, listed.origin))

    def _listed(self, origin: Origin, groups: dict[tuple[str, int], dict[int, _Found]]) -> Listed:
        """The latest whole one. Parts of another size are left of a try that the topic refused."""
        (_, of), parts = max(
            groups.items(),
            key=lambda group: (len(group[1]) == group[0][1], max(part.written_ms for part in group[1].values())),
        )
        found = [parts[number] for number in sorted(parts)]
        return Listed(
            origin=origin,
            reason=found[0].reason,
            detail=found[0].detail,
            size_bytes=sum(part.size_bytes for part in found),
            written_ms=found[0].written_ms,
            places=tuple(part.place for part in found),
            parts=of,
            missing=tuple(number for number in range(1, of + 1) if number not in parts),
            left_out=found[0].left_out,
            attempts=found[0].attempts,
            replayed=origin in self._replayed,
        )


class Joining:
    """Records of dead-letter topics, read a second time, into the originals of the letters that are wanted."""

    def __init__(self, wanted: Iterable[Listed]) -> None:
        self._wanted = {(listed.topic, *place): listed for listed in wanted for place in listed.places}
        self._parts: defaultdict[Origin, dict[Part, Letter]] = defaultdict(dict)

    def add(self, record: Record) -> tuple[Listed, Record] | None:
        """A letter and its original, with the record that completes it."""
        listed = self._wanted.get((record.topic, record.partition, record.offset))
        letter = read(record)
        if listed is None or not isinstance(letter, Letter):
            return None
        parts = self._parts[listed.origin]
        parts[letter.part] = letter
        if len(parts) < listed.parts:
            return None
        return listed, joined(list(self._parts.pop(listed.origin).values()))


class Fate(NamedTuple):
    """What would become of a record if it were read again."""

    kind: Literal["decodes", "left_out", "fails"]
    why: str
    """The rule of `keep`, or the reason."""


def fate_of(cut: Cut) -> Fate:
    """A record with anything unreadable in it would be a dead letter again."""
    if cut.problems:
        return Fate("fails", cut.problems[0].reason)
    return Fate("left_out", cut.out_of_scope) if cut.out_of_scope else Fate("decodes", "")


@dataclass(slots=True)
class Tally:
    """What a replay has found, and done."""

    already: int = 0
    """Replayed before; not counted in what follows."""
    decode: int = 0
    fail: Counter[str] = field(default_factory=Counter)
    leave_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Can never be replayed, by why."""
    wanted: int = 0
    """To be put back."""
    replayed: int = 0

    @property
    def letters(self) -> int:
        return self.decode + self.fail.total() + self.leave_out.total() + self.refused.total()

    def add(self, fate: Fate) -> None:
        if fate.kind == "decodes":
            self.decode += 1
        elif fate.kind == "fails":
            self.fail[fate.why] += 1
        else:
            self.leave_out[fate.why] += 1
