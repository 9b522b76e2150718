"""alert_ports.EpisodeStore in memory: the scripts as readable Python."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamer.alert_ports import Remembered, Slot
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.outbox import Delivery
from streamer.ports import Clock


@dataclass
class Owed:
    notice: Notice
    number: int
    due_ms: float = 0
    lease_ms: int = 0
    attempts: int = 0

    @property
    def waits_ms(self) -> float:
        """Since when, or until when."""
        return max(self.due_ms, self.lease_ms)


class FakeEpisodes:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.slots: dict[tuple[str, str], bytes] = {}
        self.kept: dict[str, Remembered] = {}
        self.current_until_ms = 0
        self.out: dict[str, dict[str, Owed]] = defaultdict(dict)
        self._mutes: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._sent: dict[str, list[int]] = defaultdict(list)

    async def slot(self, rule: str, series: str) -> Slot:
        raw = self.slots.get((rule, series), b"")
        applied, _, name = raw.decode().partition("|")
        episode, notice, untold = self.kept.get(name, (None, None, False))
        return Slot(
            rule, series, int(applied or 0), episode, notice, untold, raw, repr(self.kept.get(name, "")).encode()
        )

    async def turn(
        self,
        slot: Slot,
        applied: int,
        episode: Episode | None,
        told: Notice | None,
        channels: Sequence[str],
        *,
        untold: bool = False,
    ) -> bool:
        same = episode is not None and slot.episode is not None and slot.episode.id == episode.id
        if self.slots.get((slot.rule, slot.series), b"") != slot.looked_slot:
            return False
        if same and slot.episode is not None and repr(self.kept.get(slot.episode.id)).encode() != slot.looked_episode:
            return False
        self.slots[slot.rule, slot.series] = f"{applied}|{episode.id if episode else ''}".encode()
        if episode is not None:
            self.kept[episode.id] = Remembered(episode, told, untold)
        if told is not None:
            number = applied if applied > slot.applied else told.published_at_ms * 1_000
            for channel in channels:
                self.out[channel][told.id] = Owed(told, number, min(self._clock.now_ms(), number / 1_000))
        return True

    async def set_current(self, for_ms: int) -> None:
        self.current_until_ms = self._clock.now_ms() + for_ms

    async def is_current(self) -> bool:
        return self._clock.now_ms() < self.current_until_ms

    async def episodes(self) -> Sequence[Remembered]:
        newest = sorted(self.kept.values(), key=lambda one: (one.episode.raised_at_ms, one.episode.id))
        return newest[::-1]

    async def open(self) -> Sequence[Remembered]:
        return [one for one in await self.episodes() if one.episode.state == "open"]

    async def remembered(self, names: Sequence[str]) -> Sequence[Remembered]:
        return [self.kept[name] for name in names if name in self.kept]

    async def retell(self, name: str, notice: Notice) -> None:
        self.kept[name] = self.kept[name]._replace(notice=notice)

    async def forget(self, before_ms: int) -> int:
        old = [e.id for e, _, _ in self.kept.values() if e.state == "resolved" and (e.resolved_at_ms or 0) < before_ms]
        for name in old:
            del self.kept[name]
        for slot, said in list(self.slots.items()):
            applied, _, name = said.decode().partition("|")
            if int(applied) < before_ms * 1_000 and name not in self.kept:
                del self.slots[slot]
        return len(old)

    async def take(self, channel: str, limit: int, per_minute: int, lease_ms: int) -> Sequence[Delivery]:
        now_ms = self._clock.now_ms()
        oldest: dict[str, Owed] = {}
        for owed in sorted(self.out[channel].values(), key=lambda one: one.number):
            oldest.setdefault(owed.notice.episode, owed)
        self._sent[channel] = [at for at in self._sent[channel] if at > now_ms - 60_000]
        room = min(limit, per_minute - len(self._sent[channel]))
        due = sorted((one for one in oldest.values() if one.waits_ms <= now_ms), key=lambda one: one.waits_ms)
        due = due[: max(0, room)]
        for owed in due:
            owed.lease_ms = now_ms + lease_ms
            self._sent[channel].append(now_ms)
        return [Delivery(one.notice, one.attempts, one.lease_ms) for one in due]

    async def delivered(self, channel: str, delivery: Delivery) -> None:
        if self._leased(channel, delivery):
            del self.out[channel][delivery.notice.id]

    async def put_off(self, channel: str, delivery: Delivery, in_ms: int) -> None:
        if owed := self._leased(channel, delivery):
            owed.due_ms, owed.lease_ms, owed.attempts = self._clock.now_ms() + in_ms, 0, owed.attempts + 1

    async def owed(self, channels: Sequence[str]) -> Mapping[str, int]:
        return {channel: len(self.out[channel]) for channel in channels}

    async def my_turn(self, what: str, every_ms: int) -> bool:
        now_ms = self._clock.now_ms()
        mine = self._turns.get(what, -every_ms) + every_ms <= now_ms
        if mine:
            self._turns[what] = now_ms
        return mine

    async def mute_rule(self, rule: str, until_ms: int) -> None:
        self._mutes[rule] = until_ms

    async def muted_rules(self) -> Mapping[str, int]:
        return dict(self._mutes)

    def _leased(self, channel: str, delivery: Delivery) -> Owed | None:
        owed = self.out[channel].get(delivery.notice.id)
        return owed if owed is not None and owed.lease_ms == delivery.lease else None
