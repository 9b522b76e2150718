"""What one channel is owed, sent to it.

Rule: each channel has a loop of its own, so that one that hangs delays no other. A delivery is leased before it is sent
and leaves the outbox once it was taken; a worker that dies in between sends it again, under the same id.
"""

from streamer.alert_ports import Channel, EpisodeStore
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.outbox import LEASE_MS, Delivery, is_stale, pause_ms
from streamer.errors import PermanentError, TransientError
from streamer.ports import Clock, Journal, Metrics

POLL_MS = 250
BACKOFF_MS = 1_000
AT_ONCE = 2
"""Deliveries in one pass: they must be through before the lease ends, each within its timeout of 10 s."""


class Delivering:
    def __init__(
        self,
        channel: Channel,
        episodes: EpisodeStore,
        clock: Clock,
        metrics: Metrics,
        journal: Journal,
        *,
        per_minute: int,
        resend_ms: int,
    ) -> None:
        self._channel, self._episodes, self._clock = channel, episodes, clock
        self._metrics, self._journal = metrics, journal
        self._per_minute, self._resend_ms = per_minute, resend_ms
        self._interrupted_by = ""

    async def step(self) -> int:
        """Send what is due; returns how many ms to wait."""
        name = self._channel.name
        try:
            for delivery in await self._episodes.take(name, AT_ONCE, self._per_minute, LEASE_MS):
                await self._deliver(delivery)
            if self._channel.forgets and await self._episodes.my_turn(f"resend:{name}", self._resend_ms):
                await self._repeat()
            self._metrics.gauge("notifications_owed", (await self._episodes.owed([name]))[name], channel=name)
        except TransientError as error:
            if str(error) != self._interrupted_by:  # an outage of an hour is one line
                self._interrupted_by = str(error)
                self._journal.say("warning", "delivery_interrupted", channel=name, cause=str(error))
            return error.retry_after_ms or BACKOFF_MS
        self._interrupted_by = ""
        return POLL_MS

    async def _deliver(self, delivery: Delivery) -> None:
        name, notice = self._channel.name, delivery.notice
        if is_stale(notice, self._clock.now_ms()):
            self._journal.say("error", "notification_dropped", channel=name, notice=notice.id, cause="a week old")
            self._metrics.count("notifications", channel=name, outcome="dropped")
            await self._episodes.delivered(name, delivery)
            return
        try:
            await self._channel.send(notice)
        except (TransientError, PermanentError) as error:
            retry_after_ms = error.retry_after_ms if isinstance(error, TransientError) else None
            wait_ms = pause_ms(delivery.attempts + 1, retry_after_ms)
            await self._episodes.put_off(name, delivery, wait_ms)
            self._metrics.count("notifications", channel=name, outcome="failed")
            self._journal.say(
                "warning", "notification_failed", channel=name, notice=notice.id, again_in_ms=wait_ms, cause=str(error)
            )
        else:
            await self._episodes.delivered(name, delivery)
            self._metrics.count("notifications", channel=name, outcome="delivered")
            self._journal.say("info", "notified", channel=name, notice=notice.id, attempts=delivery.attempts + 1)

    async def _repeat(self) -> None:
        """Whoever forgets is told again of what is open, and at once of what was resolved while we told it. One notice
        that is refused keeps no other from being repeated."""
        muted, now_ms = await self._episodes.muted_rules(), self._clock.now_ms()
        told = []
        try:
            for episode, notice, untold in await self._episodes.open():
                is_muted = episode.is_muted(now_ms) or muted.get(episode.rule, 0) > now_ms
                if notice is not None and not (untold or is_muted):
                    await self._say_again(notice)
                    told.append(episode.id)
            for episode, notice, _ in await self._episodes.remembered(told):
                if episode.state != "open" and notice is not None:
                    await self._say_again(notice)
        except TransientError as error:
            self._failed(error)

    async def _say_again(self, notice: Notice) -> None:
        try:
            await self._channel.send(notice)
        except PermanentError as error:
            self._failed(error)

    def _failed(self, error: TransientError | PermanentError) -> None:
        self._metrics.count("notifications", channel=self._channel.name, outcome="failed")
        self._journal.say("warning", "notification_failed", channel=self._channel.name, cause=str(error))
