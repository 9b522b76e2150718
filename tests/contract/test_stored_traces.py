"""What MLflow has of a session, as a rebuild reads it back: alike on the fake and on a real server."""

import pytest

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.core.alerts.stored import record_of
from streamer.core.ids import mlflow_trace_id
from streamer.core.row import SESSION_KEY
from streamer.errors import PermanentError
from tests.contract.test_assessments import SESSION, FakeWorld, World, verdict_row, world
from tests.services.process import free_port

__all__ = ["world"]


async def new_trace(world: World) -> str:
    trace = await world.new_trace()
    if isinstance(world, FakeWorld):
        world.store.sessions.setdefault(SESSION, set()).add(mlflow_trace_id(trace))
        world.store.started_ms[mlflow_trace_id(trace)] = 1_767_225_600_000
    return trace


async def test_a_sessions_traces_are_found_with_what_stands_on_them(world: World) -> None:
    first, second = [await new_trace(world) for _ in range(2)]
    await world.store.post(verdict_row(first))
    found = {trace.trace_id: trace for trace in await world.store.traces_of(SESSION, "0")}
    assert found.keys() >= {mlflow_trace_id(first), mlflow_trace_id(second)}
    one = found[mlflow_trace_id(first)]
    assert one == await world.store.trace(mlflow_trace_id(first))
    assert (one.experiment_id, one.start_ms) == ("0", 1_767_225_600_000)
    assert [(row.name, row.value, row.metadata[SESSION_KEY]) for row in one.rows] == [
        ("user_frustration", "none", SESSION)
    ]
    assert found[mlflow_trace_id(second)].rows == []


async def test_a_trace_that_is_not_there_is_none(world: World) -> None:
    assert await world.store.trace("tr-" + "0" * 31 + "1") is None
    assert await world.store.traces_of("nobody's", "0") == []


async def test_a_search_returns_every_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.adapters.mlflow_assessments.PAGE", 2)
    made = {mlflow_trace_id(await new_trace(world)) for _ in range(5)}
    assert {trace.trace_id for trace in await world.store.traces_of(SESSION, "0")} >= made


async def test_an_experiments_judged_traces_are_found_and_no_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.adapters.mlflow_assessments.PAGE", 2)
    judged, plain = [await new_trace(world) for _ in range(2)]
    await world.store.post(verdict_row(judged))
    found = {trace.trace_id: trace async for trace in world.store.judged("0")}
    assert mlflow_trace_id(judged) in found
    assert mlflow_trace_id(plain) not in found
    row = found[mlflow_trace_id(judged)].rows[0]
    assert record_of(row, 1) is not None
    assert [trace async for trace in world.store.judged("404")] == [] or isinstance(world, FakeWorld)


async def test_an_id_that_mlflow_cannot_be_asked_for_is_said() -> None:
    store = MlflowAssessments(MlflowAccess(url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(PermanentError, match="both kinds of quotes"):
        await store.traces_of("a'b\"c", "0")
    await store.close()
