"""How a simulation looks: its progress, its table, its JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.gate import Scored, Weighed
from streamer.core.simulation import Held
from streamer.core.words import counted, priced

if TYPE_CHECKING:
    from streamer.app.simulated import Report, Wanted
    from streamer.app.simulating import Tell

console = Console(highlight=False)
ENDED = {
    "goal": "goal achieved",
    "max_turns": "at its last turn",
    "no_answer": "the agent said nothing",
    "agent_failed": "the agent failed",
    "user_failed": "the user's model failed",
    "tracing_failed": "MLflow did not trace it",
}


@contextmanager
def progress(wanted: Wanted, quiet: bool) -> Iterator[Tell]:
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=quiet or not screen.is_terminal, transient=True) as bars:
        task, turns = bars.add_task("conversations", total=len(wanted.cases)), 0

        def tell(conversation: Held, over: bool) -> None:
            nonlocal turns
            turns += not over
            bars.update(task, advance=over, description=f"conversations, {counted(turns, 'turn')}")
            if over and bars.finished:
                bars.update(task, description="judging")

        yield tell


def show(report: Report, judges: Sequence[str], weighed: Sequence[Weighed], *, as_json: bool) -> None:
    """Per goal and persona, then the gates and what it cost."""
    if as_json:
        return print_json(_as_json(report, weighed))
    table = Table("goal", "persona", "turns", "ended", *judges)
    for one in report.conversations:
        said = {scored.judge: scored for scored in report.scored.get(one.session_id, [])}
        ended = ENDED[one.ending] + (f" ({one.detail})" if one.detail else "")
        cells = [one.case.goal, one.case.persona or "", str(one.turns), ended, *(_cell(said.get(j)) for j in judges)]
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    achieved = sum(one.goal_achieved for one in report.conversations)
    console.print(f"goal achieved in {achieved} of {counted(len(report.conversations), 'conversation')}")
    for judge in judges:
        values = Counter(_cell(one) for one in report.results() if one.judge == judge)
        console.print(Text(f"{judge}: " + ", ".join(f"{value} {count}" for value, count in values.most_common())))
    console.print(f"{counted(report.calls, 'model call')}, {report.tokens:,} tokens, {priced(report.cost_usd)}")
    for gate in weighed:
        console.print(Text(str(gate), style="" if gate.state == "met" else "bold red"))
    return None


def _cell(scored: Scored | None) -> str:
    if scored is None:
        return "not judged"
    return f"failed: {scored.failure}" if scored.failure is not None else str(scored.value)


def _as_json(report: Report, weighed: Sequence[Weighed]) -> dict[str, Any]:
    conversations = [
        {
            "goal": one.case.goal,
            "persona": one.case.persona,
            "session_id": one.session_id or None,
            "first_trace_id": report.first_traces.get(one.session_id),
            "turns": one.turns,
            "ending": one.ending,
            "detail": one.detail,
            "goal_achieved": one.goal_achieved,
            "judgements": [scored._asdict() for scored in report.scored.get(one.session_id, [])],
        }
        for one in report.conversations
    ]
    gates = [{"gate": one.gate.judge, "state": one.state, "share": one.share} for one in weighed]
    paid = {"calls": report.calls, "tokens": report.tokens, "cost_usd": report.cost_usd}
    return {"conversations": conversations, **paid, "gates": gates, "dry_run": False}


def show_estimate(told: Mapping[str, Any], user: str, *, as_json: bool) -> None:
    if as_json:
        return print_json({**told, "dry_run": True})
    conversations, agent = counted(told["conversations"], "conversation"), counted(told["agent_calls"], "call")
    console.print(f"at most: {conversations}, {agent} of the agent")
    console.print(Text(f"  {counted(told['user_calls'], 'call')} of the user ({user}), {priced(told['user_usd'])}"))
    console.print(f"  {counted(told['judge_calls'], 'call')} of judges, {priced(told['judge_usd'])}")
    console.print("nothing was called; the agent's own calls cost what they cost")
    return None
