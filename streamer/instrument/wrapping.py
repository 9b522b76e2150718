"""A function of any kind, called in a scope of its own.

Rule: a generator is in its scope while it works, not while its consumer has the word: between two steps another scope
may be open there.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, aclosing, closing
from typing import Any

ScopeOf = Callable[..., AbstractContextManager[Any]]
"""The scope of a call, by its arguments. It can be entered again and again, one time after the other."""


def wrapped_in(scope_of: ScopeOf, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, plain or async, returning or generating. What is sent into a generator does not reach it."""
    if inspect.iscoroutinefunction(function):
        made = _coroutine(scope_of, function)
    elif inspect.isasyncgenfunction(function):
        made = _async_steps(scope_of, function)
    elif inspect.isgeneratorfunction(function):
        made = _steps(scope_of, function)
    else:
        made = _call(scope_of, function)
    return functools.wraps(function)(made)


def _call(scope_of: ScopeOf, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with scope_of(*args, **kwargs):
            return function(*args, **kwargs)

    return call


def _coroutine(scope_of: ScopeOf, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with scope_of(*args, **kwargs):
            return await function(*args, **kwargs)

    return call


def _steps(scope_of: ScopeOf, function: Callable[..., Any]) -> Callable[..., Any]:
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:  # noqa: ANN401
        scope = scope_of(*args, **kwargs)
        with closing(function(*args, **kwargs)) as steps:
            while True:
                with scope:
                    try:
                        step = next(steps)
                    except StopIteration as done:
                        return done.value
                yield step

    return generate


def _async_steps(scope_of: ScopeOf, function: Callable[..., Any]) -> Callable[..., Any]:
    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:  # noqa: ANN401
        scope = scope_of(*args, **kwargs)
        async with aclosing(function(*args, **kwargs)) as steps:
            while True:
                with scope:
                    try:
                        step = await anext(steps)
                    except StopAsyncIteration:
                        return
                yield step

    return generate
