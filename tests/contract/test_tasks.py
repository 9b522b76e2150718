"""Tasks: all are waited for, none is forgotten, and an error that nobody expected ends the process."""

import asyncio

import pytest

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.errors import ConfigurationError, OwnershipLost


async def answer(value: int) -> int:
    return value


async def fail(error: Exception) -> None:
    raise error


async def test_together_answers_in_the_order_of_the_works() -> None:
    assert await AsyncioTasks().together([answer(1), answer(2)]) == [1, 2]


async def test_together_waits_for_all_before_it_raises() -> None:
    ended = asyncio.Event()

    async def slow() -> None:
        await asyncio.sleep(0)
        ended.set()

    with pytest.raises(OwnershipLost):
        await AsyncioTasks().together([fail(OwnershipLost()), slow()])
    assert ended.is_set()


@pytest.mark.parametrize("error", [ZeroDivisionError(), ConfigurationError("http.port is taken")])
async def test_an_unexpected_error_or_one_for_a_person_cancels_the_main_task_and_is_kept(error: Exception) -> None:
    kept: list[BaseException | None] = []

    async def main() -> None:
        tasks = AsyncioTasks()
        tasks.start(fail(error))
        try:
            await asyncio.Event().wait()
        finally:
            kept.append(tasks.failure)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.create_task(main()), 5)
    assert kept == [error]


async def test_another_error_of_our_own_tree_ends_only_its_task() -> None:
    tasks = AsyncioTasks()
    tasks.start(fail(OwnershipLost()))
    while len(tasks):
        await asyncio.sleep(0)
    assert tasks.failure is None
