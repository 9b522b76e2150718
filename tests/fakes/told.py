"""What readers told of their partitions, as the fake Redis keeps it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from streamer.core.holding import Doing, Told
from streamer.ports import TopicPartition

if TYPE_CHECKING:
    from tests.fakes.session_store import FakeRedis


class ToldDoings:
    """A side of FakeSessionStore."""

    redis: "FakeRedis"

    async def tell_doing(self, source: str, doing: Mapping[TopicPartition, Doing]) -> None:
        now_ms = self.redis.now_ms()
        self.redis.told.setdefault(source, {}).update({p: Told(word, now_ms) for p, word in doing.items()})

    async def told(self, source: str) -> Mapping[TopicPartition, Told]:
        return dict(self.redis.told.get(source, {}))
