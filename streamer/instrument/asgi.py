"""ASGI applications (FastAPI, Starlette, Django …): a request's spans belong to the session that the request names.

app.add_middleware(SessionMiddleware, header="x-session-id", user_header="x-user-id")
app.add_middleware(SessionMiddleware, session=lambda scope: scope["path"].split("/")[2])
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from streamer.instrument import session as entering

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
Named = Callable[[Scope], object]
"""Who it is, by the request's ASGI scope; None where it is nobody."""
REQUESTS = ("http", "websocket")


class SessionMiddleware:
    """`session` and `user` are asked first; where they are not given, the headers are read. A request that names none
    passes as it is. Streamed answers and background tasks belong to the request's session, too."""

    def __init__(
        self,
        app: Application,
        *,
        header: str = "x-session-id",
        user_header: str | None = None,
        session: Named | None = None,
        user: Named | None = None,
    ) -> None:
        self._app = app
        self._session = session or _by_header(header)
        self._user = user or (_by_header(user_header) if user_header else lambda _: None)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401 – ASGI's two channels
        if scope["type"] not in REQUESTS:
            return await self._app(scope, receive, send)
        with entering(self._session(scope), user_id=self._user(scope)):
            return await self._app(scope, receive, send)


def _by_header(name: str) -> Named:
    wanted = name.lower().encode("latin-1")
    return lambda scope: next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), None)
