"""What several contracts of Kafka begin with."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.brokers import KafkaTopic


@pytest.fixture
async def kafka_topic(kafka: str) -> AsyncIterator[KafkaTopic]:
    made = KafkaTopic.made(kafka)
    yield made
    await made.close()
