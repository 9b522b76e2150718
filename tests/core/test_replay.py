"""Every case that is kept is decided as it was. To add one: streamer explain SESSION --export FILE, in there."""

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
