"""The application's side: every span of a conversation names its session and its user.

    from streamer.instrument import session

    with session("chat-42", user_id="u-7"):      # or @session(lambda request: request.chat_id)
        agent.invoke("Where is my parcel?")

Rule: nothing of MLflow or OpenTelemetry is imported; where the application has imported them, their spans are stamped
(`streamer.instrument.stamping`). An application never fails because it is traced: what cannot be stamped is logged.
OpenTelemetry's own SDK is given `streamer.instrument.otel.SessionProcessor`, an ASGI application
`streamer.instrument.asgi.SessionMiddleware`. Contexts do not cross threads by themselves: `carry` and `carrying`.
"""

import functools
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from streamer.instrument.stamping import (
    ID_CHARS_MAX,
    Speaker,
    current_session,
    entered,
    stamp_end,
    stamp_mlflow,
)
from streamer.instrument.wrapping import wrapped_in

__all__ = ["Speaker", "carry", "carrying", "current_session", "end_session", "session", "stamp_mlflow"]

P = ParamSpec("P")
R = TypeVar("R")
Id = object | Callable[..., object]
"""Anything with a text (str, int, UUID), None for nobody; of a decorator also a function of the call's arguments."""
_logger = logging.getLogger("streamer.instrument")


class session:
    """Spans that begin in this scope belong to the session, and so does the trace that is open around it.

    A context manager (`with` or `async with`) and a decorator of functions, coroutines and generators. A session that
    is None, empty, or longer than MLflow takes (250 characters) is none: spans are left as they are.
    """

    def __init__(self, session_id: Id, *, user_id: Id = None) -> None:
        self._session_id, self._user_id = session_id, user_id

    def __enter__(self) -> Speaker | None:
        if callable(self._session_id) or callable(self._user_id):
            raise TypeError("a function names the session of a decorator's call; `with session(…)` takes the id itself")
        self._scope = entered(_speaker(self._session_id, self._user_id))
        return self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, traceback)

    async def __aenter__(self) -> Speaker | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        wrapped: Any = wrapped_in(self._of_call, function)
        return wrapped  # type: ignore[no-any-return, unused-ignore]

    def _of_call(self, *args: Any, **kwargs: Any) -> "session":  # noqa: ANN401
        """The session of one call."""
        named = (one(*args, **kwargs) if callable(one) else one for one in (self._session_id, self._user_id))
        session_id, user_id = named
        return session(session_id, user_id=user_id)


def end_session() -> bool:
    """The conversation is over: judge it after `settle_ms`, not after its quiet gap.

    Marks the span that is open here. False where none is: then a control record says it (`streamer end-session`).
    """
    return stamp_end()


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, to be called in another thread as if it were called here: with this session, and with the span that
    is open now as its parent. For `threading.Thread(target=carry(f))` and `loop.run_in_executor(None, carry(f))`."""
    here = copy_context()

    @functools.wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        return here.copy().run(function, *args, **kwargs)  # a context runs in one thread at a time

    return carried


class carrying(Executor):
    """A thread pool whose work belongs to the session in which it was submitted. The pool stays its owner's."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> "Future[R]":  # noqa: ANN401
        return self._executor.submit(carry(fn), *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait, cancel_futures=cancel_futures)


# ---------------------------------------------------------------- how


def _speaker(session_id: object, user_id: object) -> Speaker | None:
    named = "" if session_id is None else str(session_id).strip()
    if len(named) > ID_CHARS_MAX:
        _logger.warning("a session id of %d characters is left out: MLflow refuses more than %d, and with it every span"
                        " of the request", len(named), ID_CHARS_MAX)  # fmt: skip
        return None
    user = None if user_id is None else str(user_id).strip() or None
    return Speaker(named, user if user is None or len(user) <= ID_CHARS_MAX else None) if named else None
