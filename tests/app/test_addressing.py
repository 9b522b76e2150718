"""Which [[sources]] table sessions belong to, and where people find a trace."""

from pathlib import Path

import pytest

from streamer.app.addressing import trace_page
from streamer.app.evaluating import Wanted, source_of
from streamer.core.terms import Terms
from streamer.errors import ConfigurationError
from streamer.settings import Settings, load

TERMS = Terms(specs=(), rules=(), content=b"")
SOURCES = '[[sources]]\nname = "web"\ntopics = ["web"]\n[[sources]]\nname = "app"\ntopics = ["app"]\n'


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "streamer.toml"
    file.write_text(text)
    return load(file, {})


@pytest.mark.parametrize("write", [False, True])
def test_the_sessions_of_a_topic_are_of_the_source_that_reads_it(tmp_path: Path, write: bool) -> None:
    given = settings(tmp_path, SOURCES)
    assert source_of(given, Wanted(terms=TERMS, topic="app", write=write)).name == "app"
    assert source_of(given, Wanted(terms=TERMS, topic="app", source="web", write=write)).name == "web"


def test_nothing_is_written_under_a_source_that_nobody_chose(tmp_path: Path) -> None:
    given = settings(tmp_path, SOURCES)
    for wanted in (Wanted(terms=TERMS, experiment="e", write=True), Wanted(terms=TERMS, topic="other", write=True)):
        with pytest.raises(ConfigurationError, match=r"--write needs --source .* web, app"):
            source_of(given, wanted)
    assert source_of(given, Wanted(terms=TERMS, experiment="e")).name == "web"
    assert source_of(settings(tmp_path, ""), Wanted(terms=TERMS, experiment="e", write=True)).name


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ('mlflow.tracking_uri = "http://u:C4nary@m:5000/?k=C4nary"', "http://m:5000/#/"),
        (
            'mlflow.tracking_uri = "http://m:5000"\nalerting.mlflow_url = "https://u:C4nary@ml.example/x/"',
            "https://ml.example/x/#/",
        ),
    ],
)
def test_no_link_carries_a_password(tmp_path: Path, text: str, page: str) -> None:
    assert trace_page(settings(tmp_path, text), "7", "tr-1") == f"{page}experiments/7/traces?selectedEvaluationId=tr-1"
