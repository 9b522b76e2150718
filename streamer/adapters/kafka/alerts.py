"""alert_ports.Channel: the topic of alerts. Repeated records have the same `ce_id`."""

import json

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.core.alerts.notice import SCHEMA_VERSION, Notice
from streamer.core.wire.records import Record


class KafkaChannel:
    forgets = False

    def __init__(self, name: str, topic: str, publisher: KafkaPublisher) -> None:
        self.name, self._topic, self._publisher = name, topic, publisher

    async def send(self, notice: Notice) -> str:
        """On the partition of its episode, so that a resolve comes behind its raise."""
        value = json.dumps(notice.to_json(), ensure_ascii=False, separators=(",", ":")).encode()
        headers = (
            ("content-type", b"application/json"),
            ("ce_id", notice.id.encode()),
            ("streamer.schema", str(SCHEMA_VERSION).encode()),
        )
        await self._publisher.append([Record(self._topic, -1, -1, 0, value, notice.episode.encode(), headers)])
        return "acknowledged"

    async def close(self) -> None:
        await self._publisher.close()
