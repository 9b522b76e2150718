"""MLflow's own `basic-auth` app: the rights that a worker needs there, and what it is told without them."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.core.ids import mlflow_trace_id
from streamer.embedded.stand_ins import START_S_MAX, is_healthy, mlflow_server
from streamer.errors import PermanentError
from tests.contract.test_assessments import RealWorld, verdict_row

pytestmark = [pytest.mark.slow, pytest.mark.real]
ADMIN, USER = ("admin", secrets.token_hex(12)), ("streamer", secrets.token_hex(12))
READER, STRANGER = ("ada", secrets.token_hex(12)), ("bob", secrets.token_hex(12))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("guarded")
    config = home / "auth.ini"
    config.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{home / 'users.db'}\n"
        f"admin_username = {ADMIN[0]}\nadmin_password = {ADMIN[1]}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_AUTH_CONFIG_PATH", str(config))
        environment.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", secrets.token_hex(16))
        program, address = mlflow_server(home, f"sqlite:///{home / 'mlflow.db'}", "--app-name", "basic-auth")
    program.start(lambda: is_healthy(address), START_S_MAX)
    try:
        with httpx.Client(base_url=address, auth=ADMIN, timeout=30) as people:
            for name, password in (USER, READER, STRANGER):
                said = {"username": name, "password": password}
                people.post("/api/2.0/mlflow/users/create", json=said).raise_for_status()
            for name, permission in ((USER[0], "EDIT"), (READER[0], "READ")):
                on = {"resource_type": "experiment", "resource_id": "0"}
                granted = {"username": name, **on, "permission": permission}
                people.post("/api/3.0/mlflow/users/permissions/grant", json=granted).raise_for_status()
        yield address
    finally:
        program.stop()


@pytest.fixture
async def trace(url: str) -> AsyncIterator[str]:
    async with httpx.AsyncClient(base_url=f"{url}/api/3.0/mlflow", auth=ADMIN, timeout=30) as http:
        yield await RealWorld(MlflowAssessments(MlflowAccess(url=url)), http).new_trace()


def store_of(url: str, user: tuple[str, str]) -> MlflowAssessments:
    return MlflowAssessments(MlflowAccess(url=url, username=user[0], password=user[1]))


async def test_edit_on_the_experiment_is_enough_to_write_replace_and_delete_rows(url: str, trace: str) -> None:
    store, row = store_of(url, USER), verdict_row(trace)
    await store.ready()
    assert not await store.patch(row)
    assert await store.post(row) == "created"
    assert await store.post(row) == "exists"
    assert await store.patch(replace(row, value="resolved"))
    assert [stored.value for stored in await store.rows(mlflow_trace_id(trace))] == ["resolved"]
    await store.delete(row.ref)
    await store.delete(row.ref)
    assert await store.rows(mlflow_trace_id(trace)) == []
    await store.close()


async def test_a_trace_that_is_not_there_yet_is_no_missing_right(url: str) -> None:
    """MLflow answers 403 for both."""
    store, row = store_of(url, USER), verdict_row(secrets.token_hex(16))
    assert await store.post(row) == "no_trace"
    assert not await store.patch(row)
    await store.delete(row.ref)
    assert await store.expectations(row.ref.trace_id.removeprefix("tr-"), "s") is None
    await store.close()


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (STRANGER, "grant it Edit on the traces' experiments"),
        (READER, "grant it Edit on the traces' experiments"),
        ((USER[0], "wrong-password"), "correct mlflow.token, or mlflow.user"),
    ],
)
async def test_whoever_may_not_is_told_what_to_change(url: str, trace: str, user: tuple[str, str], said: str) -> None:
    store = store_of(url, user)
    with pytest.raises(PermanentError, match=said):
        await store.post(verdict_row(trace))
    await store.close()
