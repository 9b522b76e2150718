"""The agent that is tried: the user's own function, as MLflow's simulator calls it."""

import asyncio
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from streamer.errors import ConfigurationError


def agent_named(name: str) -> Callable[..., Any]:
    """`module:function` of the folder that the command runs in, or installed. ConfigurationError with what is wrong."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ConfigurationError(f"--agent {name!r} is not module:function, as in my_agent:answer")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--agent {name}: {error}") from None
    if not callable(found):
        raise ConfigurationError(f"--agent {name} cannot be called: it is a {type(found).__name__}")
    return adapted(found)


def adapted(agent: Callable[..., Any]) -> Callable[..., Any]:
    """As the simulator calls it: the messages, and by name what the agent takes of the case's context and
    `mlflow_session_id`. A coroutine is run to its end. ConfigurationError for one that takes no messages."""
    parameters = inspect.signature(agent).parameters
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    key = next((name for name in ("messages", "input") if name in parameters), None)
    if key is None:
        raise ConfigurationError("the agent takes neither `messages` nor `input`, the conversation so far as a list")

    def called(messages: list[dict[str, Any]], **more: Any) -> Any:  # noqa: ANN401
        given = {name: value for name, value in more.items() if takes_all or name in parameters}
        answer = agent(**{key: list(messages)}, **given)
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer

    return called
