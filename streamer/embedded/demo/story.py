"""The demo's four scenes. Every figure is read back from MLflow, the model's log or the feed; a false one fails it."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamer.embedded.demo.look import TOPIC
from streamer.embedded.demo.script import AFTERNOON, ANGRY, MORNING, RETURN, Conversation
from streamer.embedded.demo.stage import GAP_MS, JUDGE, Stage
from streamer.errors import ConfigurationError, StreamerError

T = TypeVar("T")
console = Console(highlight=False)
WAIT_S = 45
DAY_SESSIONS = 1_000
"""A day of a small support desk, for the estimate of cost."""


class FalseStatementError(Exception):
    """The demo said something that did not hold."""


def say(text: str = "", style: str = "") -> None:
    console.print(Text(text, style=style))


def state(fact: str, holds: bool) -> None:
    """A fact, checked: the demo ends with an error where it is false."""
    say(f"  {'✓' if holds else '✗'} {fact}", "green" if holds else "bold red")
    if not holds:
        raise FalseStatementError(fact)


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupted)
    began = time.monotonic()
    say("streamer, live: one verdict per conversation, seconds after it falls quiet", "bold")
    home = Path(tempfile.mkdtemp(prefix="streamer-demo-"))
    keep = bool(os.environ.get("KEEP"))
    try:
        with Stage(home, say, lambda what: console.status(f"waiting for {what}")) as stage:
            say(f"quiet gap {GAP_MS / 1000:.0f} s here, 15 min in production; up in {_since(began)}\n", "dim")
            told = time.monotonic()
            Story(stage).tell()
            say(f"\ntold in {_since(told)}; MLflow was at {stage.mlflow} while it ran", "dim")
            _linger(stage)
    except KeyboardInterrupt:
        say("\nstopped")
        return 130
    except ConfigurationError as error:
        say(f"\n{error}", "bold red")
        return 2
    except (FalseStatementError, StreamerError, RuntimeError, OSError) as error:
        keep = True
        say(f"\nthe demo failed: {error}", "bold red")
        return 1
    finally:
        if keep:
            say(f"logs: {home}", "dim")
        else:
            shutil.rmtree(home, ignore_errors=True)
    return 0


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _linger(stage: Stage) -> None:
    """On a terminal the services stay up for a look around."""
    if sys.stdin.isatty() and not os.environ.get("CI"):
        say(f"look around: {stage.mlflow}/#/experiments/{stage.experiment_id}; Enter ends the demo", "bold")
        sys.stdin.readline()


class Story:
    def __init__(self, stage: Stage) -> None:
        self._s = stage
        self._last_turn: dict[str, float] = {}

    def tell(self) -> None:
        for scene in (self._calm_morning, self._somebody_comes_back, self._kill, self._broken_records, self._summary):
            scene()

    # ------------------------------------------------------------ scenes

    def _calm_morning(self) -> None:
        say("Scene 1  a calm morning: twelve conversations, one of them frustrated", "bold")
        talks = [*MORNING, ANGRY]
        for talk in talks:
            self._hold(talk)
        rows = self._await_rows(len(talks), "verdicts in MLflow")
        for talk in talks:
            row = rows[talk.session]
            say(f"  {talk.session}  {row['feedback']['value']:11} {self._late(talk.session, row)} after its gap")
        values = [row["feedback"]["value"] for row in rows.values()]
        state("eleven are none, one is unresolved", sorted(values) == ["none"] * 11 + ["unresolved"])
        said = rows[ANGRY.session]["rationale"]
        say(f"    why: {said}", "dim")

    def _somebody_comes_back(self) -> None:
        say("\nScene 2  somebody comes back", "bold")
        before = self._rows()[ANGRY.session]
        self._turn(ANGRY.session, *RETURN)
        rows = self._await(lambda: self._at_revision(ANGRY.session, 2), f"{ANGRY.session} judged again")
        row = rows[ANGRY.session]
        late = self._late(ANGRY.session, row)
        say(f"  {ANGRY.session}  {before['feedback']['value']} → {row['feedback']['value']}, {late} after the gap")
        mine = [r for r in self._s.rows() if r["metadata"]["mlflow.trace.session"] == ANGRY.session]
        state("MLflow still has one row", len(mine) == 1 and mine[0]["assessment_id"] == before["assessment_id"])
        state("revision 1 is kept with it", '"revision": 1' in row["metadata"]["streamer.history"])

    def _kill(self) -> None:
        say("\nScene 3  kill -9 of the judge while it writes, and a restart", "bold")
        known, answers = len(self._s.rows()), self._s.saved_answers()
        for talk in AFTERNOON:
            self._hold(talk)
        wanted = answers + len(AFTERNOON)
        self._await(lambda: self._s.saved_answers() >= wanted or None, "the model's answers", 0.002)
        self._s.kill_judge()
        say(f"  killed; {len(self._s.rows()) - known} of {len(AFTERNOON)} rows stood in MLflow")
        self._s.restart_judge()
        rows = self._await_rows(known + len(AFTERNOON), "all rows")
        state("0 lost", all(talk.session in rows for talk in AFTERNOON))
        state("0 doubled", len(self._s.rows()) == len(rows))
        if self._s.model_log is not None:
            state("no call paid twice, by the model's own log", max(self._s.model_calls().values()) == 1)

    def _broken_records(self) -> None:
        say("\nScene 4  broken records on the topic", "bold")
        known = len(self._s.rows())
        self._s.collector.produce(b"this is no OTLP")
        self._s.collector.produce(b'{"hello": "json"}')
        self._s.collector.produce(truncated_record())
        self._hold(Conversation("chat-19", (("Is anybody there?", "I am."), ("Great, thanks.", "Any time."))))
        self._await_rows(known + 1, "the good conversation's verdict")
        letters = self._await(lambda: letters if len(letters := self._s.dead_letters()) >= 3 else None, "dead letters")
        for letter in letters:
            say(f"  {TOPIC}.dlq  {letter['dlq.reason']}: {letter['dlq.detail'][:80]}")
        state("three dead letters with their reasons, and the good conversation judged", len(letters) == 3)

    def _summary(self) -> None:
        rows = sorted(self._rows().values(), key=lambda row: str(row["metadata"]["mlflow.trace.session"]))
        table = Table("session", "verdict", "revision", "turns", "tokens", title="\nread back from MLflow")
        tokens = 0
        for row in rows:
            meta = row["metadata"]
            used = int(meta["mlflow.assessment.judgeInputTokens"]) + int(meta["mlflow.assessment.judgeOutputTokens"])
            tokens += used
            cells = (
                meta["mlflow.trace.session"],
                row["feedback"]["value"],
                meta["streamer.revision"],
                meta["streamer.turns"],
            )
            table.add_row(*(Text(str(cell)) for cell in (*cells, used)))
        console.print(table)
        verdicts = [value for value in self._s.feed() if value["kind"] == "verdict"]
        state("the feed says the same", {self._said(v) for v in verdicts} >= {self._said_by_row(row) for row in rows})
        cost = [float(row["metadata"].get("mlflow.assessment.judgeCost", 0)) for row in rows]
        a_day = sum(cost) / len(cost) * DAY_SESSIONS
        say(f"  {tokens} tokens; {DAY_SESSIONS:,} such conversations a day on {self._s.model}: ${a_day:.2f}")
        say("\non your own topic:", "bold")
        say("  export KAFKA=… REDIS_URL=… MLFLOW_TRACKING_URI=… OPENAI_API_KEY=…")
        say("  streamer run --dry-run --for 60     what it would judge, and for how much")
        say("  streamer run")

    # ------------------------------------------------------------ acting and reading

    def _hold(self, talk: Conversation) -> None:
        for user, assistant in talk.turns:
            self._turn(talk.session, user, assistant)

    def _turn(self, session: str, user: str, assistant: str) -> None:
        self._s.turn(session, user, assistant)
        self._last_turn[session] = time.time_ns() / 1e9

    def _late(self, session: str, row: dict[str, Any]) -> str:
        scored_s = int(row["metadata"]["streamer.scored_at_ms"]) / 1000
        return f"{scored_s - self._last_turn[session] - GAP_MS / 1000:4.1f} s"

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["metadata"]["mlflow.trace.session"]: row for row in self._s.rows()}

    def _at_revision(self, session: str, revision: int) -> dict[str, dict[str, Any]] | None:
        rows = self._rows()
        return rows if rows[session]["metadata"]["streamer.revision"] == str(revision) else None

    def _await_rows(self, count: int, what: str) -> dict[str, dict[str, Any]]:
        return self._await(lambda: rows if len(rows := self._rows()) >= count else None, what)

    def _await(self, look: Callable[[], T | None], what: str, every_s: float = 0.2) -> T:
        with console.status(f"waiting for {what}"):
            for _ in _ticks(WAIT_S, every_s):
                if (found := look()) is not None:
                    return found
        raise FalseStatementError(f"{what}: not within {WAIT_S} s")

    def _said(self, value: dict[str, Any]) -> tuple[str, str, int]:
        return value["session"]["id"], str(value["value"]), value["revision"]

    def _said_by_row(self, row: dict[str, Any]) -> tuple[str, str, int]:
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
