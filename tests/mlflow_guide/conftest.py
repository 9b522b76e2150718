"""The bench of evaluations, with the guide's program played on it once."""

import pytest

from tests.evaluate_bench import Bench
from tests.evaluate_bench import bench as bench
from tests.mlflow_guide.stage import Stage


@pytest.fixture
def stage(bench: Bench) -> Stage:
    return Stage(bench)
