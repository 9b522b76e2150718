"""`streamer agreement`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from streamer.app import addressing, labelling, people
from streamer.app import agreeing as app
from streamer.cli.configured import load, spec_named
from streamer.cli.moments import moment
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import WIDTH_PIPED, print_json
from streamer.cli.text import Text
from streamer.core.agreement import Agreement, Answers, Kappa, fleiss, flips
from streamer.core.judges import JudgeSpec
from streamer.core.pairs import LEFT_OUT, Pair, Paired, paired
from streamer.core.shares import Weighted
from streamer.core.strata import Portion, Stratified
from streamer.core.words import counted, priced
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.agreeing import Repeated
    from streamer.settings import Settings

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_PIPED)
Share = Weighted | Stratified | Portion
SHOWN = 20
"""Disagreements in the table; --json has all."""


def agreement(
    judge: Annotated[
        str | None, typer.Option("--judge", "-j", help="of the configuration; the first unless said")
    ] = None,
    experiments: Annotated[
        list[str] | None, typer.Option("--experiment", "-e", help="in MLflow; those of the configuration unless said")
    ] = None,
    since: Annotated[str | None, typer.Option(help="sessions that began since then: 30d, 2026-11-01")] = "30d",
    picked: Annotated[
        bool, typer.Option("--picked", help="also labels of sessions that somebody chose, each for one session")
    ] = False,
    repeat: Annotated[
        int | None,
        typer.Option("--repeat", min=2, help="ask the judge so often instead: how far it agrees with itself"),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", "-n", min=1, help="of --repeat: about how many sessions")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="of --repeat: another one draws other sessions")] = 1,
    yes: Annotated[
        bool, typer.Option("--yes", help="of --repeat: ask; without this it is only said what it costs")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a judge's verdicts with people's labels of the same sessions, or with its own when it is asked again.

    Figures speak of all judged sessions: each label counts for those that it was drawn from. Changes nothing.
    Example: streamer agreement --since 30d, and streamer agreement --repeat 5 --sample 50 --yes
    """
    settings = load(config)
    spec = spec_named(settings.judges, judge or settings.judges[0].row_name, None)
    if repeat is not None:
        return _repeat(settings, spec, repeat, sample, seed, yes, as_json)
    since_ms = moment("--since", since, people.now_ms())
    with Console(stderr=True).status("reading MLflow …") as status:
        traces = 0

        def on_trace() -> None:
            nonlocal traces
            traces += 1
            status.update(f"reading MLflow: {counted(traces, 'trace')}")

        found = asyncio.run(app.found(settings, spec.name, experiments or [], since_ms, on_trace))
    if not found.labels:
        raise app.unlabelled(found, since)
    told = paired(found, picked=picked)
    figures = Agreement.of(told.pairs)
    if as_json:
        return print_json(_as_json(settings, spec, told, figures))
    return _print(settings, spec, told, figures)


# ---------------------------------------------------------------- with people


def _print(settings: Settings, spec: JudgeSpec, told: Paired, figures: Agreement) -> None:
    names = sorted({person for pair in told.pairs for person in pair.people})
    console.print(
        Text(
            f"{spec.name}: {counted(len(told.pairs), 'session')} labelled by {', '.join(names) or 'nobody'}, "
            f"for {figures.raw.weight:,.0f} judged ones; all figures speak of these"
        )
    )
    if told.pairs:
        console.print(_confusion(figures))
        console.print(f"agreement {_share(figures.raw)}   Cohen's kappa {_kappa(figures.kappa)}   (95 % intervals)")
        console.print(_by_label(figures))
        _print_disagreements(settings, told)
    for reason, number in told.left_out.items():
        console.print(Text(f"left out, {counted(number, 'session')}: {LEFT_OUT[reason]}"))
    for stratum, size in told.unseen.items():
        said = f"nobody has labelled one of the {size:,} sessions with verdict {stratum}: no figure speaks of them"
        console.print(Text(said, style="yellow"))
    if told.pairs and not told.drawn:
        console.print("nobody drew these sessions: the figures speak of them alone (streamer label draws)")
    if len(versions := {pair.judge_version for pair in told.pairs}) > 1:
        console.print(f"their verdicts are of {len(versions)} versions of the judge: --since leaves older ones out")
    if told.among_people:
        between = fleiss(Answers(labels) for labels in told.among_people)
        several = counted(len(told.among_people), "session")
        console.print(f"people among themselves, {several} read by several: Fleiss' kappa {_kappa(between)}")


def _confusion(figures: Agreement) -> Table:
    table = Table("judge ↓  people →", *(Column(Text(name)) for name in figures.labels), "all")
    for verdict in figures.labels:
        cells = [_cell(figures.counts[verdict, label], figures.weights[verdict, label]) for label in figures.labels]
        count = sum(figures.counts[verdict, label] for label in figures.labels)
        table.add_row(
            Text(verdict), *cells, _cell(count, sum(figures.weights[verdict, label] for label in figures.labels))
        )
    return table


def _cell(count: int, weight: float) -> str:
    return f"{count} (for {weight:,.0f})" if count else "–"


def _by_label(figures: Agreement) -> Table:
    table = Table("label", "the judge says it of", "people say it of", "precision", "recall")
    for name, one in figures.labels.items():
        judge = f"{one.judge.share or 0:.1%}"  # of the strata it is known, not estimated
        table.add_row(Text(name), judge, _share(one.people), _share(one.precision), _share(one.recall))
    return table


