"""Lists that a dialect spreads over attributes: `llm.input_messages.0.message.role`, `gen_ai.prompt.0.content`."""

from collections.abc import Mapping
from typing import Any

from streamer.core.turn import Role
from streamer.core.wire.conventions.said import content_of
from streamer.core.wire.span import Attributes

_NODES_MAX = 10_000
_DEPTH_MAX = 12
_WRAPPERS = ("message", "message_content", "tool_call")
"""OpenInference puts each item of a list into an object with one member of this name."""


def listed(attributes: Attributes, prefix: str) -> list[Any]:
    """The items in order of their numbers, each a value, a list, or an object; a gap in the numbers is skipped."""
    head = f"{prefix}."
    tree: dict[str, Any] = {}
    for name in sorted(name for name in attributes if name.startswith(head))[:_NODES_MAX]:
        path = name[len(head) :].split(".", _DEPTH_MAX)
        if not path[0].isdigit():
            continue
        _put(tree, path, content_of(attributes[name]) if path[-1] == "content" else attributes[name])
    found = _lists(tree)
    return found if isinstance(found, list) else []


def spoken(attributes: Attributes, prefix: str, role: Role) -> list[Any]:
    """Listed messages. Text completions do not say who speaks, or say it by `user` instead of `content`."""
    return [_said_by(item, role) for item in listed(attributes, prefix)]


def _said_by(item: Any, role: Role) -> Any:  # noqa: ANN401
    if not isinstance(item, Mapping) or "role" in item:
        return item
    text = item.get("content", item.get("user"))
    return item if text is None else {"role": role, **item, "content": text}


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:  # noqa: ANN401
    for step in path[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree.setdefault(path[-1], value)


def _lists(node: Any) -> Any:  # noqa: ANN401
    """Objects whose members are numbers become lists."""
    if not isinstance(node, Mapping):
        return node
    if node and all(key.isdigit() for key in node):
        return [_lists(node[key]) for key in sorted(node, key=lambda digits: (len(digits), digits))]
    inner = {key: _lists(value) for key, value in node.items()}
    if len(inner) == 1 and (only := next(iter(inner))) in _WRAPPERS and isinstance(inner[only], dict):
        return inner[only]
    return inner
