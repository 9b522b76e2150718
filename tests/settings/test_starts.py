"""Where a first start begins, in the file and by --from."""

import pytest

from streamer.core.reading import BEGINNING, NOW, Start
from streamer.errors import ConfigurationError
from streamer.settings import load

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("beginning", BEGINNING),
        ("2h", Start("time", NOW_MS - 7_200_000)),
        ("0", Start("offset", 0)),
        ("1234", Start("offset", 1234)),
    ],
)
def test_a_start_is_a_word_an_offset_or_how_far_back(text: str, expected: Start) -> None:
    settings = load(environment={}).starting(text)
    assert [source.first_offset(NOW_MS) for source in settings.sources] == [expected]


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "-2h", "99999d", "²", "9" * 23, "2 parsecs"])
def test_anything_else_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r'--from must be "now", "beginning", an offset, or how far back'):
        load(environment={}).starting(text)
