"""The services that the other tests stand on are the real ones, set up as production sets them up."""

import httpx
import pytest
import redis

pytestmark = pytest.mark.real


def test_redis_keeps_what_was_written_and_never_evicts(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"


def test_mlflow_serves_the_version_that_the_lock_names(mlflow_url: str) -> None:
    assert httpx.get(f"{mlflow_url}/version").text.startswith("3.17.")