def _print_disagreements(settings: Settings, told: Paired) -> None:
    wrong = _disagreements(told)
    if not wrong:
        return
    table = Table("session", "judge", "people", "note", "in MLflow", title=f"{len(wrong)} disagreements")
    for pair in wrong[:SHOWN]:
        place = addressing.trace_page(settings, pair.experiment_id, pair.trace_id)
        table.add_row(*map(Text, (pair.session_id, pair.verdict, pair.label, pair.note, place)))
    console.print(table)
    if len(wrong) > SHOWN:
        console.print(f"and {len(wrong) - SHOWN} more: --json has all")


def _disagreements(told: Paired) -> list[Pair]:
    """Those that stand for most sessions first."""
    return sorted((pair for pair in told.pairs if pair.verdict != pair.label), key=lambda pair: -pair.weight)


def _share(share: Share) -> str:
    if share.share is None or share.interval is None:
        return "–"
    return f"{share.share:.0%} ({share.interval.low:.0%}–{share.interval.high:.0%})"


def _kappa(kappa: Kappa | None) -> str:
    if kappa is None:
        return "– (only one answer was ever given)"
    return f"{kappa.kappa:.2f} ({kappa.interval.low:.2f} to {kappa.interval.high:.2f})"


def _as_json(settings: Settings, spec: JudgeSpec, told: Paired, figures: Agreement) -> dict[str, Any]:
    return {
        "judge": spec.name,
        "judge_versions": sorted({pair.judge_version for pair in told.pairs}),
        "labelled": len(told.pairs),
        "people": sorted({person for pair in told.pairs for person in pair.people}),
        "drawn": told.drawn,
        "stands_for_sessions": figures.raw.weight,
        "confusion": [
            {"verdict": verdict, "label": label, "sessions": count, "stands_for": figures.weights[verdict, label]}
            for (verdict, label), count in sorted(figures.counts.items())
        ],
        "agreement": _share_json(figures.raw),
        "kappa": _kappa_json(figures.kappa),
        "labels": [
            {
                "label": name,
                "judge": one.judge.share,
                "people": _share_json(one.people),
                "precision": _share_json(one.precision),
                "recall": _share_json(one.recall),
            }
            for name, one in figures.labels.items()
        ],
        "disagreements": [
            {
                "session_id": pair.session_id,
                "verdict": pair.verdict,
                "label": pair.label,
                "people": pair.people,
                "note": pair.note,
                "trace_id": pair.trace_id,
                "link": addressing.trace_page(settings, pair.experiment_id, pair.trace_id),
            }
            for pair in _disagreements(told)
        ],
        "left_out": dict(told.left_out),
        "strata_without_label": dict(told.unseen),
        "people_among_themselves": {
            "sessions": len(told.among_people),
            "kappa": _kappa_json(fleiss(Answers(labels) for labels in told.among_people)),
        },
    }


def _share_json(share: Share) -> dict[str, Any]:
    low, high = share.interval or (None, None)
    return {"share": share.share, "low": low, "high": high, "sessions": share.count}


def _kappa_json(kappa: Kappa | None) -> dict[str, float] | None:
    return None if kappa is None else {"kappa": kappa.kappa, "low": kappa.interval.low, "high": kappa.interval.high}


# ---------------------------------------------------------------- with itself


def _repeat(settings: Settings, spec: JudgeSpec, times: int, sample: int, seed: int, yes: bool, as_json: bool) -> None:
    wanted = labelling.Wanted(spec.name, sample, "verdict", seed, None)
    draw = asyncio.run(labelling.newly_drawn(settings, wanted))
    with Console(stderr=True).status(f"{'asking' if yes else 'counting'} …") as status:
        total = len(draw.sessions)

        def on_one(done: int) -> None:
            status.update(f"{'asking' if yes else 'counting'}: {done} of {counted(total, 'session')}")

        told = asyncio.run(app.repeated(settings, spec, draw, times, dry_run=not yes, on_one=on_one))
    if as_json:
        return print_json(_repeat_json(settings, spec, told, dry_run=not yes))
    tally = told.report.tally
    calls = f"{counted(tally.calls, 'model call')}, {priced(tally.cost_usd)}"
    asked = f"{spec.name}: {counted(tally.sessions, 'session')}, {times} times each"
    if not yes:
        console.print(f"{asked}: {calls} at most; nothing was asked, --yes asks")
        return None
    console.print(f"{asked}: {calls}")
    share = flips(told.answers)
    console.print(f"not the same answer every time: {_share(share)} of sessions")
    console.print(f"Fleiss' kappa {_kappa(fleiss(told.answers))}   (95 % intervals)")
    _print_flips(told)
    if told.report.ended_by:
        raise ConfigurationError(told.report.ended_by)
    return None


def _print_flips(told: Repeated) -> None:
    table = Table("session", "answers", "first trace")
    for one in told.sessions:
        if len(set(one.answers.said)) > 1 or one.failures:
            said = ", ".join([*one.answers.said, *["failed"] * one.failures])
            table.add_row(*map(Text, (one.session.session_id, said, one.first_trace_id)))
    if table.row_count:
        console.print(table)


def _repeat_json(settings: Settings, spec: JudgeSpec, told: Repeated, *, dry_run: bool) -> dict[str, Any]:
    tally = told.report.tally
    return {
        "judge": spec.name,
        "judge_version": spec.version,
        "dry_run": dry_run,
        "times": told.times,
        "sessions": tally.sessions,
        "calls": tally.calls,
        "cost_usd": tally.cost_usd,
        "flips": _share_json(flips(told.answers)),
        "kappa": _kappa_json(fleiss(told.answers)),
        "answers": [
            {
                "session_id": one.session.session_id,
                "answers": one.answers.said,
                "failures": one.failures,
                "weight": one.answers.weight,
                "first_trace_id": one.first_trace_id,
            }
            for one in told.sessions
        ],
        "ended_by": told.report.ended_by or None,
    }
