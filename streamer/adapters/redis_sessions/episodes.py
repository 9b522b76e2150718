"""alert_ports.EpisodeStore on Redis: episodes, and what is owed to channels."""

import json
from collections.abc import Iterable, Mapping, Sequence

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.scripts import Argument, ScriptCall
from streamer.alert_ports import Remembered, Slot
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.outbox import Delivery
from streamer.core.feed_text import joined


class RedisEpisodes:
    """Everything lies under one tag: an episode and what it owes change in one call, and there are few."""

    def __init__(self, shared: Shared) -> None:
        self._s = shared
        self._base = f"{shared.prefix}:{{alerts}}:"

    async def slot(self, rule: str, series: str) -> Slot:
        (said,) = await self._s.primary.ask([("HGET", f"{self._base}slots", joined(rule, series))])
        if said is None:
            return Slot(rule, series, 0, None, None, False, b"", b"")
        applied, _, name = said.decode().partition("|")
        (raw,) = await self._s.primary.ask([("HGET", f"{self._base}episodes", name)])
        episode, notice, untold = _read(raw) if raw is not None else (None, None, False)
        return Slot(rule, series, int(applied), episode, notice, untold, said, raw or b"")

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
        name = episode.id if episode else ""
        same = slot.episode is not None and slot.episode.id == name
        slot_name = joined(slot.rule, slot.series)
        arguments: list[Argument] = [self._s.now_ms(), slot_name, slot.looked_slot, f"{applied}|{name}", name]
        arguments += [
            slot.looked_episode if same else "",
            _written(Remembered(episode, told, untold)) if episode else "",
            int(episode is not None and episode.state == "open"),
        ]
        if told is not None:
            number = applied if applied > slot.applied else told.published_at_ms * 1_000
            for channel in channels:
                arguments += [channel, told.id, f"{number}|0|0|0|{told.episode}|{_text(told)}"]
        (done,) = await self._s.primary.run([ScriptCall("turn_episode", self._base, arguments)])
        return bool(done)

    async def set_current(self, for_ms: int) -> None:
        await self._s.primary.ask([("SET", f"{self._base}current", 1, "PX", for_ms)])

    async def is_current(self) -> bool:
        (said,) = await self._s.primary.ask([("GET", f"{self._base}current")])
        return said is not None

    async def episodes(self) -> Sequence[Remembered]:
        (raw,) = await self._s.primary.ask([("HVALS", f"{self._base}episodes")])
        return _newest_first(map(_read, raw))

    async def open(self) -> Sequence[Remembered]:
        (names,) = await self._s.primary.ask([("SMEMBERS", f"{self._base}open")])
        found = [one for one in await self.remembered([name.decode() for name in names]) if _is_open(one)]
        return _newest_first(found)

    async def remembered(self, names: Sequence[str]) -> Sequence[Remembered]:
        if not names:
            return []
        (raw,) = await self._s.primary.ask([("HMGET", f"{self._base}episodes", *names)])
        return [_read(one) for one in raw if one is not None]

    async def retell(self, name: str, notice: Notice) -> None:
        (raw,) = await self._s.primary.ask([("HGET", f"{self._base}episodes", name)])
        if raw is not None:
            written = _written(_read(raw)._replace(notice=notice))
            await self._s.primary.ask([("HSET", f"{self._base}episodes", name, written)])

    async def forget(self, before_ms: int) -> int:
        known = await self.episodes()
        still = [one.episode.id for one in known if _is_open(one)]
        old = [one.episode.id for one in known if not _is_open(one) and (one.episode.resolved_at_ms or 0) < before_ms]
        left = {one.episode.id for one in known}.difference(old)
        if still:  # of a streamer that kept no index
            await self._s.primary.ask([("SADD", f"{self._base}open", *still)])
        if old:
            await self._s.primary.ask([("HDEL", f"{self._base}episodes", *old)])
        (flat,) = await self._s.primary.ask([("HGETALL", f"{self._base}slots")])
        free: list[Argument] = []
        for slot, said in pairs(flat):
            applied, _, name = said.decode().partition("|")
            if int(applied) < before_ms * 1_000 and name not in left:  # numbers of proposals are µs
                free += [slot, said]
        if free:
            await self._s.primary.run([ScriptCall("drop_fields", f"{self._base}slots", free)])
        return len(old)

    async def take(self, channel: str, limit: int, per_minute: int, lease_ms: int) -> Sequence[Delivery]:
        arguments = (self._s.now_ms(), channel, limit, per_minute, lease_ms)
        (flat,) = await self._s.primary.run([ScriptCall("take_deliveries", self._base, arguments)])
        rows = [flat[n : n + 4] for n in range(0, len(flat), 4)]
        return [
            Delivery(Notice.from_json(json.loads(notice)), int(attempts), int(lease))
            for _, lease, attempts, notice in rows
        ]

    async def delivered(self, channel: str, delivery: Delivery) -> None:
        await self._end(channel, delivery, "")

    async def put_off(self, channel: str, delivery: Delivery, in_ms: int) -> None:
        await self._end(channel, delivery, in_ms)

    async def owed(self, channels: Sequence[str]) -> Mapping[str, int]:
        found = await self._s.read([("HLEN", f"{self._base}out:{channel}") for channel in channels])
        return dict(zip(channels, found, strict=True))

    async def my_turn(self, what: str, every_ms: int) -> bool:
        (said,) = await self._s.primary.ask([("SET", f"{self._base}turn:{what}", 1, "NX", "PX", every_ms)])
        return said is not None

    async def mute_rule(self, rule: str, until_ms: int) -> None:
        await self._s.primary.ask([("HSET", f"{self._base}mutes", rule, until_ms)])

    async def muted_rules(self) -> Mapping[str, int]:
        (flat,) = await self._s.primary.ask([("HGETALL", f"{self._base}mutes")])
        return {rule.decode(): int(until) for rule, until in pairs(flat)}

    async def _end(self, channel: str, delivery: Delivery, in_ms: Argument) -> None:
        arguments = (self._s.now_ms(), channel, delivery.notice.id, delivery.lease, in_ms)
        await self._s.primary.run([ScriptCall("end_delivery", self._base, arguments)])


def _newest_first(found: Iterable[Remembered]) -> list[Remembered]:
    return sorted(found, key=lambda one: (one.episode.raised_at_ms, one.episode.id), reverse=True)


def _is_open(one: Remembered) -> bool:
    return one.episode.state == "open"


def _text(notice: Notice) -> str:
    return json.dumps(notice.to_json(), ensure_ascii=False, separators=(",", ":"))


def _written(kept: Remembered) -> str:
    told = kept.notice.to_json() if kept.notice else None
    value = {"episode": kept.episode.to_json(), "notice": told, "untold": kept.untold}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(raw: bytes) -> Remembered:
    value = json.loads(raw)
    notice = Notice.from_json(value["notice"]) if value["notice"] else None
    return Remembered(Episode.from_json(value["episode"]), notice, value["untold"])
