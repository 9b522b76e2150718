"""`streamer decode`, as a user calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.errors import ConfigurationError
from tests.builders import FIXTURES, otlp_record, span

MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
TEXTS = ("user", "assistant", "io_source")
NOT_OF_A_TURN = {"tools", "omitted", "name"}
RECORDED = [
    (name, suffix)
    for name, entry in MANIFEST.items()
    for suffix in (".bin", ".json")
    if all((FIXTURES / file).with_suffix(suffix).exists() for file in entry["files"])
]


def run(*arguments: str | Path, stdin: bytes = b"", code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["decode", *map(str, arguments)], input=stdin)
    if isinstance(result.exception, ConfigurationError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def told(*arguments: str | Path, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json", **how))
    return found


def write(path: Path, *spans: Any) -> Path:
    path.write_bytes(otlp_record(*spans).value or b"")
    return path


@pytest.mark.parametrize(("name", "suffix"), RECORDED, ids=[f"{name}{suffix}" for name, suffix in RECORDED])
def test_what_sdks_sent_decodes_to_the_manifest(name: str, suffix: str) -> None:
    entry = MANIFEST[name]
    files = [(FIXTURES / file).with_suffix(suffix) for file in entry["files"]]
    found = {
        turn["trace_id"]: turn for turn in told(*files, *(FIXTURES / file for file in entry.get("logs", ())))["turns"]
    }

    turns = {turn["trace_id"] for turn in entry["turns"]}
    assert turns <= set(found)
    assert not [
        turn for turn in found.values() if turn["trace_id"] not in turns and (turn["user"] or turn["assistant"])
    ]
    for expected in entry["turns"]:
        turn = found[expected["trace_id"]]
        keys = [key for key in expected if key not in NOT_OF_A_TURN and expected[key] is not None]
        assert {key: turn[key] for key in keys} == {key: expected[key] for key in keys}
        assert all(turn[key] is None for key in TEXTS[:2] if expected[key] is None)


def test_split_and_late_traces_come_together_whatever_the_order() -> None:
    files = [FIXTURES / f"edge-split-{part}" for part in ("1-child.bin", "2-root.json")]

    for order in (files, files[::-1], [*files, files[0]]):
        (turn,) = told(*order)["turns"]
        assert (turn["session_id"], turn["complete"], turn["spans_seen"]) == ("split", True, 2)


def test_standard_input_and_a_session_that_ends() -> None:
    found = told("-", stdin=(FIXTURES / "edge-log-session-end.bin").read_bytes())

    assert [(c["event"], c["session_id"]) for c in found["control"]] == [("session.start", "s1"), ("session.end", "s2")]
    assert found["turns"] == []


def test_nothing_decoded_is_exit_code_2_and_every_decoder_says_why() -> None:
    found = told("-", stdin=b"hello", code=2)

    assert [problem["reason"] for problem in found["problems"]] == ["unreadable"]
    assert {t["decoder"] for t in found["tried"]} >= {"otlp_proto", "otlp_json", "mlflow_json", "cloudevents", "gzip"}
    assert all(t["refused"] for t in found["tried"])
    assert "refused: does not begin with 0a" in run("-", stdin=b"hello", code=2)


def test_a_trace_without_a_session_names_the_line_of_its_dialect() -> None:
    (turn, _) = told(FIXTURES / "mlflow-dual-00.bin")["turns"]

    assert turn["session_id"] is None
    assert turn["remedy"].startswith("mlflow.get_current_active_span().set_attribute")
    assert "remedy     mlflow.get_current_active_span()" in run(FIXTURES / "mlflow-dual-00.bin")


def test_what_a_rule_leaves_out_is_said(tmp_path: Path) -> None:
    shop = write(tmp_path / "shop.bin", span("0a" * 16, "01" * 8, http__route="/cart"))

    assert told(shop, code=2)["left_out"] == [{"rule": "no_genai_key", "record": str(shop)}]
    assert 'keep = "all"' in run(shop, code=2)


def test_an_encoding_that_is_named_is_believed() -> None:
    assert told(FIXTURES / "edge-json-hex.json", "--encoding", "otlp_json")["turns"]
    assert not told(FIXTURES / "edge-json-hex.json", "--encoding", "otlp_proto", code=2)["turns"]


def test_what_would_be_stored_can_be_kept_and_reads_the_same(tmp_path: Path) -> None:
    files = [FIXTURES / "edge-split-1-child.json", FIXTURES / "mlflow-trace-to-json.json"]
    kept = tmp_path / "kept.bin"

    assert told(*files, "--raw", kept)["turns"] == told(kept)["turns"]


def test_words_are_printed_as_they_are_and_wrap(tmp_path: Path) -> None:
    words = "[bold]" + "word " * 60
    file = write(tmp_path / "turn.bin", span("0a" * 16, "01" * 8, session__id="s1", input__value=words))
    lines = run(file).splitlines()

    assert "[bold]word" in run(file)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name FILES"),
        (("a.bin", "--topic", "t"), "name FILES"),
        (("no-such-file",), "no-such-file: No such file or directory"),
        (("a.bin", "--encoding", "jaeger_proto"), "is not read by streamer"),
        (("a.bin", "--encoding", "otlp"), "is unknown; known are auto, otlp_proto"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run(*arguments)


def test_an_image_is_named(tmp_path: Path) -> None:
    asked = json.dumps([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}])
    file = write(tmp_path / "a.bin", span("0a" * 16, "01" * 8, session__id="s1", input__value=asked))

    assert told(file)["turns"][0]["omitted"] == ["image"]
    assert "[image]" in run(file)


def test_raw_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--raw cannot write"):
        run(FIXTURES / "langfuse-00.bin", "--raw", tmp_path)


def test_words_do_not_command_the_terminal(tmp_path: Path) -> None:
    said = run(
        write(tmp_path / "a.bin", span("0a" * 16, "01" * 8, session__id="s\x1b[2J", input__value="\x1b]0;x\x07\x9b1m"))
    )

    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "\\x1b]0;x\\x07" in said
