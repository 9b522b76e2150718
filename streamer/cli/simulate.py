"""`streamer simulate`."""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamer.app import simulated, simulating, simulating_agent, simulating_cost
from streamer.cli import junit
from streamer.cli import simulate_output as output
from streamer.cli.configured import load, spec_named
from streamer.cli.options import ConfigOption, JsonOption
from streamer.core.gate import gates_of
from streamer.core.judges import JudgeSpec
from streamer.core.simulation import GOAL_ACHIEVED, Case, cases_of
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.simulated import Report, Wanted
    from streamer.settings import Settings

SCRIPTED = "scripted"
GOAL_SPEC = JudgeSpec(type="make_judge", name=GOAL_ACHIEVED, model="", value_type="bool")
"""For --fail-under goal_achieved=0.8: the simulator says it, and no judge."""


def simulate(
    cases: Annotated[Path, typer.Option("--cases", help="goals and personas: .jsonl, .json, .yaml or .toml")],
    agent: Annotated[str, typer.Option("--agent", "-a", help="module:function that answers a list of messages")],
    max_turns: Annotated[int, typer.Option("--max-turns", min=1, help="of a conversation")] = 10,
    user: Annotated[
        str,
        typer.Option(
            "--user", "--user-model", "-u", help="who speaks for the user: a model (openai:/gpt-4.1-mini), or scripted"
        ),
    ] = SCRIPTED,
    judges: Annotated[
        str | None, typer.Option("--judges", "-j", help="of the configuration, or types: a,b; all unless said")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="another one for all judges")] = None,
    through_kafka: Annotated[
        bool, typer.Option("--through-kafka/--judge-directly", help="let the live path judge, or judge here")
    ] = False,
    wait: Annotated[int, typer.Option("--wait", min=1, help="seconds, for the live path's verdicts")] = 300,
    experiment: Annotated[str, typer.Option("--experiment", "-e", help="in MLflow, made if it is not there")] = (
        "streamer-simulations"
    ),
    local: Annotated[
        bool, typer.Option("--local", help="with a MLflow of its own, gone afterwards: for a pipeline that has none")
    ] = False,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="conversations at the same time")] = 4,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="calls and cost at most; nothing is called")] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", help="judge=share, as in goal_achieved=0.8 or user_frustration=0.9: exit code 3"),
    ] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="a test report, a test per verdict")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold made-up conversations with your agent, on MLflow's ConversationSimulator, and judge them.

    The agent is a function of this folder: answer(messages), and what it takes by name of the case's context and
    mlflow_session_id. Without a key: --user scripted.
    Example: streamer simulate --cases cases.yaml --agent my_agent:answer --user openai:/gpt-4.1-mini --dry-run
    """
    settings = load(config)
    specs = _specs(settings, judges, model)
    wanted = simulated.Wanted(
        cases=_cases(cases), agent=simulating_agent.agent_named(agent), specs=specs,
        user_model=None if user == SCRIPTED else user, max_turns=max_turns, at_once=at_once,
        experiment=experiment, through_kafka=through_kafka, wait_ms=wait * 1000,
    )  # fmt: skip
    gates = _gates(fail_under or [], specs)
    _refuse_together(local, through_kafka)
    if dry_run:
        return output.show_estimate(simulating_cost.estimate(wanted), user, as_json=as_json)
    began_s, report = time.monotonic(), simulated.Report()
    with output.progress(wanted, quiet=as_json) as tell:
        asyncio.run(_run(settings, wanted, report, tell, local=local))
    weighed = [gate.weigh(report.results()) for gate in gates]
    if junit_file is not None:
        junit.write(junit_file, report.results(), weighed, time.monotonic() - began_s)
    output.show(report, [spec.name for spec in specs], weighed, as_json=as_json)
    raise typer.Exit(junit.exit_code(weighed))


def _refuse_together(local: bool, through_kafka: bool) -> None:
    if local and through_kafka:
        raise ConfigurationError("--local has a MLflow of its own, which the live path does not know: take one of them")


async def _run(settings: Settings, wanted: Wanted, report: Report, tell: simulating.Tell, *, local: bool) -> None:
    if not local:
        return await simulating.simulate(settings, wanted, report, tell)
    async with simulating.local(settings) as own:
        return await simulating.simulate(own, wanted, report, tell)


def _specs(settings: Settings, judges: str | None, model: str | None) -> tuple[JudgeSpec, ...]:
    names = [name.strip() for name in judges.split(",")] if judges else [one.row_name for one in settings.judges]
    specs = tuple(spec_named(settings.judges, name, model) for name in names)
    if len({spec.name for spec in specs}) < len(specs):
        raise ConfigurationError(f"--judges {judges}: a judge is named twice; take one out")
    return specs


def _gates(texts: list[str], specs: tuple[JudgeSpec, ...]) -> Any:  # noqa: ANN401
    try:
        return gates_of(texts, {spec.name: spec for spec in (*specs, GOAL_SPEC)})
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _cases(file: Path) -> list[Case]:
    """Rows of a file: JSON lines, a JSON or YAML list, or [[cases]] of TOML."""
    try:
        return cases_of(_rows(file, file.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--cases {file} cannot be read: {error}") from None
    except ValueError as error:
        raise ConfigurationError(f"--cases {file}: {error}") from None


def _rows(file: Path, text: str) -> list[Any]:
    match file.suffix.lower():
        case ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        case ".toml":
            said: Any = tomllib.loads(text)
        case ".yaml" | ".yml" | ".json":
            import yaml  # JSON is YAML

            try:
                said = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from None
        case other:
            raise ValueError(f"{other or 'no'} ending is known; it is one of .jsonl, .json, .yaml, .yml, .toml")
    rows = said.get("cases") if isinstance(said, dict) else said
    if not isinstance(rows, list):
        raise ValueError("it holds no list of cases (in TOML: [[cases]])")
    return rows
