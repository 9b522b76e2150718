"""`streamer alerts test`: what others read by machine, and what it refuses."""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from streamer.cli import cli
from streamer.errors import ConfigurationError
from tests.core.alerts.feeds import HOUR_MS, START_MS, history, verdict
from tests.core.test_feed import VALIDATOR

RECORDS = history(8.5, 30, spikes=[(186, 192, 6.0)])


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["alerts", "test", *words])


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("feed") / "feed.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return str(file)


def answer(done: Result) -> dict[str, Any]:
    assert done.exception is None, done.exception
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_histories_of_these_tests_are_records_of_the_feed() -> None:
    VALIDATOR.validate(RECORDS[0])


def test_the_answer_has_exactly_the_promised_fields(feed: str) -> None:
    said = answer(run("--feed", feed, "--json"))
    assert set(said) == {"episodes", "false_alarms_per_day", "delay_expected"}
    (episode,) = said["episodes"]
    number = {"type": "number"}
    jsonschema.validate(
        episode,
        {
            "type": "object",
            "additionalProperties": False,
            "required": [*episode],
            "properties": {
                "rule": {"const": "user_frustration-spike"},
                "series": {"const": "default|bot|*|user_frustration|0123456789ab"},
                "raised_at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
                "resolved_at": {"type": ["string", "null"]},
                "conversations_since_change": {"type": "integer", "minimum": 1},
                "share": number,
                "baseline": number,
            },
        },
    )
    assert episode["share"] > 2 * episode["baseline"]
    assert 0 < said["false_alarms_per_day"] < 0.1
    assert 20 < said["delay_expected"]["conversations"] < 300
    assert said["delay_expected"]["minutes"] > 0


def test_people_read_a_table(feed: str) -> None:
    done = run("--feed", feed)
    assert done.exception is None
    assert "bot · user_frustration" in done.output
    assert "false alarms to expect" in done.output


def test_lines_that_are_none_are_counted_with_their_numbers(feed: str, tmp_path: Path) -> None:
    lines = Path(feed).read_text().splitlines()
    broken = ["{", "[1]", '{"schema_version": 2}', '{"schema_version": 1, "kind": "verdict"}', "", "null"]
    file = tmp_path / "feed.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join([*broken, *lines]).encode()))
    done = run("--feed", str(file), "--json")
    assert answer(done) == answer(run("--feed", feed, "--json"))
    assert "5 records could not be read: line 1: no JSON" in done.stderr
    assert "line 3: the record has schema_version 2" in done.stderr


def test_sorting_on_disk_changes_nothing(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(run("--feed", feed, "--json"))
    monkeypatch.setattr("streamer.app.alert_testing.PART", 700)
    assert answer(run("--feed", feed, "--json")) == whole


def test_a_rule_can_be_written_out(feed: str) -> None:
    limit = "judge=user_frustration,labels=unresolved|resolved,kind=limit,limit=0.2,conversations_min=30,name=mine"
    said = answer(run("--feed", feed, "--json", "--rule", limit))
    assert {one["rule"] for one in said["episodes"]} == {"mine"}
    toml = 'judge = "user_frustration", labels = ["unresolved"], name = "toml"'
    assert [one["rule"] for one in answer(run("--feed", feed, "--json", "--rule", toml))["episodes"]] == ["toml"]
    assert len(answer(run("--feed", feed, "--json", "--rule", "user_frustration-spike"))["episodes"]) == 1


def test_judges_that_are_not_configured_are_tested_where_their_labels_are_plain(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    values: dict[str, Any] = {"none": True, "unresolved": False}
    records = [{**record, "judge": "polite", "value": values[record["value"]]} for record in RECORDS]
    file.write_text("\n".join(map(json.dumps, records)))
    (episode,) = answer(run("--feed", str(file), "--json"))["episodes"]
    assert episode["rule"] == "polite-spike"


def test_a_picture_is_drawn(feed: str, tmp_path: Path) -> None:
    picture = tmp_path / "history.png"
    assert run("--feed", feed, "--png", str(picture)).exception is None
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say one of --feed FILE, --since 7d and --mlflow"),
        (("--feed", "a", "--since", "7d"), "say one of"),
        (("--feed", "no-such-file"), "--feed no-such-file: No such file"),
        (
            ("--feed", "FEED", "--rule", "unknown"),
            "--rule unknown: no rule is called so (known: user_frust",
        ),
        (("--feed", "FEED", "--rule", "judge=user_frustration,kind=limit"), "needs limit = 0.2"),
        (("--feed", "FEED", "--rule", "judge=other"), "no record enters a rule"),
        (("--feed", "FEED", "--rule", "judge=x,labels"), "write key=value pairs"),
    ],
)
def test_a_mistake_is_one_sentence(feed: str, words: tuple[str, ...], said: str) -> None:
    done = run(*(feed if word == "FEED" else word for word in words))
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)


def test_a_file_of_nothing_says_so(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    for text, said in (
        ("", "the history is empty"),
        ("x\ny\n", "none of 2 records is one of the feed (line 1: no JSON"),
    ):
        file.write_text(text)
        done = run("--feed", str(file))
        assert isinstance(done.exception, ConfigurationError)
        assert said in str(done.exception)


def test_a_short_history_has_the_rules_own_budget(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text("\n".join(json.dumps(verdict(n, START_MS + n * HOUR_MS // 20)) for n in range(100)))
    said = answer(run("--feed", str(file), "--json"))
    assert said["episodes"] == []
    assert 0 < said["false_alarms_per_day"] < 0.01
