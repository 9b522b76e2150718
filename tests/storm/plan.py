"""What the storm's users will say, from one seed, and what a judge must say of it in the end.

Rule: nothing of the project is imported here: generator and checker read the laws with their own eyes.
"""

import hashlib
import random
from dataclasses import dataclass

MOODS = {
    "angry": "This is useless, I give up.",
    "glad": "Perfect, thanks!",
    "plain": "Where is my order?",
}
"""What the scripted model looks for in a user's words."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: a trace. `at_s` is when it happens, from the storm's beginning."""

    session: str
    number: int
    trace_id: str
    at_s: float
    mood: str
    split: bool
    """Its root comes in a record of its own, later than its child."""
    again: bool
    """Its records are sent twice."""
    late_s: float
    """Its records come so much later than it happened: after the next turn's, perhaps."""
    mlflow_late_s: float

    @property
    def user(self) -> str:
        return f"[{self.session} turn {self.number}] {MOODS[self.mood]}"


@dataclass(frozen=True, slots=True)
class Conversation:
    session: str
    turns: tuple[Turn, ...]

    @property
    def expected(self) -> str:
        """As the scripted model answers: was there anger, and was the last word a glad one?"""
        if all(turn.mood != "angry" for turn in self.turns):
            return "none"
        return "resolved" if self.turns[-1].mood == "glad" else "unresolved"

    @property
    def quote(self) -> str:
        """The last angry words, which a rationale must name; "" if there are none."""
        return next((turn.user for turn in reversed(self.turns) if turn.mood == "angry"), "")


def conversations(seed: int, sessions: int, seconds: float, gap_s: float) -> list[Conversation]:
    """Spread over `seconds`. One in six users returns after the session was quiet."""
    r = random.Random(seed)
    made = []
    for n in range(sessions):
        session, at_s = f"storm-{seed}-{n}", r.uniform(0, seconds)
        turns = []
        for number in range(1, r.choice((1, 1, 2, 2, 3, 4)) + 1):
            turns.append(_turn(r, session, number, at_s, gap_s))
            back = r.random() < 1 / 6
            at_s += gap_s * (r.uniform(1.5, 4) if back else r.uniform(0.05, 0.5))
        made.append(Conversation(session, tuple(turns)))
    return made


def _turn(r: random.Random, session: str, number: int, at_s: float, gap_s: float) -> Turn:
    return Turn(
        session=session,
        number=number,
        trace_id=hashlib.sha256(f"{session}/{number}".encode()).hexdigest()[:32],
        at_s=at_s,
        mood=r.choice(("angry", "glad", "plain")),
        split=r.random() < 0.2,
        again=r.random() < 0.1,
        late_s=r.uniform(0, gap_s * 0.4) if r.random() < 0.15 else 0.0,
        mlflow_late_s=r.uniform(0, gap_s) if r.random() < 0.2 else 0.0,
    )
