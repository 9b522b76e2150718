"""Scenes 5 and 6: a release breaks refunds and somebody is told; it is rolled back and they are told again.

Rule: the alert is printed as it arrived, in the words that every channel gets. The rule is the one that runs where
nothing is configured, but for its budget, which is said.
"""

import time
from collections.abc import Iterator
from itertools import islice

from streamer.core.alerts.notice import Notice
from streamer.core.alerts.wording import lines, title
from streamer.embedded.demo.pager import Pager
from streamer.embedded.demo.refunds import AGENT, NEW, OLD, Refund, exported, rolling_out, usual
from streamer.embedded.demo.screen import FalseStatementError, console, say, state
from streamer.embedded.demo.stage import Stage

HISTORY, HISTORY_MS = 240, 72 * 3_600_000
"""Conversations of three days: 30 bad ones are a baseline."""
UP_TO_MS = 2 * 3_600_000
"""The history ends so long ago: what is of this very hour is not learned yet."""
AT_ONCE = 24
"""Seven hours of conversations in one request, and the next when they are judged: a judge takes what is due in any
order, and of a day whose morrow is known nothing is learned any more."""
EVERY_S = 0.25
BROKEN_MAX, MENDED_MAX = 120, 240
ARRIVES_S = 90


class Spike:
    def __init__(self, stage: Stage, pager: Pager) -> None:
        self._s, self._pager, self._next = stage, pager, 1_000

    def hold_history(self) -> None:
        """Three days in fast motion: the times are in the spans, all else is as it is every day."""
        end_ms = time.time_ns() // 1_000_000 - UP_TO_MS
        times = [end_ms - HISTORY_MS + n * HISTORY_MS // HISTORY for n in range(HISTORY)]
        refunds = usual(self._next, times)
        self._next += HISTORY
        known, end = self._s.saved_answers(), time.monotonic() + ARRIVES_S
        for start in range(0, HISTORY, AT_ONCE):
            self._send(refunds[start : start + AT_ONCE])
            while self._s.saved_answers() - known < start + AT_ONCE and time.monotonic() < end:
                time.sleep(0.1)

    def tell_history(self) -> None:
        """The monitor is waited for, and for it to have counted all of them."""
        self._pager.wait()
        judged, hits = 0, 0
        with console.status("listening for verdicts"):
            for _ in range(ARRIVES_S * 2):
                judged, hits = self._pager.shares().get(OLD, (0, 0))
                if judged >= HISTORY:
                    break
                time.sleep(0.5)
        share = hits / judged if judged else 0.0
        state(
            f"streamer series: {judged} conversations of {AGENT} {OLD} in three days, {share:.0%} bad",
            judged == HISTORY,
        )

    def break_refunds(self) -> Notice:
        """What the pager is told."""
        say(f"  {AGENT} {NEW} goes out, two conversations in three get it, and their refunds fail", "dim")
        began = time.monotonic()
        notice, held = self._until("raise", (rolling_out(self._number(), _now_ms()) for _ in range(BROKEN_MAX)), 1)
        say(f"  the pager, {time.monotonic() - began:.1f} s later, {held} conversations into it:", "bold")
        self._print(notice)
        part = notice.explained_by
        state(
            f"it names the slice: version {NEW}", part is not None and (part.dimension, part.value) == ("version", NEW)
        )
        state("three conversations, each with a quote", len([one for one in notice.examples if one.quote]) == 3)
        say(f"    each has a link: {notice.links[0]}" if notice.links and notice.links[0] else "    (no link)", "dim")
        return notice

    def roll_back(self) -> None:
        say(f"  back to {AGENT} {OLD}", "dim")
        began = time.monotonic()
        mended = (usual(self._number(), [_now_ms()])[0] for _ in range(MENDED_MAX))
        notice, held = self._until("resolve", mended, 3)
        say(f"  the pager, {time.monotonic() - began:.1f} s later, {held} conversations into it:", "bold")
        self._print(notice)
        extra = self._pager.receiver.next(1)
        state("told twice in all: once that it began, once that it is over", extra is None)

    # ------------------------------------------------------------ parts

    def _until(self, kind: str, refunds: Iterator[Refund], at_once: int) -> tuple[Notice, int]:
        """Conversations are held until somebody is told; the notice, and how many were held by then."""
        held, end = 0, time.monotonic() + ARRIVES_S
        with console.status("conversations are held"):
            while time.monotonic() < end:
                some = list(islice(refunds, at_once))
                if some:
                    self._send(some)
                held += len(some)
                if (told := self._pager.receiver.next(EVERY_S)) is not None:
                    if told["kind"] != kind:
                        raise FalseStatementError(f"the pager is told of a {kind}, not of a {told['kind']}")
                    return Notice.from_json(told), held
        raise FalseStatementError(f"the pager is told of a {kind}: not within {ARRIVES_S} s")

    def _print(self, notice: Notice) -> None:
        say(f"    {title(notice)}", "yellow" if notice.kind == "raise" else "green")
        for line in lines(notice):
            say(f"      {line}")

    def _send(self, refunds: list[Refund]) -> None:
        with self._pager.busy():
            self._s.collector.export(exported(refunds))

    def _number(self) -> int:
        self._next += 1
        return self._next


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
