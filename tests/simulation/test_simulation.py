"""Seeds that once failed stay; some mistakes that are found quickly prove that the laws still look."""

import pytest

from tests.simulation.cluster import run
from tests.simulation.planted import PLANTS

ONCE_FAILED = (5, 15, 31, 88, 157, 225, 396)
"""396: a swept trace without a root, whose spans disagree on the session, has an owner that is kept. The others: two
claims of one moment shared a token, and the renewal of one was taken for the other's."""
QUICK = (
    "no_retraction",
    "commit_first",
    "ingest_moves_leased",
    "answer_not_saved",
    "delete_by_name",
    "intents_for_ever",
    "end_before_settle",
    "interim_is_final",
)


@pytest.mark.parametrize("seed", ONCE_FAILED)
def test_a_seed_that_once_failed_holds_every_law(seed: int) -> None:
    assert run(seed).broken == {}


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_mistake_is_found(name: str) -> None:
    plant = PLANTS[name]
    assert any(set(plant.law.split()) & set(run(seed, plant.parts()).broken) for seed in range(30))


def test_the_same_seed_tells_the_same_story() -> None:
    assert run(3, telling=True).story == run(3, telling=True).story
