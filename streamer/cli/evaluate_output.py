"""How an evaluation looks: its progress, its lines, its summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from streamer.adapters import parquet
from streamer.cli.text import Text
from streamer.core.alerts.rule import as_label
from streamer.core.gate import Scored, Weighed
from streamer.core.ids import mlflow_trace_id
from streamer.core.verdict import Verdict
from streamer.core.words import counted, counts, priced

if TYPE_CHECKING:
    from streamer.app.evaluating import OnDone, Report
    from streamer.app.rereading import Tell
    from streamer.core.evaluating import Evaluated, Judged
    from streamer.loops.handing_over import Written

console = Console(highlight=False)
COLUMNS = {
    "session_id": "text", "tenant": "text", "source": "text", "first_trace_id": "text", "turns": "int",
    "judge": "text", "judge_version": "text", "model": "text", "number": "int", "stood": "bool", "value": "text",
    "value_number": "float", "rationale": "text", "failure": "text", "cost_usd": "float", "tokens": "int",
    "agent": "text", "service": "text", "service_version": "text", "environment": "text", "written": "text",
}  # fmt: skip
SKIPPED = {
    "spans_missing": "MLflow has a trace of theirs and not its spans",
    "shared_session_id": "more traces carry their id than a conversation has (sessions.traces_max)",
    "no_turns": "nothing of them is theirs: erased, or other sessions' traces",
    "not_searchable": "MLflow cannot be asked for their id",
    "probe": "nobody's conversations, sent by streamer probe",
}
WRITTEN: dict[Written, str] = {
    "written": "written to MLflow and the feed, as backfill",
    "stood": "nothing to write: the same verdicts stand, or only failures came",
    "owed": "handed over; the live path delivers what MLflow or Kafka did not take yet",
    "open": "left to the live path, which is still to judge them",
    "changed": "have grown or were erased meanwhile: run it again",
    "lost": "another worker holds them: run it again",
    "paused": "streamer is paused: resume, and run it again",
}


class Lines:
    """What is kept of each verdict: nothing, unless a file is wanted."""

    def __init__(self, stack: ExitStack, keep_scored: bool, parquet_file: Path | None) -> None:
        self.scored: list[Scored] = []
        self._keep = keep_scored
        self._file = (
            None if parquet_file is None else stack.enter_context(parquet.writing(parquet_file, COLUMNS, "--parquet"))
        )

    def add(self, done: Evaluated, written: Written | None) -> None:
        for judged in done.judged:
            if self._keep and not judged.number:
                self.scored.append(_scored(done, judged))
            if self._file is not None:
                self._file.add(_line(done, judged, written))


def _scored(done: Evaluated, judged: Judged) -> Scored:
    outcome, session = judged.outcome, done.ref.session_id
    if isinstance(outcome, Verdict):
        return Scored(judged.spec.name, session, outcome.value, outcome.rationale)
    return Scored(judged.spec.name, session, failure=f"{outcome.kind}: {outcome.detail}")


def _line(done: Evaluated, judged: Judged, written: Written | None) -> dict[str, Any]:
    outcome, (scope, session_id) = judged.outcome, done.ref
    verdict = outcome if isinstance(outcome, Verdict) else None
    number = verdict is not None and isinstance(verdict.value, int | float) and not isinstance(verdict.value, bool)
    return {
        "session_id": session_id,
        "tenant": scope.tenant,
        "source": scope.source,
        "first_trace_id": mlflow_trace_id(done.transcript.traces[0]) if done.transcript.turns else None,
        "turns": len(done.transcript.turns),
        "judge": judged.spec.name,
        "judge_version": judged.spec.version,
        "model": judged.spec.model,
        "number": judged.number,
        "stood": judged.stands,
        "value": as_label(verdict.value) if verdict else None,
        "value_number": float(verdict.value) if verdict and number else None,
        "rationale": verdict.rationale if verdict else None,
        "failure": None if isinstance(outcome, Verdict) else outcome.kind,
        "cost_usd": judged.cost_usd,
        "tokens": judged.tokens,
        **{name: _first(done, name) for name in ("agent", "service", "service_version", "environment")},
        "written": written,
    }


def _first(done: Evaluated, name: str) -> str | None:
    said = (getattr(turn, name) for turn in done.transcript.turns)
    return next((value for value in said if value), None)


def both(one: OnDone, other: Callable[[], None]) -> OnDone:
    def on_done(done: Evaluated, written: Written | None) -> None:
        one(done, written)
        other()

    return on_done


@contextmanager
def progress(report: Report, quiet: bool) -> Iterator[tuple[Tell, Callable[[], None]]]:
    """Sessions a second, cost so far, time left; on standard error, and only where somebody looks."""
    screen, began_s = Console(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=quiet or not screen.is_terminal, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        def show() -> None:
            tally = report.tally
            done = tally.sessions + tally.skipped.total()
            rate = done / max(0.001, time.monotonic() - began_s)
            if "judging" not in tasks:
                tasks["judging"] = bars.add_task("judging", total=None)
            said = f"judging  {rate:.1f}/s  {priced(tally.cost_usd)}"
            total = report.listed if report.all_listed else None
            bars.update(tasks["judging"], description=said, completed=done, total=total)

        yield tell, show


def print_summary(report: Report, *, dry_run: bool, write: bool, weighed: list[Weighed], stopped: bool) -> None:
    """The summary, a row per judge and value."""
    tally = report.tally
    if dry_run:
        _say_cost(report)
    elif tally.sessions:
        _say_shares(report)
    lines = [f"{counted(tally.sessions, 'session')}, {counted(tally.turns, 'turn')}"]
    if not dry_run:
        stood = sum(judge.stood for judge in tally.judges.values())
        lines.append(
            f"{counted(tally.calls, 'model call')}, {priced(tally.cost_usd)}; {stood:,} verdicts stood already"
        )
    lines += [f"  {n:>8,}  left out: {SKIPPED.get(why, why)}" for why, n in sorted(tally.skipped.items())]
    lines += [f"  {tally.written[how]:>8,}  {said}" for how, said in WRITTEN.items() if tally.written[how]]
    lines += [str(one) for one in weighed]
    if not write and not dry_run:
        lines.append("nothing was written: --write puts the verdicts where the live path puts its own")
    if report.ended_by:
        lines.append(f"ended early: {report.ended_by}")
    if stopped:
        lines.append("stopped: the same command goes on where it was, and pays for nothing twice")
    console.print("\n".join(lines), markup=False)


def _say_shares(report: Report) -> None:
    tally = report.tally
    table = Table("judge", "version", "value", "sessions", "share", "95 %")
    for judge in tally.judges.values():
        for n, (value, count, share, interval) in enumerate(judge.shares()[:10]):
            named = (judge.spec.name, judge.spec.version) if not n else ("", "")
            cells = (
                *named,
                as_label(value),
                f"{count:,}",
                f"{share:.1%}",
                f"{interval.low:.1%} – {interval.high:.1%}",
            )
            table.add_row(*map(Text, cells))
        if judge.failures:
            table.add_row(Text(judge.spec.name), "", Text(f"failed: {counts(judge.failures)}"), "", "", "")
    console.print(table)
    for judge in tally.judges.values():
        if judge.agreement is not None:
            console.print(
                f"{judge.spec.name} agrees with itself in {judge.agreement:.1%} of {counted(judge.pairs, 'pair')} "
                f"({counted(judge.repeated, 'session')})"
            )


def _say_cost(report: Report) -> None:
    table = Table("judge", "model", "calls", "tokens", "cost", "stand already")
    for judge in report.tally.judges.values():
        cells = (judge.spec.name, judge.spec.model, f"{judge.bought:,}", f"{judge.tokens:,}", priced(judge.cost_usd))
        table.add_row(*map(Text, (*cells, f"{judge.stood:,}")))
    console.print(table)
    console.print(f"about {priced(report.tally.cost_usd)} in all; no model was called", markup=False)
