"""docs/python.md does what it says."""

import doctest
import json
from pathlib import Path

from tests.api.made import FEED, TRACES

GUIDE = Path(__file__).parent.parent.parent / "docs" / "python.md"


def test_every_example_of_the_guide(model_log: Path, tmp_path: Path) -> None:
    (tmp_path / "feed.jsonl").write_text("".join(json.dumps(one) + "\n" for one in FEED))
    done = doctest.testfile(str(GUIDE), module_relative=False, globs={"traces": TRACES}, encoding="utf-8")
    assert done.attempted > 15
    assert done.failed == 0
    assert len(model_log.read_text().splitlines()) == 5
