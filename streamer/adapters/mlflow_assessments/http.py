"""One request to MLflow's REST API, and what the answer means."""

import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from streamer.core.tls_words import tls_trouble
from streamer.errors import ConfigurationError, PermanentError, TransientError

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_REMEDIES = {
    401: ": correct mlflow.token, or mlflow.user and mlflow.password",
    403: ": this user may not; grant it Edit on the traces' experiments, or correct mlflow.workspace",
}
TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowAccess:
    """How to reach an MLflow server. Either a token, or user and password, or neither."""

    url: str
    token: str | None = None
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    workspace: str | None = None
    timeout_ms: int = 30_000
    """MLflow on SQLite waits up to 20 s for its own lock (facts: mlflow 4.5)."""
    connections_max: int = 20


class MlflowHttp:
    """A pool of connections. One request a call, no retry in here."""

    def __init__(self, access: MlflowAccess) -> None:
        headers = {"X-MLFLOW-WORKSPACE": access.workspace} if access.workspace else {}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        by_password = access.username is not None and access.token is None
        self._http = httpx.AsyncClient(
            base_url=access.url.rstrip("/"),
            headers=headers,
            auth=httpx.BasicAuth(access.username or "", access.password or "") if by_password else None,
            verify=_trusted(access.ca_file),
            timeout=access.timeout_ms / 1000,
            limits=httpx.Limits(max_connections=access.connections_max),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        as_query = body if method == "GET" else None
        try:
            return await self._http.request(method, path, params=as_query, json=None if as_query else body)
        except NEVER_SENT as error:
            tls = tls_trouble(
                str(error), whom="MLflow", ca="mlflow.ca_file", cert="a certificate in the proxy before it"
            )
            said = f"MLflow: {tls.said}" if tls else f"MLflow: {type(error).__name__}"
            raise TransientError(said, maybe_done=False) from error
        except httpx.HTTPError as error:
            raise TransientError(f"MLflow: {type(error).__name__}") from error


def json_of(answer: httpx.Response) -> dict[str, Any]:
    """PermanentError for what is no JSON object: a login page, answered with 200."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise PermanentError("MLflow: the answer is no JSON; is there a login page before it?")
    return said


def is_found(answer: httpx.Response) -> bool:
    """False: 404. Anything else than success is raised; what the server said is not repeated, it may quote a text."""
    if answer.is_success:
        return True
    code = _error_code(answer)
    # Without MLflow's code a 404 is a proxy's or a wrong address's, and says nothing about rows.
    if answer.status_code == httpx.codes.NOT_FOUND and code == "RESOURCE_DOES_NOT_EXIST":
        return False
    if code == "FEATURE_DISABLED":
        raise PermanentError("MLflow: this server has no workspaces; take mlflow.workspace away, or enable them there")
    message = f"MLflow: {answer.request.method} answered {answer.status_code} {code}".rstrip()
    message += _REMEDIES.get(answer.status_code, "")
    if answer.status_code in TRY_AGAIN:
        raise TransientError(message, _retry_after_ms(answer))
    raise PermanentError(message)


def _error_code(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("error_code", ""))[:60] if isinstance(body, dict) else ""


def _retry_after_ms(answer: httpx.Response) -> int | None:
    seconds = answer.headers.get("retry-after", "")
    return int(seconds) * 1000 if seconds.isdecimal() else None


def _trusted(ca_file: str | None) -> Any:  # noqa: ANN401  (httpx takes a context or a switch)
    if ca_file is None:
        return True
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError(f"mlflow.ca_file {ca_file}: {why}; name a file of CA certificates in PEM") from None
    return context
