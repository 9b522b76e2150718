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
        (("--feed", "FEED", "--rule", "judge=x,limitt=0.2"), "limitt is not a setting; did you mean limit"),
        (("--feed", "FEED", "--rule", "judge=x,kind=limit,limit=20"), "limit must be at most 1"),
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


def test_rules_of_one_name_are_compared_and_the_same_rule_twice_is_one(feed: str) -> None:
    limit = "judge=user_frustration,kind=limit,conversations_min=30,limit="
    rules = [word for share in ("0.2", "0.3", "0.2") for word in ("--rule", limit + share)]
    said = answer(run("--feed", feed, "--json", *rules))["episodes"]
    assert {(one["rule"], one["baseline"]) for one in said} == {
        ("user_frustration-limit", 0.2),
        ("user_frustration-limit-2", 0.3),
    }


def test_a_rule_whose_labels_no_verdict_has_is_said(feed: str) -> None:
    done = run("--feed", feed, "--rule", "judge=user_frustration,labels=angry")
    assert "no verdict of this history is angry; user_frustration answered none, unresolved" in done.stderr
    assert "no verdict" not in run("--feed", feed).stderr


def test_a_clock_that_was_wrong_once_moves_no_estimate(feed: str, tmp_path: Path) -> None:
    """Beside 8.5 days, a record of 1970 counts as a long weekend, not as decades."""
    file = tmp_path / "feed.jsonl"
    wrong = verdict(10**6, 1_000_000, published_at_ms=START_MS)
    file.write_text(json.dumps(wrong) + "\n" + Path(feed).read_text())
    delay, without = (answer(run("--feed", str(one), "--json"))["delay_expected"] for one in (file, feed))
    assert without["minutes"] < delay["minutes"] < 2 * without["minutes"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 100_000 + "]" * 100_000, "line 1: no JSON"),
        (json.dumps(verdict(1, START_MS)).replace(str(START_MS), "Infinity"), "line 1: a field of the record"),
        (json.dumps(verdict(1, 10**20)), "a time is none in ms since 1970"),
        (json.dumps(verdict(1, START_MS, judge=None)), "judge is no text"),
        (json.dumps(verdict(1, START_MS, judge=[])), "judge is no text"),
        (json.dumps(verdict(1, START_MS, origin=["live"])), "origin is no text"),
        (json.dumps({**verdict(1, START_MS), "token": None}), "line 1: a field of the record"),
    ],
)
def test_a_line_that_nobody_would_write_costs_only_itself(feed: str, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text(line + "\n" + Path(feed).read_text())
    done = run("--feed", str(file), "--json")
    assert answer(done)["episodes"] == answer(run("--feed", feed, "--json"))["episodes"]
    assert said in done.stderr


def test_names_without_a_utf8_form_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text("\n".join(json.dumps({**record, "agent": "a\ud800b"}) for record in RECORDS[:50]))
    assert "a?b · user_frustration" in run("--feed", str(file)).output


def test_verdicts_outside_the_sample_are_said(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    records = [{**record, "inclusion": {**record["inclusion"], "reason": "error"}} for record in RECORDS[:50]]
    file.write_text("\n".join(map(json.dumps, records)))
    assert "left out 50 outside the sample" in str(run("--feed", str(file)).exception)


def test_a_file_that_is_cut_says_so(feed: str, tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl.gz"
    whole = gzip.compress(Path(feed).read_bytes())
    for damaged in (whole[: len(whole) // 2], whole[:1000] + b"\xff" * 100 + whole[1100:]):
        file.write_bytes(damaged)
        done = run("--feed", str(file))
        assert isinstance(done.exception, ConfigurationError)
        assert "it is cut or damaged" in str(done.exception)
