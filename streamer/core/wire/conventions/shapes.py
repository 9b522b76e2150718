"""The shapes that libraries give a message, each made into an object that says who speaks."""

from collections.abc import Mapping
from typing import Any

from streamer.core.wire.conventions.said import is_role

_PYDANTIC_PARTS = {"user-prompt": "text", "text": "text", "tool-call": "tool_call", "tool-return": "tool_call_response"}


def is_message(item: Any) -> bool:  # noqa: ANN401
    """An object that says who speaks."""
    return isinstance(item, Mapping) and is_role(item.get("role", item.get("type")))


def as_message(item: Any) -> Any:  # noqa: ANN401
    """LangChain's constructors, ("user", "text") pairs and objects with `type` and `data`; OpenAI's choices; the parts
    of Pydantic AI. Anything else as it is."""
    if isinstance(item, list) and len(item) == 2 and is_role(item[0]) and isinstance(item[1], str):
        return {"role": item[0], "content": item[1]}
    if not isinstance(item, Mapping):
        return item
    inner = item.get("kwargs", item.get("data"))
    if isinstance(inner, Mapping) and ("lc" in item or is_role(item.get("type"))) and "content" in inner:
        names = item.get("id")
        kind = str(names[-1]) if isinstance(names, list) and names else str(item.get("type"))
        return {"type": kind.lower().removesuffix("chunk").removesuffix("message"), **inner}
    if item.get("kind") in ("request", "response") and isinstance(item.get("parts"), list):
        return _of_pydantic(item)
    around = item.get("message")
    return around if is_message(around) and not is_message(item) else item


def _of_pydantic(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request holds what the user and the tools said, beside the system's prompts."""
    parts = [part for part in item["parts"] if isinstance(part, Mapping) and part.get("part_kind") in _PYDANTIC_PARTS]
    kinds = {part["part_kind"] for part in parts}
    role = "assistant" if item["kind"] == "response" else "tool" if kinds == {"tool-return"} else "user"
    return {"role": role, "parts": [{"type": _PYDANTIC_PARTS[part["part_kind"]], **part} for part in parts]}
