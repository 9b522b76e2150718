"""A storm of two minutes, as the whole one of `make storm` is."""

import random
from pathlib import Path

import pytest

from tests.storm.__main__ import storm, table

pytestmark = [pytest.mark.slow, pytest.mark.real]


def test_nothing_is_lost_doubled_or_stale_while_processes_and_services_are_killed(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    report = storm(tmp_path, sessions=300, seconds=120, seed=seed, say=print)
    print(table(report))
    assert report.violations == [], f"python -m tests.storm --sessions 300 --minutes 2 --seed {seed}"
    assert report.sessions == 300
    assert report.told_in_the_storm > 30
    assert {"kill ingest", "kill judge", "kafka", "mlflow", "failover"} <= report.faults.keys()
