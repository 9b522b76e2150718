"""The health page over real HTTP: alive while loops move, ready while services answer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.errors import ConfigurationError
from streamer.web.health import STUCK_MS, application, bind, serve
from streamer.web.state import Health


class HandClock:
    at_ms = 1_000_000

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, ms: int) -> None:
        self.at_ms += ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def health(clock: HandClock) -> Health:
    return Health(clock, ["ingest", "judge"], ["kafka", "redis"])


@asynccontextmanager
async def page(health: Health) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(health, PrometheusMetrics().registry))
    async with httpx.AsyncClient(transport=transport, base_url="http://streamer") as client:
        yield client


async def test_ready_only_once_every_service_has_answered(health: Health) -> None:
    async with page(health) as client:
        assert (await client.get("/readyz")).status_code == 503
        health.up("kafka")
        health.up("redis")
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "down": {}})


async def test_an_outage_is_told_since_its_first_failure_with_the_last_reason(health: Health, clock: HandClock) -> None:
    health.up("kafka")
    health.up("redis")
    health.down("redis", "TransientError")
    clock.at_ms += 5_000
    health.down("redis", "Reconnected")
    async with page(health) as client:
        answer = await client.get("/readyz")
    assert answer.json()["down"] == {"redis": {"since_ms": 1_000_000, "reason": "Reconnected"}}


async def test_a_service_that_is_down_is_no_reason_to_be_restarted(health: Health) -> None:
    health.down("redis", "TransientError")
    async with page(health) as client:
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(("age_ms", "status"), [(STUCK_MS - 1, 200), (STUCK_MS, 200), (STUCK_MS + 1, 503)])
async def test_a_loop_that_stands_still_is_not_alive(
    health: Health, clock: HandClock, age_ms: int, status: int
) -> None:
    clock.at_ms += age_ms
    health.beat("ingest")
    async with page(health) as client:
        answer = await client.get("/livez")
    assert answer.status_code == status
    assert set(answer.json()["stuck_ms"]) == ({"judge"} if status == 503 else set())


async def test_metrics_are_served_over_http_until_cancelled(health: Health) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serving = asyncio.create_task(serve("127.0.0.1", port, health, PrometheusMetrics().registry))
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=5)) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert "streamer_releases_total" in answer.text
    serving.cancel()
    await asyncio.wait([serving])
    bind("127.0.0.1", port).close()


def test_a_busy_port_is_one_sentence_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"http\.port.*{port}.*set http\.port"):
            bind("127.0.0.1", port)


def test_a_port_that_cannot_be_is_one_sentence_too() -> None:
    with pytest.raises(ConfigurationError, match=r"http\.port.*99999"):
        bind("127.0.0.1", 99_999)
