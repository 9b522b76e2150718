"""`streamer compare` on a file of the feed: what it says, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.errors import ConfigurationError
from tests.core.test_compare import record

RUNNER = CliRunner()


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "feed.jsonl"
    lines = [record(f"o{n}", "yes" if n < 5 else "no") for n in range(50)]
    lines += [record(f"n{n}", "yes" if n < 25 else "no", service_version="2.4") for n in range(50)]
    file.write_text("\n".join([*map(json.dumps, lines), "no json", '{"schema_version": 7}']))
    return file


def compared(feed: Path, *words: str, **more: Any) -> Any:
    config = feed.parent / "streamer.toml"
    config.write_text('redis = {url = "redis://127.0.0.1:1/0"}\n')  # of a judge's noise nothing is known then
    return RUNNER.invoke(cli, ["compare", *words, "--feed", str(feed), "-c", str(config)], **more)


def refused(feed: Path, *words: str) -> str:
    found = compared(feed, *words)
    assert isinstance(found.exception, ConfigurationError)
    return str(found.exception)


def test_it_says_shares_the_difference_and_what_could_not_be_read(feed: Path) -> None:
    said = json.loads(compared(feed, "2.3", "2.4", "--json").stdout)
    [judge] = said["judges"]
    yes = next(one for one in judge["differences"] if one["value"] == "yes")
    assert (round(yes["difference"], 3), yes["clear"], said["unread"]) == (0.4, True, 2)
    assert [one["rationale"] for one in judge["explained_by"]] == ["because"] * 10
    plain = compared(feed, "2.3", "2.4").stdout
    assert "+40.0%" in plain
    assert "feed.jsonl:101" in plain


def test_the_rationale_that_is_shown_is_that_of_the_verdict_that_holds(feed: Path) -> None:
    with feed.open("a") as more:
        for token, value, rationale in ((3, "no", "the latest"), (2, "no", "an earlier one")):
            late = record("o20", value, token=token, rationale=rationale, at=1_790_000_000_001)
            more.write("\n" + json.dumps(late))
    [judge] = json.loads(compared(feed, "2.3", "2.4", "--json").stdout)["judges"]
    assert judge["explained_by"][0]["session_id"] == "o20"
    assert judge["explained_by"][0]["rationale"] == "the latest"


def test_what_cannot_be_compared_is_refused_with_what_there_is(feed: Path) -> None:
    assert "2.3 50" in refused(feed, "2.3", "9.9")
    assert "two different values" in refused(feed, "2.3", "2.3")
    assert "compare by version" in refused(feed, "a", "b", "--by", "colour")
    assert "further back" in refused(feed, "2.3", "2.4", "--since", "2099-01-01")
    with feed.open("a") as more:
        more.write("\n" + json.dumps(record("x", "no", judge_version="v2")))
    assert "v1, v2" in refused(feed, "2.3", "2.4")
    assert compared(feed, "2.3", "2.4", "--across-judge-versions").exit_code == 0
    assert compared(feed, "v1", "v2", "--by", "judge_version").exit_code == 0
