"""Which of several configurations is in force while workers come and go."""

from streamer.loops.in_force import InForce
from tests.fakes.measures import SilentJournal
from tests.loops.bench import Bench


async def test_a_restarted_worker_of_the_last_deployment_stands_still_until_the_new_one_is_gone() -> None:
    bench = Bench()
    old, new = (InForce(bench.store, content, SilentJournal()) for content in (b"old", b"new"))
    await old.tell()
    await new.tell()
    restarted = InForce(bench.store, b"old", SilentJournal())
    for _ in range(5):
        bench.now += 10_000
        await new.step()
        await restarted.step()
    assert (old.number, new.number, restarted.number) == (1, 2, 1)
    for _ in range(4):
        bench.now += 10_000
        await restarted.step()
    assert restarted.number == 3
    await new.step()
    assert new.number == 2
