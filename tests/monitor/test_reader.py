"""What Faust's agent does with a batch that does not come to its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

from streamer.core.wire.records import Record
from streamer.monitor.app import FaustReader
from streamer.monitor.credentials import Credentials

MESSAGE = SimpleNamespace(topic="feed", partition=0, offset=7, timestamp=1.0, value=b"{}", key=None, headers=None)


class Stream:
    def __init__(self) -> None:
        self.acknowledged: list[Any] = []

    async def noack_take(self, most: int, within: float) -> AsyncIterator[list[Any]]:
        yield [SimpleNamespace(message=MESSAGE)]

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event)


async def test_a_batch_that_was_cancelled_is_not_acknowledged_and_no_longer_under_way() -> None:
    """Else a rebalance in the middle of it would look like work for ever, and the watchdog never bark."""

    async def fold(records: Sequence[Record]) -> None:
        await asyncio.Event().wait()

    reader, stream = FaustReader("127.0.0.1:1", Credentials(None, None, "", ""), "g", "feed", 1, fold), Stream()
    agent = asyncio.create_task(reader._agent(stream))
    while not reader.is_folding:
        await asyncio.sleep(0)
    agent.cancel()
    await asyncio.gather(agent, return_exceptions=True)
    assert (reader.is_folding, stream.acknowledged, reader.folded, reader.failure) == (False, [], 0, None)
