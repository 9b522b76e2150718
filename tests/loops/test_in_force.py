"""Which of several configurations is in force while workers come and go."""

from streamer.core.terms import Terms
from streamer.loops.in_force import InForce
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.bench import DEFAULT, Bench


def terms(content: bytes) -> Terms:
    return Terms(specs=(), rules=(DEFAULT,), content=content)


def in_force(bench: Bench, content: bytes) -> InForce:
    return InForce(bench.store, terms(content), SilentMetrics(), SilentJournal())


async def test_a_restarted_worker_of_the_last_deployment_stands_still_until_the_new_one_is_gone() -> None:
    bench = Bench()
    old, new = (in_force(bench, content) for content in (b"old", b"new"))
    await old.tell()
    await new.tell()
    restarted = in_force(bench, b"old")
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


async def test_new_terms_count_from_the_moment_that_redis_knows_them() -> None:
    bench = Bench()
    worker, other = in_force(bench, b"old"), in_force(bench, b"old")
    await worker.tell()
    await other.tell()
    worker.take(terms(b"new"))
    assert (worker.number, worker.terms.content) == (1, b"old")
    await worker.tell()
    await other.tell()
    assert (worker.number, worker.terms.content) == (2, b"new")
    assert (other.number, other.terms.content) == (1, b"old")


async def test_an_answer_about_old_terms_that_comes_late_does_not_bring_them_back() -> None:
    bench = Bench()
    worker = in_force(bench, b"old")
    put_in_force = bench.store.put_in_force

    async def replaced_meanwhile(content: bytes) -> int:
        number = await put_in_force(content)
        bench.store.put_in_force = put_in_force  # type: ignore[method-assign]
        worker.take(terms(b"new"))
        await worker.tell()
        return number

    bench.store.put_in_force = replaced_meanwhile  # type: ignore[method-assign]
    await worker.tell()
    assert (worker.number, worker.terms.content) == (2, b"new")
