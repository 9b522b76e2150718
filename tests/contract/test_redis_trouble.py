"""A Redis that is full, replaced, laid out by another version, or that evicts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.adapters.redis_sessions import RedisSessionStore, open_redis
from streamer.core import turn_codec
from streamer.core.ids import BUCKETS, Scope
from streamer.core.lifecycle import Limits
from streamer.core.rules import Pace
from streamer.core.session import Outcome, SessionRef, Wake
from streamer.core.turn import Turn
from streamer.core.wire.records import Fragment
from streamer.errors import ConfigurationError, Reconnected, StateLost, TransientError
from tests.services.redis import RedisServer
from tests.services.waiting import eventually

SCOPE = Scope("spans", "acme")
AT_MS = 1_700_000_000_000
ALL = {"spans": AT_MS * 2}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


def fragment(n: int, size: int = 8) -> Fragment:
    return Fragment(SCOPE.tenant, f"{n:032x}", n.to_bytes(16, "big"), bytes(size), (f"chat-{n}",))


async def save(store: RedisSessionStore, *fragments: Fragment) -> None:
    saved = await store.save_fragments(SCOPE.source, fragments)
    refs = {f.trace_id: SessionRef(SCOPE, f.candidates[0]) for f in fragments}
    await store.wake([Wake(refs[trace], trace, said.version, AT_MS) for (_, trace), said in saved.items()])


async def fill(store: RedisSessionStore) -> None:
    for n in range(10_000):
        await save(store, fragment(n, 20_000))


async def test_each_handle_and_each_claim_hears_once_of_a_replaced_server(own_server: RedisServer) -> None:
    redis = await open_redis(own_server.url, Limits(), turn_codec)
    ingest, judge = redis.handle(), redis.handle()
    await save(ingest, fragment(1))
    (claim,) = (await judge.claim(5, ALL, 1)).claims
    own_server.kill()
    with pytest.raises(TransientError):
        await ingest.probe()
    own_server.start()
    with pytest.raises(Reconnected):
        await ingest.probe()
    await ingest.probe()
    for _ in range(2):
        with pytest.raises(Reconnected):
            await judge.put_back(claim, AT_MS)
    assert await judge.renew([claim]) == {claim.name}
    assert await judge.session(claim.session.key) is not None
    await redis.close()


async def test_a_full_redis_refuses_facts_and_empties_itself_by_judging(own_server: RedisServer) -> None:
    redis = await open_redis(own_server.url, Limits(late_ms=0), turn_codec)
    store = redis.handle()
    with own_server.client() as client:
        client.config_set("maxmemory", "8mb")
        with pytest.raises(TransientError, match="full"):
            await fill(store)
        full = int(client.info("memory")["used_memory"])
        while claims := (await store.claim(50, ALL, 1)).claims:
            for claim in claims:
                turns = [
                    Turn(trace_id=trace, version=version, start_ns=1, end_ns=2, user="a", assistant="b")
                    for trace, version in claim.state.members.items()
                ]
                await store.keep_turns(claim, turns, Pace(1, 1, 1))
                await store.begin_write(claim, [])
                assert await store.end_write(claim, Outcome(version=claim.state.version, entries={}, reason="quiet"))
        for bucket in range(BUCKETS):
            for sweep in (await store.inspect(bucket))[0]:
                for trace, version in sweep.turns.items():
                    assert version is not None
                    assert await store.sweep_trace(sweep, trace, version)
                assert await store.finish_sweep(sweep)
        assert int(client.info("memory")["used_memory"]) < full / 2
    await save(store, fragment(99_999))
    await redis.close()


async def test_a_redis_that_evicts_is_refused(own_server: RedisServer) -> None:
    with own_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigurationError, match="noeviction"):
        await open_redis(own_server.url, Limits(), turn_codec)


async def test_another_layout_is_refused(own_server: RedisServer) -> None:
    with own_server.client() as client:
        client.hset("st:layout", mapping={"format": 2, "buckets": 16})
    with pytest.raises(ConfigurationError, match="st:layout"):
        await open_redis(own_server.url, Limits(), turn_codec)


async def test_a_replica_that_is_gone_holds_back_no_write(own_server: RedisServer, tmp_path: Path) -> None:
    """Where there is a replica it confirms an intent; where there is none any more, there is nothing to wait for."""
    (home := tmp_path / "replica").mkdir()
    replica = RedisServer(home, options=("--replicaof", "127.0.0.1", str(own_server.port))).start()
    try:
        with own_server.client() as client:
            follows = lambda: client.info("replication").get("slave0", {}).get("state") == "online" or None  # noqa: E731
            eventually(follows, "the replica", 20)
        redis = await open_redis(own_server.url, Limits(), turn_codec)
        store = redis.handle()
        await save(store, fragment(1), fragment(2))
        first, second = (await store.claim(5, ALL, 1)).claims
        await store.begin_write(first, [])
    finally:
        replica.kill()
    await store.begin_write(second, [])
    await redis.close()


async def test_a_trace_that_gave_no_turn_goes_when_its_session_does(own_server: RedisServer) -> None:
    limits = Limits(late_ms=0)
    redis = await open_redis(own_server.url, limits, turn_codec)
    store = redis.handle()
    await save(store, fragment(1))
    (claim,) = (await store.claim(5, ALL, 1)).claims
    await store.begin_write(claim, [])
    assert await store.end_write(claim, Outcome(version=claim.state.version, entries={}, reason="quiet"))
    (sweep,) = [sweep for bucket in range(BUCKETS) for sweep in (await store.inspect(bucket))[0]]
    assert list(sweep.turns.values()) == [None]
    for trace, version in sweep.turns.items():
        assert not await store.sweep_trace(sweep, trace, version)
    with own_server.client() as client:
        (name,) = client.scan_iter("*:t:*")
        assert 0 < client.pttl(name) <= limits.return_ms
        await save(store, Fragment(SCOPE.tenant, f"{1:032x}", bytes(16), bytes(9), ("chat-1",)))
        assert client.pttl(name) == -1
    await redis.close()


async def test_traces_that_a_shared_session_did_not_take_go_by_themselves(own_server: RedisServer) -> None:
    redis = await open_redis(own_server.url, Limits(traces_max=2, parked_ms=0), turn_codec)
    store = redis.handle()
    ref = SessionRef(SCOPE, "0")
    for n in range(4):
        one = Fragment(SCOPE.tenant, f"{n:032x}", n.to_bytes(16, "big"), bytes(8), ("0",))
        saved = await store.save_fragments(SCOPE.source, [one])
        wakes = [Wake(ref, trace, said.version, AT_MS) for (_, trace), said in saved.items()]
        assert bool(await store.wake(wakes)) == (n >= 2)
        if n >= 2:
            await store.park(SCOPE, one.trace_id)
    expired = [name for bucket in range(BUCKETS) for name in (await store.inspect(bucket))[1]]
    assert sorted(trace for _, trace in expired) == [f"{2:032x}", f"{3:032x}"]
    found = await store.session(ref.key)
    assert found is not None
    assert (found[1].shared, len(found[1].members), found[1].version) == (True, 2, 3)
    await redis.close()


async def test_a_redis_that_was_emptied_under_a_worker_is_said(own_server: RedisServer) -> None:
    redis = await open_redis(own_server.url, Limits(), turn_codec)
    store = redis.handle()
    await store.probe()
    with own_server.client() as client:
        client.flushall()
    with pytest.raises(StateLost, match="has been emptied"):
        await store.probe()
    await redis.close()
