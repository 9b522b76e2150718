"""`streamer label`."""

from __future__ import annotations

import asyncio
import getpass
import itertools
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from streamer.app import labelling as app
from streamer.app import people
from streamer.cli.configured import load, spec_named
from streamer.cli.moments import moment
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.cli.trying import STYLES
from streamer.core.alerts.rule import as_label
from streamer.core.assemble import render
from streamer.core.judges import JudgeSpec
from streamer.core.labels import Draw, choices_of, question_of
from streamer.core.verdict import VerdictValue
from streamer.core.words import counted
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.labelling import Card, Labelling

console = Console(highlight=False)
COMMANDS = {"s": "skip", "b": "back", "n": "note", "q": "quit"}
GONE = {"gone": "Redis no longer has what was said in it", "no_trace": "MLflow has none of its traces"}
FILL_CHARS = 10
Step = Literal["next", "back", "quit"]


def label(
    sample: Annotated[int, typer.Option("--sample", "-n", min=1, help="how many sessions")] = 100,
    stratify: Annotated[
        Literal["verdict", "none"], typer.Option(help="verdict: as many of each verdict, so that rare ones are seen")
    ] = "verdict",
    judge: Annotated[
        str | None, typer.Option("--judge", "-j", help="of the configuration; the first unless said")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="another one draws other sessions; the same one the same")] = 1,
    since: Annotated[str | None, typer.Option(help="of sessions that changed since then: 7d, 2026-11-01")] = None,
    person: Annotated[
        str | None, typer.Option("--as", help="whose labels these are; the name you are logged in by unless said")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="only go on with what was drawn before")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="how many would be drawn of which; shows no session")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label judged sessions in the terminal, blind: without the judge's word. Labels go to MLflow as HUMAN feedback.

    Stopped and started again it goes on where it was; a second person, with the same seed, gets the same sessions.
    Example: streamer label --sample 100 --stratify verdict --as ada, then streamer agreement
    """
    settings = load(config)
    spec = spec_named(settings.judges, judge or settings.judges[0].row_name, None)
    if as_json and not dry_run:
        raise ConfigurationError("--json prints what would be drawn: say --dry-run, too")
    wanted = app.Wanted(spec.name, sample, stratify, seed, moment("--since", since, people.now_ms()))
    who = (person or getpass.getuser()).strip()
    if not who:
        raise ConfigurationError("--as is empty: say whose labels these are")

    if resume:
        draw, known = asyncio.run(app.resumed(settings, spec.name, seed)), True
    else:
        draw, known = asyncio.run(app.drawn(settings, wanted, keep=not dry_run))
    if dry_run:
        return _say_draw(draw, known, as_json)
    return _label(app.Labelling(settings, draw, who), spec, who)


def _say_draw(draw: Draw, known: bool, as_json: bool) -> None:
    strata = {name: {**one._asdict(), "weight": one.weight} for name, one in draw.strata.items()}
    if as_json:
        return print_json(
            {
                "judge": draw.judge,
                "seed": draw.seed,
                "drawn_before": known,
                "sessions": len(draw.sessions),
                "strata": strata,
            }
        )
    table = Table("verdict" if draw.stratify == "verdict" else "stratum", "judged", "would be shown", "each stands for")
    for name, one in draw.strata.items():
        table.add_row(Text(name), f"{one.sessions:,}", f"{one.drawn:,}", f"{one.weight:,.1f}")
    console.print(table)
    was = "were drawn before" if known else "would be drawn"
    console.print(f"{counted(len(draw.sessions), 'session')} {was}; nothing was written")
    return None


@dataclass(slots=True)
class _Sitting:
    """Where one person is among the cards."""

    spec: JudgeSpec
    given: list[VerdictValue | None]
    at: int = 0
    seen: list[int] = field(default_factory=list)
    """Cards that were shown, for going back."""

    @property
    def done(self) -> int:
        return sum(value is not None for value in self.given)

    def to_do(self) -> bool:
        """Moves to the next card without a label; False behind the last."""
        while self.at < len(self.given) and self.given[self.at] is not None:
            self.at += 1
        return self.at < len(self.given)

    def back(self) -> None:
        if self.seen:
            self.at = self.seen.pop()


def _label(work: Labelling, spec: JudgeSpec, who: str) -> None:
    total = len(work.draw.sessions)
    sitting = _Sitting(spec, _labelled(work, total))
    console.print(Text(question_of(spec), style="bold"))
    said = f"{counted(total, 'session')}, {sitting.done} labelled by {who} so far; what the judge said is not shown"
    console.print(Text(said))
    revisit = False
    while revisit or sitting.to_do():
        card = asyncio.run(work.card(work.draw.sessions[sitting.at]))
        if isinstance(card, str):
            console.print(Text(f"{sitting.at + 1} of {total} is left out: {GONE[card]}", style="dim"))
            sitting.at, revisit = sitting.at + 1, False
            continue
        step = _one(work, sitting, card)
        if step == "quit":
            break
        revisit = step == "back"
        if revisit:
            sitting.back()
        else:
            sitting.seen.append(sitting.at)
            sitting.at += 1
    left = total - sitting.done
    console.print(f"{sitting.done} of {total} labelled" + (f", {left} left: the same command goes on" if left else ""))
    if sitting.done:
        console.print(Text(f"compare: streamer agreement --judge {spec.name}"))


def _labelled(work: Labelling, total: int) -> list[VerdictValue | None]:
    with console.status("looking which are labelled already …") as status:
        looked = itertools.count(1)

        def on_one() -> None:
            status.update(f"looking which are labelled already: {next(looked)}/{total}")

        return asyncio.run(work.labelled(on_one))


def _one(work: Labelling, sitting: _Sitting, card: Card) -> Step:
    """One session until something is said of it."""
    _show(sitting, card, len(work.draw.sessions))
    choices, note = choices_of(sitting.spec), ""
    prompt = _prompt(sitting.spec, choices)
    while True:
        said = _asked(prompt)
        command = COMMANDS.get(said.lower()) if said is not None else "quit"
        if command == "quit":
            return "quit"
        if command == "note":
            note = _asked("note> ") or ""
        elif command == "back":
            return "back"
        elif command == "skip":
            return "next"
        elif (value := chosen(sitting.spec, choices, said or "")) is None:
            console.print(Text(f"{said!r} is none of them", style="dim"))
        else:
            asyncio.run(work.store(card, value, note))
            sitting.given[sitting.at] = value
            return "next"


def chosen(spec: JudgeSpec, choices: tuple[VerdictValue, ...], said: str) -> VerdictValue | None:
    """A label by its number or its name; a number or a text where the judge gives those. None if it is none."""
    said = said.strip()
    if choices:
        by_name = next((one for one in choices if as_label(one) == said.casefold()), None)
        if by_name is not None or not said.isdecimal() or not 1 <= int(said) <= len(choices):
            return by_name
        return choices[int(said) - 1]
    try:
        value: Any = said if spec.value_type == "str" else json.loads(said)
    except ValueError:
        return None
    value = float(value) if spec.value_type == "float" and type(value) is int else value
    return value if said and spec.accepts(value) else None


def _prompt(spec: JudgeSpec, choices: tuple[VerdictValue, ...]) -> str:
    named = " · ".join(f"{n} {as_label(one)}" for n, one in enumerate(choices, 1)) or f"a value ({spec.value_type})"
    return f"{spec.name}: {named} · " + " · ".join(f"{key} {word}" for key, word in COMMANDS.items()) + " > "


def _asked(prompt: str) -> str | None:
    """None at the end of the input, and after Ctrl-C."""
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        return None


def _show(sitting: _Sitting, card: Card, total: int) -> None:
    turns = counted(len(card.transcript.turns), "turn")
    console.print(Rule(Text(f"{sitting.at + 1} of {total} · {turns} · {sitting.done} labelled"), align="left"))
    for message in render(card.transcript, tools=True):
        console.print(Text(f"{message.role:>{FILL_CHARS}}  {message.text}", style=STYLES.get(message.role, "")))
    if card.given is not None:
        console.print(Text(f"you said: {as_label(card.given)}", style="dim"))
