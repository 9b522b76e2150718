import pytest

from streamer.core.words import lasting, priced, sized


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_500, "1.5 s"),
        (900_000, "15 min"),
        (5_400_000, "1.5 h"),
        (30 * 86_400_000, "30 d"),
    ],
)
def test_durations(ms: int, said: str) -> None:
    assert lasting(ms) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 KB"), (2 * 10**9, "2 GB"), (10**16, "10000 TB")]
)
def test_sizes(size: int, said: str) -> None:
    assert sized(size) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [(None, "price unknown"), (0.0, "$0"), (0.000012, "$0.000012"), (5.0, "$5"), (1_234.5, "$1,234.5")],
)
def test_prices(usd: float | None, said: str) -> None:
    assert priced(usd) == said
