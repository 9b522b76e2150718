"""What a span says, whatever its dialect, and the shapes in which text comes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from streamer.core.turn import IoSource, Message, Role, ToolEvent
from streamer.core.wire.values import encodable

Kind = Literal["LLM", "AGENT", "TOOL", "RETRIEVER", "CHAIN", "EMBEDDING", "GUARDRAIL", "OTHER"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal", ""})
_SILENT_PARTS = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "reasoning_content"}
    | {"tool_call", "tool-call", "tool_use", "function_call", "server_tool_call"}
    | {"tool_call_response", "tool-result", "tool_result", "function_call_output", "server_tool_call_response"}
)
_MODALITIES = ("image", "audio", "video", "file", "document")


class Words(NamedTuple):
    """Messages in order; reasoning is left out. `source` says where they stood: the span itself or its events.
    `calls`: the tools called since the last user message, as far as messages tell."""

    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    source: IoSource = "root"
    calls: tuple[ToolEvent, ...] = ()


NO_WORDS = Words()


def _silent() -> Words:
    return NO_WORDS


class Said(NamedTuple):
    """One span's part in the conversation, as one dialect tells it. `words` is asked of few spans of a trace."""

    kind: Kind = "OTHER"
    tool: ToolEvent | None = None
    model: str | None = None
    agent: str | None = None
    words: Callable[[], Words] = _silent


def is_role(name: Any) -> bool:  # noqa: ANN401
    return isinstance(name, str) and name.lower() in _ROLES


def role_of(name: Any, default: Role) -> Role:  # noqa: ANN401
    return _ROLES.get(name.lower(), default) if isinstance(name, str) else default


def text_of(content: Any) -> str:  # noqa: ANN401
    """The text of a message's content: a string, parts, or an object around either."""
    if isinstance(content, str):
        return encodable(content)
    if isinstance(content, Mapping):
        return _part_text(content)
    if isinstance(content, Sequence) and not isinstance(content, bytes):
        return "\n".join(text for item in content if (text := text_of(item)))
    return ""


def _part_text(part: Mapping[str, Any]) -> str:
    """A part that is no text is named by what it is, never dumped: it may be megabytes of an image."""
    kind = part.get("type")
    kind = kind if isinstance(kind, str) else ""
    if kind in _SILENT_PARTS or part.get("thought") is True:
        return ""
    if kind in _TEXT_PARTS:
        inner = part.get("text", part.get("content", part.get("refusal")))
        return text_of(inner) or ("" if inner is not None else _named(*part))
    return _named(str(part.get("modality", "")), kind, str(part.get("mime_type", part.get("mediaType", ""))))


def _named(*hints: str) -> str:
    """`[image]` for `image_url`, `input_image`, `image/png`, `inline_data` with one of these …"""
    for hint in hints:
        if found := next((name for name in _MODALITIES if name in hint.lower()), None):
            return f"[{found}]"
    return "[file]" if any("inline" in hint for hint in hints) else f"[{hints[1]}]" if any(hints[1:]) else ""


def compact(value: Any) -> str:  # noqa: ANN401
    """A string as it is, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return encodable(value)
    try:
        return encodable(json.dumps(value, ensure_ascii=False, default=repr))
    except (ValueError, RecursionError):
        return ""
