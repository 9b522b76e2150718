"""`streamer probe --dry-run`: what would be sent and asked; settings that would stop a probe are named before that."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.core.probe import PREFIX
from streamer.errors import ConfigurationError

JUDGES = '[[judges]]\ntype = "user_frustration"\n'


def run(tmp_path: Path, settings: str, *words: str) -> str:
    file = tmp_path / "streamer.toml"
    file.write_text(settings + JUDGES)
    done = CliRunner().invoke(cli, ["probe", "--dry-run", *words, "-c", str(file)])
    if isinstance(done.exception, ConfigurationError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_says_where_it_goes_under_which_rule_and_what_it_costs(tmp_path: Path) -> None:
    said = run(tmp_path, '[[rules]]\nname = "tests"\nservice = "bot"\nsampling = 0.1\n', "--service", "bot")
    assert f"{PREFIX}" in said
    assert "to Kafka, otlp_spans, under rule 'tests': at most 1 model call (user_frustration)" in said
    as_json = json.loads(run(tmp_path, "", "--json"))
    assert (as_json["rule"], as_json["judges"], as_json["topic"]) == ("default", ["user_frustration"], "otlp_spans")


@pytest.mark.parametrize(
    ("settings", "words", "cause"),
    [
        ('[[rules]]\nname = "off"\njudges = []\n', (), "rule 'off' wants no judge"),
        ('[[rules]]\nname = "none"\nsampling = 0.0\n', (), r"rule 'none' judges no session \(sampling = 0\)"),
        ('[[sources]]\nkeep = "listed"\nservices = ["bot"]\n', (), "would not keep the probe"),
        ('[[sources]]\nencoding = "otlp_json"\n', (), "reads otlp_json alone"),
        ("", ("--source", "other"), "--source 'other' is not configured"),
        ("", ("--tenant", "acme"), "of tenant default"),
        (
            '[[sources]]\ntenant_header = "x"\n',
            ("--tenant", "acme", "--through", "http://c:4318"),
            "no Collector sends",
        ),
        ("", ("--topic", "elsewhere"), "does not read it"),
        ("", ("--timeout", "soon"), "--timeout is no duration"),
    ],
)
def test_what_would_stop_it_is_a_sentence(tmp_path: Path, settings: str, words: tuple[str, ...], cause: str) -> None:
    with pytest.raises(ConfigurationError, match=cause):
        run(tmp_path, settings, *words)
