"""`streamer try`."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.rule import Rule

from streamer.app import registered, trying
from streamer.cli.configured import load, spec_named
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.judges import JudgeSpec
from streamer.core.verdict import Usage, Verdict
from streamer.core.words import priced
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.trying import Tried
    from streamer.core.preview import Preview

console = Console()
STYLES = {"user": "bold", "assistant": "", "tool": "dim"}


def try_(
    files: Annotated[list[Path] | None, typer.Argument(help="record values, one a file, instead of a topic")] = None,
    topic: Annotated[str | None, typer.Option("--topic", "-t", help="default: the first of the first source")] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="how many sessions, the latest ones")] = 3,
    records: Annotated[int, typer.Option("--records", min=1, help="how far back the topic is read")] = 2_000,
    judge: Annotated[
        str, typer.Option("--judge", "-j", help="a judge of the configuration, or a type")
    ] = "user_frustration",
    model: Annotated[str | None, typer.Option("--model", "-m", help="as in MLflow: openai:/gpt-4.1-mini")] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="print the request that would be sent")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the latest sessions of a topic, or of files, and print what the judge read and said.

    Writes nothing, joins no group, needs no Redis. Example: streamer try --topic otlp_spans --last 3 --no-model
    """
    settings = registered.resolved(load(config))
    spec = spec_named(settings.judges, judge, model)
    found = trying.recent(settings, topic, files or [], records)
    latest = trying.sessions_in(found)
    if not latest:
        raise ConfigurationError(_nothing(found, topic or settings.sources[0].topics[0]))
    shown: list[dict[str, Any]] = []

    async def run() -> None:
        async for tried in trying.judged(spec, islice(latest, last), with_model=not no_model):
            shown.append(_as_json(spec, tried))
            if not as_json:
                _print(spec, tried)

    asyncio.run(run())
    if as_json:
        print_json({"sessions": shown})


def _nothing(found: Preview, where: str) -> str:
    if found.turns:
        return f"{len(found.turns)} traces and no session: no span names one (streamer decode says what to add)"
    if problem := next((problem for record in found.records for problem in record.problems), None):
        return f"nothing could be read ({problem.reason}: {problem.detail}): see streamer decode"
    return f"no trace of an LLM application in {where}: look further back with --records, or at another --topic"


def _as_json(spec: JudgeSpec, tried: Tried) -> dict[str, Any]:
    outcome = tried.outcome
    usage = outcome.usage if outcome is not None else Usage()
    judgement: dict[str, Any] = {
        "judge": spec.name,
        "model": spec.model,
        "requests": [{"messages": r.messages, "parameters": r.parameters} for r in tried.requests]
        if outcome is None
        else usage.requests,
        "tokens": {"input": usage.input_tokens, "output": usage.output_tokens},
        "cost_usd": usage.cost_usd,
    }
    if isinstance(outcome, Verdict):
        judgement["verdict"] = {"value": outcome.value, "rationale": outcome.rationale}
    elif outcome is not None:
        judgement["failure"] = {"kind": outcome.kind, "detail": outcome.detail}
    return {
        "session_id": tried.session.session_id,
        "first_trace_id": tried.first_trace_id,
        "turns": len(tried.transcript.turns),
        "transcript": [{"role": message.role, "text": message.text} for message in tried.said],
        "judgements": [judgement],
    }


def _print(spec: JudgeSpec, tried: Tried) -> None:
    turns = len(tried.transcript.turns)
    console.print(
        Rule(Text(f"session {tried.session.session_id} · {turns} turns · {tried.first_trace_id}"), align="left")
    )
    for message in tried.said:
        console.print(Text(f"{message.role:>9}  {message.text}", style=STYLES.get(message.role, "")))
    outcome = tried.outcome
    if outcome is None:
        for request in tried.requests:
            console.print(Text(f"\nwould be sent to {spec.model}:", style="cyan"))
            for sent in request.messages:
                console.print(Text(f"[{sent['role']}]\n{sent['content']}"))
        return
    if isinstance(outcome, Verdict):
        console.print(Text(f"\n{spec.name}: {outcome.value}", style="bold cyan"))
        console.print(Text(outcome.rationale))
    else:
        console.print(Text(f"\n{spec.name} failed: {outcome.kind}, {outcome.detail}", style="bold red"))
    usage = outcome.usage
    console.print(
        Text(f"{usage.requests} calls, {usage.input_tokens} + {usage.output_tokens} tokens, {priced(usage.cost_usd)}\n")
    )
