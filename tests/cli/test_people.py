"""Commands about sessions: what they refuse before they ask anybody, and cases, which need no service."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli import cli
from streamer.errors import ConfigurationError, StreamerError

CASES = sorted((Path(__file__).parent.parent / "fixtures" / "cases").glob("*.json"))


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "streamer.toml"
    file.write_text('[redis]\nurl = "redis://127.0.0.1:1/3"\n')
    return str(file)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.mark.parametrize("command", ["explain", "replay", "sessions", "tap", "ledger", "forget"])
def test_every_command_has_an_example(command: str) -> None:
    said = " ".join(run(command, "--help").output.split())
    assert f"Example: streamer {command}" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sessions", "--verdict", "yes"), "--verdict yes: write JUDGE=VALUE"),
        (("sessions", "--older", "long"), "--older is no duration"),
        (("explain", "s", "--with-text"), "--with-text says what --export writes"),
        (("forget",), "say whom: --session ID, or --user ID"),
        (("forget", "--session", "s", "--user", "u"), "say whom"),
        (("ledger", "--format", "parquet"), "say --out FILE"),
        (("ledger", "--since", "soon"), "--since is no duration"),
        (("label", "--json"), "say --dry-run, too"),
        (("label", "--as", " "), "--as is empty"),
        (("label", "--since", "soon"), "--since 'soon': say how long ago"),
        (("agreement", "--since", "soon"), "--since 'soon': say how long ago"),
        (("agreement", "--judge", "nobody"), "no judge 'nobody'"),
    ],
)
def test_a_mistake_is_one_sentence(config: str, words: tuple[str, ...], said: str) -> None:
    done = run(*words, "-c", config)
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [("sessions",), ("ledger",), ("tap",), ("forget", "--session", "s"), ("label",), ("agreement", "--repeat", "2")],
)
def test_redis_that_is_down_is_one_sentence(config: str, words: tuple[str, ...]) -> None:
    done = run(*words, "-c", config)
    assert isinstance(done.exception, StreamerError)
    assert "Redis does not answer" in str(done.exception)


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_a_case_is_decided_again(file: Path) -> None:
    done = run("replay", str(file))
    assert done.exit_code == 0
    assert "this version decides the same" in done.output
    assert json.loads(run("replay", str(file), "--json").output)["differences"] == []


def test_a_case_that_is_decided_otherwise_names_the_decision_and_ends_with_1(tmp_path: Path) -> None:
    case = json.loads(CASES[0].read_text())
    token = next(iter(case["decided"]["closings"]))
    case["decided"]["closings"][token] = "ended"
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    done = run("replay", str(file))
    assert done.exit_code == 1
    assert f"closing by claim {token}: was ended, is now quiet" in done.output
    found = json.loads(run("replay", str(file), "--json").output)
    assert [one["where"] for one in found["differences"]] == [f"closing by claim {token}"]


@pytest.mark.parametrize(("text", "said"), [("{}", "no case"), (None, "No such file")])
def test_a_file_that_is_no_case_is_one_sentence(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "case.json"
    if text is not None:
        file.write_text(text)
    done = run("replay", str(file))
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from streamer.adapters import parquet

    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"), parquet.writing(tmp_path / "v.parquet", {}):
        pass
    assert list(tmp_path.iterdir()) == []
