"""Ingest alone, as `streamer ingest` runs it, until a topic is read; prints its CPU seconds.

python -m benchmarks.ingest_program BOOTSTRAP TOPIC RECORDS REDIS_URL
"""

import asyncio
import sys
from collections.abc import Mapping

from benchmarks import cpu
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.lifecycle import Limits
from streamer.core.reading import BEGINNING
from streamer.core.wire.cut import CutRules, Cutter
from streamer.loops.ingest import Ingest, IngestParts
from tests.fakes.measures import SilentJournal, SilentMetrics


class Counting(SilentMetrics):
    records = 0

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        self.records += name == "records"


async def main() -> None:
    bootstrap, topic, records, redis_url = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    connection: Mapping[str, str] = {"bootstrap.servers": bootstrap}
    limits, metrics = Limits(gap_ms_min=900_000), Counting()
    redis = await open_redis(redis_url, limits, turn_codec)
    source = KafkaSource(SourceSettings(connection=connection, group=f"{topic}-ours", topics=[topic], start=BEGINNING))
    publisher = KafkaPublisher(connection, "assessments")
    ingest = Ingest(
        IngestParts(
            name="default",
            source=source,
            store=redis.handle(),
            dead_letters=publisher,
            cutter=Cutter(CutRules()),
            fuse=Fuse(FuseLimits(), ["default"]),
            limits=limits,
            clock=SystemClock(),
            metrics=metrics,
            journal=SilentJournal(),
        )
    )
    before = cpu.own()
    while metrics.records < records:
        await asyncio.sleep(await ingest.step() / 1000)
    print("cpu", cpu.own() - before)
    await source.close()
    await publisher.close()
    await redis.close()


if __name__ == "__main__":
    asyncio.run(main())
