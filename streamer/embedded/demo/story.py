"""The demo's scenes: four about verdicts here, two about those who are told of a spike in spike.py.

Rule: every figure is read back from MLflow, the model's log, Redis or the feed; one that is false fails the demo.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.table import Table
from rich.text import Text

from streamer.embedded.demo.pager import BUDGET, Pager
from streamer.embedded.demo.refunds import AGENT
from streamer.embedded.demo.screen import FalseStatementError, console, say, show, state
from streamer.embedded.demo.script import ANGRY, MORNING, RETURN, Conversation, busy_hour, last_one
from streamer.embedded.demo.spike import HISTORY, Spike
from streamer.embedded.demo.stage import DEFAULT_MODEL, GAP_MS, JUDGE, TOPIC, Stage

T = TypeVar("T")
Row = dict[str, Any]
WAIT_S = 45
EVERY_S = 0.4
"""Between two conversations of the morning."""
HOURS_MAX = 3
"""How often a busy hour is tried until the kill has come in the middle of writing."""
DAY_SESSIONS = 1_000
"""A day of a small support desk, for the estimate of cost."""


class Count(NamedTuple):
    rows: int
    answers: int


class Story:
    def __init__(self, stage: Stage) -> None:
        self._s = stage
        self._last_turn: dict[str, float] = {}
        self._next = len(MORNING) + 2

    def tell(self) -> None:
        with Pager(self._s, AGENT).open() as pager:
            self._spike = Spike(self._s, pager)
            for scene in (
                self._calm_morning,
                self._somebody_comes_back,
                self._kill,
                self._broken_records,
                self._release,
                self._rollback,
                self._summary,
            ):
                scene()

    # ------------------------------------------------------------ scenes

    def _calm_morning(self) -> None:
        say("\nScene 1  a calm morning: twelve conversations, one of them frustrated", "bold")
        talks = [*MORNING, ANGRY]
        with self._talking(talks):
            rows = self._tell_verdicts(talks)
        values = [row["feedback"]["value"] for row in rows.values()]
        if self._s.scripted:
            state("eleven are none, one is unresolved", sorted(values) == ["none"] * 11 + ["unresolved"])
        else:  # a real model has an opinion of its own
            state("the frustrated one is told from the calm", rows[ANGRY.session]["feedback"]["value"] != "none")
        say(f"    {ANGRY.session}, why: {rows[ANGRY.session]['rationale']}", "dim")

    def _somebody_comes_back(self) -> None:
        say("\nScene 2  somebody comes back, and it ends well", "bold")
        before = self._rows()[ANGRY.session]
        self._turn(ANGRY.session, *RETURN)
        row = self._await(lambda: self._at_revision(ANGRY.session, 2), f"{ANGRY.session} judged again")
        values = before["feedback"]["value"], row["feedback"]["value"]
        say(f"  {ANGRY.session}  {values[0]} → {values[1]}, {self._late(ANGRY.session, row)} after the gap")
        if self._s.scripted:
            state("the verdict has changed", values[0] != values[1])
        mine = [r for r in self._s.rows() if r["metadata"]["mlflow.trace.session"] == ANGRY.session]
        state("MLflow still has one row", len(mine) == 1 and mine[0]["assessment_id"] == before["assessment_id"])
        state("revision 1 is kept with it", '"revision": 1' in row["metadata"]["streamer.history"])

    def _kill(self) -> None:
        say("\nScene 3  kill -9 of the judge in the middle of writing, and a restart", "bold")
        for _ in range(HOURS_MAX):
            talks = busy_hour(self._next)
            self._next += len(talks)
            known = self._count()
            for talk in talks:
                self._hold(talk)
            if self._killed_in_the_middle(known, len(talks)):
                break
            say("  all rows were written too soon; another six", "dim")
        else:
            raise FalseStatementError(f"the judge was killed in the middle of writing, in {HOURS_MAX} attempts")
        say("  restarting it; the dead one's lease on what it had in hand runs for 15 s", "dim")
        self._s.restart_judge()
        say(f"  meanwhile {HISTORY} conversations of three days, with another agent, in fast motion", "dim")
        self._spike.hold_history()
        rows = self._await_rows(known.rows + len(talks), "all rows, and the end of the lease")
        state("0 lost", all(talk.session in rows for talk in talks))
        state("0 doubled", len(self._s.rows()) == len(rows))
        if self._s.model_log is not None:
            calls = self._s.model_calls()
            told = f"{calls.total()} calls so far, {len(calls)} different"
            state(f"no call paid twice, by the model's own log: {told}", max(calls.values()) == 1)

    def _killed_in_the_middle(self, known: Count, wanted: int) -> bool:
        """Every answer is paid for; some rows stand in MLflow and others do not. The judge is frozen while we count."""
        self._await(lambda: self._s.saved_answers() >= known.answers + wanted or None, "the model's answers", 0.002)
        for _ in _ticks(WAIT_S, 0.004):
            self._s.freeze_judge()
            written, intents = len(self._s.rows()) - known.rows, self._s.open_intents()
            if 0 < written < wanted and (intents or written == wanted - 1):
                self._s.kill_judge()
                say(f"  killed: {wanted} answers were paid for, {written} of {wanted} rows stood in MLflow")
                say(f"  outstanding: {wanted - written} rows; writes that had begun and not ended: {intents}")
                return True
            self._s.thaw_judge()
            if written >= wanted:
                return False
        return False

    def _broken_records(self) -> None:
        say("\nScene 4  broken records on the topic, and a good conversation among them", "bold")
        self._s.collector.produce(b"this is no OTLP")
        self._s.collector.produce(b'{"hello": "json"}')
        self._s.collector.produce(truncated_record())
        good = last_one(self._next)
        self._hold(good)
        self._tell_verdicts([good])
        letters = self._await(lambda: letters if len(letters := self._s.dead_letters()) >= 3 else None, "dead letters")
        for letter in letters:
            where = f"{letter['dlq.topic']}[{letter['dlq.partition']}]@{letter['dlq.offset']}"
            say(f"  {TOPIC}.dlq  {where}  {letter['dlq.reason']}: {letter['dlq.detail'][:80]}")
        reasons = sorted(letter["dlq.reason"] for letter in letters)
        state("three dead letters with their reasons", reasons == ["truncated", "unreadable", "unreadable"])

    def _release(self) -> None:
        say("\nScene 5  a release breaks refunds", "bold")
        self._spike.tell_history()
        say(
            f"  the rule is the one that runs without any configuration; here it may be wrong once in {BUDGET:,}\n"
            "  conversations instead of once in 300,000, so that fewer make it sure",
            "dim",
        )
        self._spike.break_refunds()

    def _rollback(self) -> None:
        say("\nScene 6  the release is rolled back", "bold")
        self._spike.roll_back()

    def _summary(self) -> None:
        rows = sorted(self._rows().values(), key=lambda row: str(row["metadata"]["mlflow.trace.session"]))
        say("\nThe first four scenes, read back from MLflow", "bold")
        show(_table(rows))
        verdicts = [value for value in self._s.feed() if value["kind"] == "verdict"]
        state("the feed on Kafka says the same", {_said(v) for v in verdicts} >= {_said_by_row(row) for row in rows})
        cost = [float(row["metadata"].get("mlflow.assessment.judgeCost", 0)) for row in rows]
        a_day = sum(cost) / len(cost) * DAY_SESSIONS
        named = DEFAULT_MODEL if self._s.scripted else self._s.model
        used = f"{sum(map(_tokens, rows)):,} tokens in all"
        say(
            f"  {used}; {DAY_SESSIONS:,} such conversations a day would cost ${a_day:.2f} on {named}, at its list price"
        )
        say("\nOn your own topic", "bold")
        say("  export KAFKA=… REDIS_URL=… MLFLOW_TRACKING_URI=… OPENAI_API_KEY=…")
        say("  .venv/bin/streamer check                               what is missing, with the line that adds it")
        say("  .venv/bin/streamer run --dry-run --for 60 --from 2h    what it would judge, and for how much")
        say("  .venv/bin/streamer run")

    # ------------------------------------------------------------ acting

    @contextmanager
    def _talking(self, talks: Sequence[Conversation]) -> Iterator[None]:
        """The conversations are held meanwhile, one after the other."""

        def talk() -> None:
            for one in talks:
                self._hold(one)
                time.sleep(EVERY_S)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield
        thread.join()

    def _hold(self, talk: Conversation) -> None:
        for user, assistant in talk.turns:
            self._turn(talk.session, user, assistant)

    def _turn(self, session: str, user: str, assistant: str) -> None:
        self._s.turn(session, user, assistant)
        self._last_turn[session] = time.time_ns() / 1e9

    # ------------------------------------------------------------ reading

    def _tell_verdicts(self, talks: Sequence[Conversation]) -> dict[str, Row]:
        """A line for each as soon as its row is seen in MLflow. Their rows."""
        told: dict[str, Row] = {}
        with console.status("listening for verdicts"):
            for _ in _ticks(WAIT_S, 0.2):
                rows = self._rows()
                for talk in talks:
                    row = rows.get(talk.session)
                    whole = row is not None and int(row["metadata"]["streamer.turns"]) == len(talk.turns)
                    if row is not None and whole and talk.session not in told:
                        told[talk.session] = row
                        late = self._late(talk.session, row)
                        say(f"  {talk.session}  {row['feedback']['value']:10}  in MLflow {late} after its gap")
                if len(told) == len(talks):
                    return told
        missing = ", ".join(talk.session for talk in talks if talk.session not in told)
        raise FalseStatementError(f"a verdict for {missing}: not within {WAIT_S} s")

    def _late(self, session: str, row: Row) -> str:
        """From the end of the quiet gap to the row's last update, by MLflow's clock."""
        stored = datetime.fromisoformat(row["last_update_time"].replace("Z", "+00:00")).timestamp()
        return f"{stored - self._last_turn[session] - GAP_MS / 1000:.1f} s"

    def _count(self) -> Count:
        return Count(len(self._s.rows()), self._s.saved_answers())

    def _rows(self) -> dict[str, Row]:
        return {row["metadata"]["mlflow.trace.session"]: row for row in self._s.rows()}

    def _at_revision(self, session: str, revision: int) -> Row | None:
        row = self._rows()[session]
        return row if row["metadata"]["streamer.revision"] == str(revision) else None

    def _await_rows(self, count: int, what: str) -> dict[str, Row]:
        return self._await(lambda: rows if len(rows := self._rows()) >= count else None, what)

    def _await(self, look: Callable[[], T | None], what: str, every_s: float = 0.2) -> T:
        with console.status(f"waiting for {what}"):
            for _ in _ticks(WAIT_S, every_s):
                if (found := look()) is not None:
                    return found
        raise FalseStatementError(f"{what}: not within {WAIT_S} s")


def _table(rows: Sequence[Row]) -> Table:
    table = Table("session", "verdict", "revision", "turns", "tokens")
    for row in rows:
        meta = row["metadata"]
        cells = (meta["mlflow.trace.session"], row["feedback"]["value"], meta["streamer.revision"])
        table.add_row(*(Text(str(cell)) for cell in (*cells, meta["streamer.turns"], _tokens(row))))
    return table


def _tokens(row: Row) -> int:
    return sum(int(row["metadata"][f"mlflow.assessment.judge{side}Tokens"]) for side in ("Input", "Output"))


def _said(value: dict[str, Any]) -> tuple[str, str, int]:
    return value["session"]["id"], str(value["value"]), value["revision"]


def _said_by_row(row: Row) -> tuple[str, str, int]:
    meta = row["metadata"]
    assert row["assessment_name"] == JUDGE
    return meta["mlflow.trace.session"], str(row["feedback"]["value"]), int(meta["streamer.revision"])


def _ticks(seconds: float, every_s: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(every_s)


def truncated_record() -> bytes:
    """A record that ends in the middle of its second span."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for n in (1, 2):
        span = scope.spans.add(trace_id=bytes([9] * 16), span_id=bytes([n] * 8), name="chat")
        span.attributes.add(key="gen_ai.conversation.id").value.string_value = "x" * 50
    return request.SerializeToString()[:-20]
