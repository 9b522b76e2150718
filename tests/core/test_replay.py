"""Every case that is kept is decided as it was. To add one: streamer explain SESSION --export FILE, in there."""

import json
from pathlib import Path

import pytest

from streamer.adapters.mlflow_translation import translated
from streamer.core.case import differences
from streamer.core.case_codec import NoCase, from_json

CASES = sorted((Path(__file__).parent.parent / "fixtures" / "cases").glob("*.json"))


def test_there_are_cases() -> None:
    assert len(CASES) >= 2


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_it_is_decided_as_it_was(file: Path) -> None:
    case = from_json(file.read_text())
    assert case.texts == "redacted"
    assert differences(case, translated) == []


def test_one_of_a_later_version_is_read_as_far_as_it_can_be() -> None:
    said = json.loads(CASES[0].read_text())
    said["later"] = said["claims"][0]["later"] = said["state"]["later"] = 1
    assert differences(from_json(json.dumps(said)), translated) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "no case"),
        ("[1]", "no case"),
        ("no json", "no case"),
        ('{"format": 2}', "format 2, this version reads 1"),
    ],
)
def test_what_is_no_case_is_said(text: str, said: str) -> None:
    with pytest.raises(NoCase, match=said):
        from_json(text)
