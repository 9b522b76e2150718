"""What is gathered from one record, and what it comes to."""

from streamer.core.wire.records import Control, Cut, Fragment, Problem, ProblemReason

PROBLEMS_MAX = 1_000


class Heap:
    """What is gathered from one record."""

    def __init__(self) -> None:
        self.fragments: list[Fragment] = []
        self.problems: list[Problem] = []
        self.controls: list[Control] = []
        self.rule = ""
        self.found = self.spans = self.judges = self.unlisted = self.no_ids = 0

    def add(self, problem: Problem) -> None:
        """Of a thousand like ones the next says nothing new."""
        self.found += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)

    def result(self) -> Cut:
        """Nothing kept and a problem: a dead letter. Nothing kept: the rule that left out what could be read."""
        rule = "own_judge" if self.judges else "not_listed" if self.unlisted else self.rule or None
        if self.fragments or self.controls:
            return Cut(self.fragments, self.problems, self.spans, controls=self.controls)
        if not self.problems:
            return Cut([], [], 0, rule or "empty")
        if self.no_ids == self.found:  # metrics have the same outer shape as traces
            return failed("no_spans", "nothing in it has a trace id or a span id", 0)
        worst = self.problems[0]
        if worst.reason == "truncated" and len(self.problems) == 1 and not rule:
            return failed("unreadable", "broken, and no whole span in it", worst.offset)
        return Cut([], self.problems, 0, rule)


def failed(reason: ProblemReason, detail: str, offset: int) -> Cut:
    return Cut([], [Problem(reason, detail, offset)], 0)
