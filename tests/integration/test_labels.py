"""People's labels and a judge's agreement with them, on a real MLflow, Redis and Kafka, with a scripted model."""

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streamer.app import labelling as app
from streamer.cli import cli
from streamer.errors import ConfigurationError
from streamer.settings import load
from tests.evaluate_bench import ANGRY, GLAD, START_MS, Bench

pytestmark = pytest.mark.real
SAID = {"glad": ("Where is it?", GLAD), "angry": (ANGRY,), "calmed": (ANGRY, GLAD), "curt": ("Where?",)}
JUDGED = {"glad": "none", "angry": "unresolved", "calmed": "resolved", "curt": "none"}


@pytest.fixture
async def first(bench: Bench) -> dict[str, str]:
    """Four judged sessions; by each the first trace."""
    traces = {}
    for n, (session, said) in enumerate(SAID.items()):
        told = [bench.trace(session, START_MS + n * 1_000 + m, text) for m, text in enumerate(said)]
        traces[session] = told[0]
    assert (await bench.judge(write=True))["written"] == {"written": len(SAID)}
    return traces


def run(bench: Bench, *words: str, typed: str = "") -> Result:
    done = CliRunner().invoke(cli, [*words, "-c", str(bench.config)], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def shown(output: str) -> list[str]:
    """The sessions that were shown, by what was said in them."""
    blocks = output.split(" labelled ─")[1:]
    texts = [
        [line.split("user  ")[1].strip() for line in block.splitlines() if "   user  " in line] for block in blocks
    ]
    return [next(name for name, said in SAID.items() if list(said) == text) for text in texts]


def labels(bench: Bench, first: dict[str, str], person: str) -> dict[str, dict[str, Any]]:
    """By session, those of one person."""
    ours = {"source_type": "HUMAN", "source_id": person}
    return {session: row for session, trace in first.items() for row in bench.rows(trace) if row["source"] == ours}


def judges_rows(bench: Bench, first: dict[str, str]) -> list[dict[str, Any]]:
    return [row for trace in first.values() for row in bench.rows(trace) if row["source"]["source_type"] == "LLM_JUDGE"]


def test_labels_are_blind_and_go_on_where_they_were_and_are_never_doubled(bench: Bench, first: dict[str, str]) -> None:
    untouched = judges_rows(bench, first)
    planned = json.loads(run(bench, "label", "--dry-run", "--sample", "4", "--json").stdout)
    assert planned["strata"]["none"] == {"sessions": 2, "drawn": 2, "weight": 1.0}
    done = run(bench, "label", "--sample", "4", "--as", "ada", typed="1\nb\nn\nnot so calm\n3\ns\nnonsense\nq\n")
    order = shown(done.stdout)
    assert order == [order[n] for n in (0, 1, 0, 1, 4)]
    assert "1 of 4 labelled, 3 left" in done.stdout
    assert not any(f"verdict {value}" in done.stdout for value in JUDGED.values())
    [(session, row)] = labels(bench, first, "ada").items()
    assert (session, row["feedback"]["value"], row["rationale"]) == (order[0], "unresolved", "not so calm")
    assert row["metadata"]["mlflow.trace.session"] == session
    assert row["metadata"]["streamer.label_stratum"] == JUDGED[session]

    again = run(bench, "label", "--resume", "--as", "ada", typed="none\nresolved\n")
    assert "4 sessions, 1 labelled by ada so far" in again.stdout
    assert session not in shown(again.stdout)
    assert len(labels(bench, first, "ada")) == 3
    run(bench, "label", "--sample", "4", "--as", "ada", typed="2\n")
    finished = run(bench, "label", "--sample", "4", "--as", "ada")
    assert "4 of 4 labelled" in finished.stdout
    second = run(bench, "label", "--sample", "4", "--as", "ben", typed="1\n1\n1\n1\n")
    assert shown(second.stdout)[:3] == list(dict.fromkeys(order))
    assert len(labels(bench, first, "ada")) == len(labels(bench, first, "ben")) == 4
    assert judges_rows(bench, first) == untouched
    with pytest.raises(ConfigurationError, match=r"has drawn 4 sessions .*--seed 2"):
        run(bench, "label", "--sample", "3")


def test_a_judge_is_compared_with_people(bench: Bench, first: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="nobody has labelled a session"):
        run(bench, "agreement", "-e", bench.name)
    run(bench, "label", "--sample", "4", "--as", "ada", typed="none\nnone\nnone\nnone\n")
    said = json.loads(run(bench, "agreement", "--since", "2026-01-01", "--json").stdout)
    assert (said["labelled"], said["people"], said["drawn"]) == (4, ["ada"], True)
    assert said["agreement"]["share"] == 0.5
    assert said["stands_for_sessions"] == 4
    assert {(one["verdict"], one["label"]): one["sessions"] for one in said["confusion"]} == {
        ("none", "none"): 2,
        ("resolved", "none"): 1,
        ("unresolved", "none"): 1,
    }
    assert {one["session_id"] for one in said["disagreements"]} == {"angry", "calmed"}
    assert all(first[one["session_id"]] in one["link"] for one in said["disagreements"])
    table = run(bench, "agreement", "-e", bench.name, "--since", "2026-01-01").stdout
    assert "agreement 50% (" in table
    assert "2 disagreements" in table
    with pytest.raises(ConfigurationError, match="no experiment 'nowhere'"):
        run(bench, "agreement", "-e", "nowhere")


async def test_a_label_moves_with_the_first_trace(bench: Bench, first: dict[str, str]) -> None:
    settings = load(bench.config)
    draw, _ = await app.drawn(settings, app.Wanted("user_frustration", 4, "none", 1, None), keep=True)
    [one] = [one for one in draw.sessions if one.session.session_id == "glad"]
    work = app.Labelling(settings, draw, "ada")
    card = await work.card(one)
    assert isinstance(card, app.Card)
    assert card.place == f"tr-{first['glad']}"
    second = f"tr-{card.transcript.traces[1]}"
    await work.store(replace(card, place=second), "resolved", "")  # as if that one had been the first
    card = await work.card(one)
    assert isinstance(card, app.Card)
    assert (card.given, card.place) == ("resolved", f"tr-{first['glad']}")
    assert [row["feedback"]["value"] for row in bench.rows(second.removeprefix("tr-"))] == ["resolved"]
    await work.store(card, "none", "")
    assert bench.rows(second.removeprefix("tr-")) == []
    assert labels(bench, first, "ada")["glad"]["feedback"]["value"] == "none"


@pytest.mark.slow
def test_a_judge_is_compared_with_itself_and_the_price_is_said_first(bench: Bench, first: dict[str, str]) -> None:
    before = bench.calls()
    cost = json.loads(run(bench, "agreement", "--repeat", "3", "--sample", "4", "--json").stdout)
    assert (cost["dry_run"], cost["sessions"], bench.calls()) == (True, 4, before)
    assert cost["calls"] > 0
    assert cost["cost_usd"] > 0
    said = json.loads(run(bench, "agreement", "--repeat", "3", "--sample", "4", "--yes", "--json").stdout)
    assert (said["flips"]["share"], said["flips"]["sessions"], said["kappa"]["kappa"]) == (0.0, 4, 1.0)
    assert {one["session_id"]: one["answers"] for one in said["answers"]} == {
        session: [value] * 3 for session, value in JUDGED.items()
    }
    paid = bench.calls()
    assert paid - before == said["calls"]
    assert "0% (" in run(bench, "agreement", "--repeat", "3", "--sample", "4", "--yes").stdout
    assert bench.calls() == paid  # saved answers
    assert len(judges_rows(bench, first)) == 4
