"""Rows in MLflow: the same behaviour on the fake and on a real server."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol

import httpx
import pytest

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.core.assessment import Row, RowRef, StoredRow
from streamer.core.ids import assessment_id, mlflow_trace_id
from streamer.core.row import SESSION_KEY
from streamer.core.verdict import JudgeFailure
from streamer.errors import PermanentError, TransientError
from tests.fakes.mlflow_rows import MlflowRows
from tests.services.process import free_port

SESSION = "café-session"
OPENAI = "openai:/gpt-4.1-mini"


class World(Protocol):
    """An AssessmentStore, and people and applications beside it."""

    @property
    def store(self) -> MlflowAssessments | MlflowRows: ...

    async def new_trace(self) -> str:
        """A trace of SESSION; its OpenTelemetry id."""

    async def person_says(self, trace: str, name: str, value: str) -> None: ...

    async def person_expects(self, trace: str, session: str, name: str, value: object) -> None: ...


@dataclass(frozen=True)
class FakeWorld:
    store: MlflowRows

    async def new_trace(self) -> str:
        trace = secrets.token_hex(16)
        self.store.traces.add(mlflow_trace_id(trace))
        return trace

    async def person_says(self, trace: str, name: str, value: str) -> None:
        self.store.say(mlflow_trace_id(trace), name, value)

    async def person_expects(self, trace: str, session: str, name: str, value: object) -> None:
        self.store.expect(trace, session, name, value)


@dataclass(frozen=True)
class RealWorld:
    store: MlflowAssessments
    http: httpx.AsyncClient

    async def new_trace(self) -> str:
        trace = secrets.token_hex(16)
        info = {
            "trace_id": mlflow_trace_id(trace),
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
            "request_time": "2026-01-01T00:00:00Z",
            "state": "OK",
            "trace_metadata": {SESSION_KEY: SESSION},
        }
        answer = await self.http.post("/traces", json={"trace": {"trace_info": info}})
        answer.raise_for_status()
        return trace

    async def person_says(self, trace: str, name: str, value: str) -> None:
        await self._person(trace, {"assessment_name": name, "feedback": {"value": value}})

    async def person_expects(self, trace: str, session: str, name: str, value: object) -> None:
        about = {"metadata": {SESSION_KEY: session}}
        await self._person(trace, {"assessment_name": name, "expectation": {"value": value}, **about})

    async def _person(self, trace: str, assessment: dict[str, object]) -> None:
        source = {"source_type": "HUMAN", "source_id": "ada"}
        path = f"/traces/{mlflow_trace_id(trace)}/assessments"
        answer = await self.http.post(path, json={"assessment": {**assessment, "source": source}})
        answer.raise_for_status()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld(MlflowRows())
        return
    url = request.getfixturevalue("mlflow_url")
    store = MlflowAssessments(MlflowAccess(url=url))
    async with httpx.AsyncClient(base_url=f"{url}/api/3.0/mlflow") as http:
        yield RealWorld(store, http)
    await store.close()


def verdict_row(trace: str, judge: str = "user_frustration", value: str | bool | int | float = "none") -> Row:
    return Row(
        ref=RowRef(assessment_id("test", trace, SESSION, judge), mlflow_trace_id(trace), judge),
        source_id=OPENAI,
        value=value,
        error=None,
        rationale="The user said thanks.",
        metadata={SESSION_KEY: SESSION, "streamer.revision": "1"},
    )


async def only_row(world: World, trace: str) -> StoredRow:
    [row] = await world.store.rows(mlflow_trace_id(trace))
    return row


async def test_a_row_that_is_not_there_cannot_be_patched(world: World) -> None:
    trace = await world.new_trace()
    assert await world.store.patch(verdict_row(trace)) is False
    assert await world.store.rows(mlflow_trace_id(trace)) == []


async def test_a_row_of_a_trace_that_is_not_there_cannot_be_patched(world: World) -> None:
    assert await world.store.patch(verdict_row(secrets.token_hex(16))) is False


async def test_a_posted_row_reads_back_as_it_was_sent(world: World) -> None:
    trace = await world.new_trace()
    row = verdict_row(trace)
    assert await world.store.post(row) == "created"
    assert await only_row(world, trace) == StoredRow(
        assessment_id=row.ref.assessment_id,
        trace_id=mlflow_trace_id(trace),
        name="user_frustration",
        source_type="LLM_JUDGE",
        source_id=OPENAI,
        value="none",
        error_code=None,
        rationale="The user said thanks.",
        metadata=row.metadata,
        valid=True,
    )


@pytest.mark.parametrize("value", ["unresolved", True, False, 3, 0.25])
async def test_a_value_keeps_its_type(world: World, value: str | bool | int | float) -> None:
    trace = await world.new_trace()
    await world.store.post(verdict_row(trace, value=value))
    assert (await only_row(world, trace)).value == value
    if isinstance(value, bool):
        assert (await only_row(world, trace)).value is value


async def test_posting_twice_leaves_the_first_row(world: World) -> None:
    trace = await world.new_trace()
    assert await world.store.post(verdict_row(trace)) == "created"
    assert await world.store.post(verdict_row(trace, value="unresolved")) == "exists"
    assert (await only_row(world, trace)).value == "none"


async def test_a_row_for_an_unknown_trace_is_not_made(world: World) -> None:
    assert await world.store.post(verdict_row(secrets.token_hex(16))) == "no_trace"


async def test_a_patch_replaces_value_and_rationale_and_merges_metadata(world: World) -> None:
    trace = await world.new_trace()
    row = verdict_row(trace)
    await world.store.post(replace(row, metadata={**row.metadata, "old": "kept"}))
    changed = replace(row, value="resolved", rationale="", metadata={SESSION_KEY: SESSION, "streamer.revision": "2"})
    assert await world.store.patch(changed) is True
    stored = await only_row(world, trace)
    assert (stored.value, stored.rationale) == ("resolved", "")
    assert stored.metadata == {SESSION_KEY: SESSION, "streamer.revision": "2", "old": "kept"}


async def test_a_failure_is_a_row_with_its_kind_and_without_a_value(world: World) -> None:
    trace = await world.new_trace()
    failure = JudgeFailure(kind="refused", detail="ContentPolicyViolationError 400")
    await world.store.post(replace(verdict_row(trace), value=None, error=failure, rationale=""))
    stored = await only_row(world, trace)
    assert (stored.value, stored.error_code, stored.source_type) == (None, "refused", "LLM_JUDGE")


async def test_a_verdict_patched_over_a_failure_takes_the_error_away(world: World) -> None:
    trace = await world.new_trace()
    failure = JudgeFailure(kind="bad_answer", detail="not JSON")
    await world.store.post(replace(verdict_row(trace), value=None, error=failure))
    await world.store.patch(verdict_row(trace, value="none"))
    stored = await only_row(world, trace)
    assert (stored.value, stored.error_code) == ("none", None)


async def test_deleting_twice_is_deleting_once(world: World) -> None:
    trace = await world.new_trace()
    row = verdict_row(trace)
    await world.store.post(row)
    await world.store.delete(row.ref)
    await world.store.delete(row.ref)
    assert await world.store.rows(mlflow_trace_id(trace)) == []


async def test_deleting_on_a_trace_that_is_not_there_is_nothing(world: World) -> None:
    await world.store.delete(verdict_row(secrets.token_hex(16)).ref)


async def test_other_peoples_rows_of_the_same_name_are_untouched(world: World) -> None:
    trace = await world.new_trace()
    await world.person_says(trace, "user_frustration", "unresolved")
    [theirs] = await world.store.rows(mlflow_trace_id(trace))
    row = verdict_row(trace)
    await world.store.post(row)
    await world.store.patch(replace(row, value="resolved"))
    await world.store.delete(row.ref)
    assert await world.store.rows(mlflow_trace_id(trace)) == [theirs]


async def test_eight_writers_at_once_make_one_row(world: World) -> None:
    trace = await world.new_trace()

    async def upsert(n: int) -> str:
        row = replace(verdict_row(trace), metadata={SESSION_KEY: SESSION, "streamer.revision": str(n)})
        if await world.store.patch(row):
            return "patched"
        answer = await world.store.post(row)
        if answer == "exists":
            assert await world.store.patch(row)
        return answer

    answers = await asyncio.gather(*(upsert(n) for n in range(8)))
    assert answers.count("created") == 1
    assert (await only_row(world, trace)).value == "none"


async def test_long_and_foreign_text_survives(world: World) -> None:
    trace = await world.new_trace()
    rationale = 'Ärger 怒り 😠 "quoted" \\n\n' * 400
    assert len(rationale.encode()) > 10_000
    await world.store.post(replace(verdict_row(trace), rationale=rationale))
    assert (await only_row(world, trace)).rationale == rationale


async def test_expectations_are_those_of_people_about_this_session(world: World) -> None:
    trace = await world.new_trace()
    await world.person_expects(trace, SESSION, "outcome", "refund promised")
    await world.person_expects(trace, "another session", "elsewhere", "x")
    await world.store.post(verdict_row(trace))
    assert await world.store.expectations(trace, SESSION) == {"outcome": "refund promised"}


async def test_a_trace_that_is_not_there_yet_is_not_one_without_expectations(world: World) -> None:
    assert await world.store.expectations(secrets.token_hex(16), SESSION) is None


async def test_a_trace_exists_once_it_is_ingested(world: World) -> None:
    assert await world.store.trace_exists(mlflow_trace_id(await world.new_trace()))
    assert not await world.store.trace_exists(mlflow_trace_id(secrets.token_hex(16)))


async def test_a_refused_connection_was_certainly_not_a_write() -> None:
    store = MlflowAssessments(MlflowAccess(url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(TransientError) as caught:
        await store.post(verdict_row("0" * 32))
    await store.close()
    assert caught.value.maybe_done is False


async def test_a_connection_lost_after_sending_may_have_been_a_write() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        store = MlflowAssessments(MlflowAccess(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises(TransientError) as caught:
            await store.post(verdict_row("0" * 32))
        await store.close()
    assert caught.value.maybe_done is True


async def answered(status: int, body: str, headers: str = "") -> BaseException:
    """What a patch raises when the server gives this answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        store = MlflowAssessments(MlflowAccess(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises((TransientError, PermanentError)) as caught:
            await store.patch(verdict_row("0" * 32))
        await store.close()
    return caught.value


async def test_a_refusal_is_permanent_and_does_not_repeat_what_the_server_said() -> None:
    error = await answered(403, '{"error_code": "PERMISSION_DENIED", "message": "said in confidence"}')
    assert isinstance(error, PermanentError)
    assert "403 PERMISSION_DENIED" in str(error)
    assert "confidence" not in str(error)


async def test_a_proxys_404_says_nothing_about_rows() -> None:
    assert isinstance(await answered(404, "<html>no route</html>"), PermanentError)


async def test_a_busy_server_says_when_to_come_back() -> None:
    error = await answered(429, "", "Retry-After: 7\r\n")
    assert isinstance(error, TransientError)
    assert error.retry_after_ms == 7000
