"""What waits and what is overdue is told as it is; what is no longer owed stands at 0."""

from streamer.core.status import Load
from streamer.errors import TransientError
from streamer.loops.load_watch import LoadWatch
from tests.loops.test_watermark_watch import Gauges

BUSY = Load(
    due=3, due_for_ms_max=1_500, in_flight=2, open_intents=1, stuck={"deferred": 4, "feed": 1}, failures={"refused": 9}
)
IDLE = Load(due=0, due_for_ms_max=0, in_flight=0, open_intents=0, stuck={}, failures={})


async def test_the_load_is_told_and_taken_back() -> None:
    loads, told = [BUSY, IDLE], Gauges()

    async def ask() -> Load:
        if not loads:
            raise TransientError("Redis does not answer")
        return loads.pop(0)

    watch = LoadWatch(ask, told)
    await watch.step()
    assert told.now["sessions_due",] == 3
    assert told.now["due_for_seconds_max",] == 1.5
    assert told.now["open_intents",] == 1
    assert {key[1]: value for key, value in told.now.items() if key[0] == "entries_stuck"} == {
        "retrying": 0,
        "deferred": 4,
        "row": 0,
        "feed": 1,
    }
    await watch.step()
    assert set(told.now.values()) == {0}
    await watch.step()
    assert set(told.now.values()) == {0}
