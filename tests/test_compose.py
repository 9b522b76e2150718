"""docker-compose.yml is valid, starts in order, and says the same as the programs that the tests start."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.services.redis import OPTIONS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
# They run once and end; the image of streamer brings its own HEALTHCHECK.
ONE_SHOT = {"topics", "bucket"}
CHECKED_BY_IMAGE = {"ingest", "judge", "monitor", "probe"}


def test_file_follows_the_compose_specification() -> None:
    merged = yaml.safe_dump(yaml.safe_load(TEXT))
    assert set(PyCompose.from_yaml(merged).service_names()) == set(SERVICES)


def test_misspelt_key_is_refused_by_that_specification() -> None:
    with pytest.raises(ValueError, match="healthchek"):
        PyCompose.from_yaml(yaml.safe_dump({"services": {"a": {"image": "a", "healthchek": {"test": "true"}}}}))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT - CHECKED_BY_IMAGE))
def test_lasting_service_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_dependencies_exist_and_wait_for_what_they_can(name: str) -> None:
    for other, rule in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert rule["condition"] == wanted
        assert other in SERVICES


def test_redis_is_configured_as_in_the_tests() -> None:
    command = [str(word) for word in SERVICES["redis"]["command"]]
    for option, value in zip(OPTIONS[::2], OPTIONS[1::2], strict=True):
        assert command[command.index(option) + 1] == value


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists()


def test_prometheus_asks_every_process_of_streamer() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = (config["static_configs"][0]["targets"] for config in scraped)
    assert {target.partition(":")[0] for target in targets} == CHECKED_BY_IMAGE
