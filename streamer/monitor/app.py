"""The Faust application: it reads the feed and hands batches on. Facts behind each setting: design 19.

Rule: an event is acknowledged once its batch is kept, in the order of the log, and never by an error: Faust takes what
raised, and what was cancelled, for done. So nothing raises: what fails here ends the process, and is read again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from streamer.core.wire.records import Record
from streamer.monitor.credentials import Credentials

BATCH_MAX = 500
WITHIN_S = 0.05
"""A batch that is not full waits so long; an alert must be out within two seconds."""
SESSION_S, HEARTBEAT_S, COMMIT_S = 6.0, 1.0, 1.0
"""After kill -9 the partitions of a worker are taken over in 6 to 9 s (measured; 61 s with Faust's default)."""
METADATA_MS = 60_000
"""So soon a partition that was added to the feed is read, from its beginning (five minutes with Faust's default)."""
FINISH_MS, FINISH_TICK_MS = 1_000, 20
LIBRARIES = ("faust", "mode", "aiokafka")
Fold = Callable[[Sequence[Record]], Awaitable[object]]


class FaustReader:
    """One table-free agent, concurrency 1. Runs in the caller's event loop, from `start` to `stop`."""

    def __init__(
        self,
        bootstrap: str,
        credentials: Credentials,
        group: str,
        topic: str,
        partitions: int,
        fold: Fold,
        metadata_ms: int = METADATA_MS,
    ) -> None:
        """`partitions`: as many as the feed has now."""
        self._fold = fold
        self.failure: BaseException | None = None
        """What ended the agent; nothing is read any more."""
        self.is_folding = False
        self.folded = 0
        """Records since the start."""
        self._app = _application(bootstrap, credentials, group, partitions, metadata_ms)
        source = self._app.topic(topic, value_serializer="raw", key_serializer="raw", value_type=bytes)
        self._app.agent(source, name="monitor", concurrency=1)(self._agent)

    async def start(self) -> None:
        await self._app.start()

    async def stop(self) -> None:
        """The batch in hand is finished, if that takes no longer than a moment; else it comes again."""
        for _ in range(FINISH_MS // FINISH_TICK_MS):
            if not self.is_folding or self.failure is not None:
                break
            await asyncio.sleep(FINISH_TICK_MS / 1_000)
        await self._app.stop()

    @property
    def partitions(self) -> frozenset[int]:
        """Of the feed, those that this worker has now."""
        consumer = self._app.consumer
        return frozenset(place.partition for place in consumer.assignment()) if consumer is not None else frozenset()

    @property
    def crash(self) -> BaseException | None:
        """Why Faust itself no longer works, where it knows."""
        crashed = [self._app, self._app.consumer, self._app._fetcher]
        return next((one.crash_reason or RuntimeError("crashed") for one in crashed if one and one.crashed), None)

    async def _agent(self, stream: Any) -> None:  # noqa: ANN401
        # noack_take turns this off itself, and back to what it was when it is left: by an error, too. The records that
        # were read ahead would then be acknowledged, though nobody has folded them.
        stream.enable_acks = False
        try:
            async for events in stream.noack_take(BATCH_MAX, within=WITHIN_S):
                self.is_folding = True
                try:
                    await self._fold([_record(event.message) for event in events])
                finally:
                    # Also of a batch that was cancelled: the watchdog would believe it for ever.
                    self.is_folding = False
                for event in events:
                    await stream.ack(event)
                self.folded += len(events)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (kept, and raised by whoever watches)
            self.failure = error
            await asyncio.Event().wait()  # an agent that returned would be started again, behind what it left


def _application(bootstrap: str, credentials: Credentials, group: str, partitions: int, metadata_ms: int) -> Any:  # noqa: ANN401
    import faust  # a second that `streamer --help` does not have

    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # an outage is said once, by us
    return faust.App(
        group,
        broker=[f"kafka://{place.strip()}" for place in bootstrap.split(",")],
        broker_credentials=_faust_credentials(credentials),
        autodiscover=False,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=partitions,
        table_standby_replicas=0,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_commit_interval=COMMIT_S,
        # What is cancelled in the middle is not acknowledged and comes again; to wait for it would stall the whole
        # group at every rebalance while Redis is down, and a stop for ever.
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=metadata_ms,
        processing_guarantee="at_least_once",
        web_enabled=False,
    )


def _faust_credentials(credentials: Credentials) -> Any:  # noqa: ANN401
    import faust

    if credentials.mechanism is not None:
        return faust.SASLCredentials(
            username=credentials.username,
            password=credentials.password,
            mechanism=credentials.mechanism,
            ssl_context=credentials.context,
        )
    return faust.SSLCredentials(credentials.context) if credentials.context is not None else None


def _record(message: Any) -> Record:  # noqa: ANN401
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=round((message.timestamp or 0) * 1_000),
        value=message.value,
        key=message.key,
        headers=tuple(headers),
    )
