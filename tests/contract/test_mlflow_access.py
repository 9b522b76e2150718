"""MLflow behind TLS and a door that wants a token, a password, a workspace: it works, or one sentence says why not."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.app.checking import misplaced
from streamer.core.ids import mlflow_trace_id
from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError
from tests.contract.test_assessments import RealWorld, verdict_row
from tests.services.certificates import Authority
from tests.services.mlflow_guarded import guarded

pytestmark = pytest.mark.real
SECRET = "geheim-77ab"
TOKEN = {"authorization": f"Bearer {SECRET}"}
PASSWORD = {"authorization": f"Basic {base64.b64encode(f'ada:{SECRET}'.encode()).decode()}"}
WORKSPACE = {"x-mlflow-workspace": "team-a"}


async def works(access: MlflowAccess, plain_url: str) -> None:
    """A row is written, read, replaced and deleted."""
    store = MlflowAssessments(access)
    async with httpx.AsyncClient(base_url=f"{plain_url}/api/3.0/mlflow") as http:
        trace = await RealWorld(store, http).new_trace()
    try:
        await store.ready()
        row = verdict_row(trace)
        assert await store.post(row) == "created"
        assert await store.patch(replace(row, value="resolved"))
        assert [stored.value for stored in await store.rows(mlflow_trace_id(trace))] == ["resolved"]
        assert await store.experiment_of(mlflow_trace_id(trace)) == "0"
        await store.delete(row.ref)
    finally:
        await store.close()


async def refused(access: MlflowAccess) -> StreamerError:
    store = MlflowAssessments(access)
    try:
        with pytest.raises((TransientError, PermanentError)) as error:
            await store.patch(verdict_row(secrets.token_hex(16)))
    finally:
        await store.close()
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)
    return error.value


@pytest.mark.parametrize(
    ("wants", "said"),
    [
        (TOKEN, {"token": SECRET}),
        (PASSWORD, {"username": "ada", "password": SECRET}),
        ({**TOKEN, **WORKSPACE}, {"token": SECRET, "workspace": "team-a"}),
    ],
    ids=["token", "password", "workspace"],
)
async def test_whoever_says_what_is_wanted_may_write(
    mlflow_url: str, authority: Authority, wants: Mapping[str, str], said: Mapping[str, Any]
) -> None:
    with guarded(mlflow_url, wants, authority.issue("mlflow")) as url:
        access = MlflowAccess(url=url, ca_file=authority.ca_file, **said)
        await works(access, mlflow_url)
        for less in said:
            for wrong in (None, f"{SECRET}x"):
                other: dict[str, Any] = {**said, less: wrong}
                error = await refused(MlflowAccess(url=url, ca_file=authority.ca_file, **other))
                assert isinstance(error, PermanentError)


async def test_a_refused_user_and_a_missing_right_are_told_apart(mlflow_url: str) -> None:
    with guarded(mlflow_url, TOKEN) as url:
        assert "correct mlflow.token, or mlflow.user" in str(await refused(MlflowAccess(url=url, token=f"{SECRET}x")))
    with guarded(mlflow_url, TOKEN, refusal=403) as url:
        assert "grant it Edit on the traces' experiments" in str(await refused(MlflowAccess(url=url)))


async def test_a_server_without_workspaces_says_so(mlflow_url: str) -> None:
    assert "take mlflow.workspace away" in str(await refused(MlflowAccess(url=mlflow_url, workspace="team-a")))


async def test_the_ca_of_the_system_is_believed(
    mlflow_url: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    with guarded(mlflow_url, {}, authority.issue("mlflow")) as url:
        await works(MlflowAccess(url=url), mlflow_url)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("stranger", "signed by no CA that is trusted here: set mlflow.ca_file"),
        ("none", "signed by no CA that is trusted here: set mlflow.ca_file"),
        ("expired", "the certificate of MLflow has expired: renew it"),
        ("elsewhere", "is for another host"),
        ("plain", "does not speak TLS there"),
    ],
)
async def test_a_certificate_that_is_not_believed_says_why_and_is_waited_for(
    mlflow_url: str, authority: Authority, stranger: Authority, case: str, said: str
) -> None:
    host = "mlflow.internal" if case == "elsewhere" else "127.0.0.1"
    own = None if case == "plain" else authority.issue("mlflow", host, expired=case == "expired")
    ca_file = {"stranger": stranger.ca_file, "none": None}.get(case, authority.ca_file)
    with guarded(mlflow_url, {}, own) as url:
        error = await refused(MlflowAccess(url=url.replace("http:", "https:"), token=SECRET, ca_file=ca_file))
    assert isinstance(error, TransientError), "the feed has the verdict meanwhile, and the row is written later"
    assert error.maybe_done is False
    assert said in str(error)


async def test_a_ca_file_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"mlflow\.ca_file /nowhere\.pem"):
        MlflowAssessments(MlflowAccess(url="https://h", ca_file="/nowhere.pem"))


def test_a_tenant_whose_traces_are_in_anothers_experiment_is_said() -> None:
    placed = [("acme", "1"), ("acme", "7"), ("beta", "2"), ("nobody", "9")]
    (finding,) = misplaced({"acme": "1", "beta": "2"}, placed)
    assert (finding.state, finding.said) == ("warn", "traces of tenant acme are in experiment 7, not in 1")
