"""The store as ingest needs it: both phases of a save, progress, and whether Redis is well."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import msgpack

from streamer.adapters.redis_sessions.connection import parse_info
from streamer.adapters.redis_sessions.handle import Handle
from streamer.adapters.redis_sessions.scripts import Argument, ScriptCall
from streamer.core.holding import Doing, Told
from streamer.core.ids import Scope, bucket_of_session, bucket_of_trace
from streamer.core.session import SessionRef, Wake
from streamer.core.wire.records import Fragment
from streamer.ports import Saved, TopicPartition

CHUNK = 200
"""Fragments or wakes in one Lua call: 900 blocked the server for 6.7 ms (facts, section E)."""


@lru_cache(maxsize=4096)
def pack_candidates(candidates: tuple[str, ...]) -> bytes:
    packed: bytes = msgpack.packb(sorted(candidates)) if candidates else b""
    return packed


@lru_cache(maxsize=4096)
def unpack_candidates(packed: bytes) -> tuple[str, ...]:
    return tuple(sorted(msgpack.unpackb(packed))) if packed else ()


def read_saved(reply: Sequence[bytes]) -> Iterator[Saved]:
    for n in range(0, len(reply), 3):
        yield Saved(unpack_candidates(reply[n]), int(reply[n + 1]), reply[n + 2] == b"1")


class IngestSide(Handle):
    async def save_fragments(self, source: str, fragments: Sequence[Fragment]) -> Mapping[tuple[str, str], Saved]:
        by_bucket: dict[int, list[Fragment]] = defaultdict(list)
        for f in fragments:
            by_bucket[bucket_of_trace(f.trace_id)].append(f)
        calls, named = [], []
        for bucket, mine in by_bucket.items():
            for start in range(0, len(mine), CHUNK):
                chunk = mine[start : start + CHUNK]
                arguments: list[Argument] = [f"{source}|"]
                for f in chunk:
                    ends = b"1" if f.ends_session else b"0"
                    packed = pack_candidates(f.candidates)
                    arguments += (f"{f.tenant}|{f.trace_id}", f.digest, f.frame, packed, ends)
                calls.append(self._call("save_fragments", bucket, arguments))
                named.append(dict.fromkeys((f.tenant, f.trace_id) for f in chunk))
        saved: dict[tuple[str, str], Saved] = {}
        for names, reply in zip(named, await self._run(calls), strict=True):
            saved.update(zip(names, read_saved(reply), strict=True))
        return saved

    async def wake(self, wakes: Sequence[Wake]) -> frozenset[tuple[SessionRef, str]]:
        replies = await self._run(list(self._wake_calls("wake", wakes)))
        refused = [(key.decode(), trace.decode()) for reply in replies for key, trace in pairs(reply)]
        refs = {w.session.key: w.session for w in wakes} if refused else {}
        return frozenset((refs[key], trace) for key, trace in refused)

    async def park(self, scope: Scope, trace_id: str) -> None:
        await self._run([self._call("park", bucket_of_trace(trace_id), (f"{scope}|{trace_id}",))])

    def _wake_calls(self, script: str, wakes: Sequence[Wake]) -> Iterator[ScriptCall]:
        # By session first: its key is a SHA-256, which costs as much as the rest of a wake.
        by_session: dict[SessionRef, list[Wake]] = defaultdict(list)
        for w in wakes:
            by_session[w.session].append(w)
        by_bucket: dict[int, list[tuple[str, list[Wake]]]] = defaultdict(list)
        for ref, mine in by_session.items():
            key = ref.key
            for start in range(0, len(mine), CHUNK):
                by_bucket[bucket_of_session(key)].append((key, mine[start : start + CHUNK]))
        for bucket, parts in by_bucket.items():
            arguments: list[Argument] = []
            room = CHUNK
            for key, chunk in parts:
                if len(chunk) > room:
                    yield self._call(script, bucket, arguments)
                    arguments, room = [], CHUNK
                room -= len(chunk)
                scope, session_id = chunk[0].session
                arguments += (key, scope.source, scope.tenant, session_id, len(chunk))
                for w in chunk:
                    arguments += (w.trace_id, w.version, w.activity_ms, int(w.ends_session), w.span_bytes)
            yield self._call(script, bucket, arguments)

    async def end_session(self, session: SessionRef, at_ms: int) -> None:
        scope, session_id = session
        arguments = (session.key, scope.source, scope.tenant, session_id, at_ms)
        await self._run([self._call("end_session", session.bucket, arguments)])

    def _progress_key(self, source: str) -> str:
        return f"{self._s.prefix}:{{{source}}}:progress"

    async def add_partitions(self, source: str, partitions: Sequence[TopicPartition]) -> None:
        names = [f"{p.topic}/{p.partition}" for p in partitions]
        await self._run([ScriptCall("add_partitions", self._progress_key(source), names)])

    async def publish_progress(self, source: str, progress: Mapping[TopicPartition, int]) -> None:
        arguments: list[Argument] = []
        for p, ms in progress.items():
            arguments += (f"{p.topic}/{p.partition}", ms)
        await self._run([ScriptCall("publish_progress", self._progress_key(source), arguments)])

    async def progress(self, source: str) -> Mapping[TopicPartition, int]:
        (flat,) = await self._ask([("HGETALL", self._progress_key(source))])
        return {read_partition(name): int(ms) for name, ms in pairs(flat)}

    async def tell_doing(self, source: str, doing: Mapping[TopicPartition, Doing]) -> None:
        arguments: list[Argument] = [self._s.now_ms()]
        for p, word in doing.items():
            arguments += (f"{p.topic}/{p.partition}", word)
        await self._run([ScriptCall("tell_doing", self._told_key(source), arguments)])

    async def told(self, source: str) -> Mapping[TopicPartition, Told]:
        (flat,) = await self._ask([("HGETALL", self._told_key(source))])
        return {read_partition(name): read_told(said) for name, said in pairs(flat)}

    def _told_key(self, source: str) -> str:
        return f"{self._s.prefix}:{{{source}}}:told"

    async def probe(self) -> None:
        await self._heard(self._s.primary.probe(self._seen, f"{self._s.prefix}:layout"))

    async def time_ms(self) -> int:
        """Of one primary after the other: each judges leases by its own clock."""
        self._clock += 1
        times = await self._each(("TIME",))
        seconds, micros = times[self._clock % len(times)]
        return self._s.now_ms() or int(seconds) * 1_000 + int(micros) // 1_000

    async def memory_share(self) -> float:
        return max(map(_share, await self._each(("INFO", "memory"))))


def _share(raw: bytes) -> float:
    memory = parse_info(raw)
    limit = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / limit if limit else 0.0


def pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """A flat reply as pairs."""
    return zip(flat[::2], flat[1::2], strict=True)


def read_partition(name: bytes) -> TopicPartition:
    topic, _, partition = name.decode().rpartition("/")
    return TopicPartition(topic, int(partition))


def read_told(said: bytes) -> Told:
    word, _, at_ms = said.decode().partition("|")
    return Told(cast(Doing, word), int(at_ms))
