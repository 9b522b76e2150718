"""The file: which one, what if it is none, and keys that nobody knows."""

from pathlib import Path

import pytest

from streamer.errors import ConfigurationError
from streamer.settings import load
from tests.settings.conftest import Given


def refusal(path: Path | None, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, env or {})
    return str(caught.value)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"the configuration file {tmp_path} cannot be read: Is a directory; name a readable TOML file"
    )
    assert "Is a directory" in refusal(None, {"STREAMER_CONFIG": str(tmp_path)})


def test_a_directory_called_streamer_toml_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).kafka.group == "streamer"
    (tmp_path / "streamer.toml").mkdir()
    assert "Is a directory" in refusal(None)


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for path in (tmp_path / "loop", tmp_path / "file" / "below", tmp_path / ("a" * 300)):
        assert "cannot be read" in refusal(path)
    assert refusal(tmp_path / "none").startswith("there is no configuration file")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = \xff", "is not UTF-8 at byte 4"),
        (b"a = ", "is no TOML: Invalid value"),
        (b"a = 1" + b"0" * 5_000, "is no TOML: Exceeds the limit"),
        (b"a = " + b"[" * 100_000, "is no TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "f.toml").write_bytes(content)
    assert said in refusal(tmp_path / "f.toml")


def test_the_mark_of_windows_editors_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbf[kafka]\r\ngroup = 'g'\r\n")
    settings = load(tmp_path / "f.toml", {})
    assert (settings.kafka.group, settings.origin("kafka.group")) == ("g", "f.toml:2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[origins]\nx = 'y'", "origins (streamer.toml:1) is not a setting; known are kafka, "),
        ("_origins = {}", "_origins (streamer.toml:1) is not a setting; "),
        ("[kafkaa]", "kafkaa (streamer.toml:1) is not a setting; did you mean kafka?"),
        ("[kafka]\ngrup = 1", "kafka.grup (streamer.toml:2) is not a setting; did you mean group?"),
        ("idle_gap_ms = 1", "idle_gap_ms (streamer.toml:1) is not a setting; did you mean sessions.idle_gap_ms?"),
        (
            "[[judges]]\ntype = 'user_frustration'\n[[judges]]\ntype = 'knowledge_retention'\nmodle = 1",
            "judges[1].modle (streamer.toml:5) is not a setting; did you mean model?",
        ),
        ("[judges]", "judges (streamer.toml:1) must be a list of tables: open it with [[judges]]"),
        ("[[kafka]]", "kafka (streamer.toml) must be a table: open it with [kafka]"),
        ("kafka = 1", "kafka (streamer.toml:1) must be a table: open it with [kafka]"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(given: Given, text: str, said: str) -> None:
    assert given.refused(text).startswith(said)
    assert given.refused(text, {"STREAMER_KAFKA__GROUP": "g"}).startswith(said)
