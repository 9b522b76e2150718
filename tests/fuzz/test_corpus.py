"""What the fuzzer has found once is read at every test run."""

from pathlib import Path

import pytest

from tests.core.wire.mutations import read

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_a_finding_stays_mended(path: Path) -> None:
    read(path.read_bytes())
