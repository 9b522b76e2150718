"""What a span says, whatever its dialect, and the shapes in which text comes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from streamer.core.turn import IoSource, Message, Role, ToolEvent
from streamer.core.wire.values import encodable, unwrap

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
_PART_KEYS = frozenset(
    {"text", "image", "document", "video", "json", "toolUse", "toolResult", "functionCall", "functionResponse"}
    | {"function_call", "function_response", "inline_data", "inlineData", "file_data", "fileData", "reasoningContent"}
    | {"cachePoint", "guardContent"}
)
"""Of parts that have no `type`: Bedrock's, Gemini's."""
_MODALITIES = ("image", "audio", "video", "document", "file")
_MIME_TYPES = ("mime_type", "mimeType", "mediaType", "media_type")


class Words(NamedTuple):
    """Messages in order; reasoning is left out. `source` says where they stood: the span itself or its events.
    `calls`: the tools called since the last user message, as far as messages tell."""

    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    source: IoSource = "root"
    calls: tuple[ToolEvent, ...] = ()
    verbatim: tuple[Any, Any] = (None, None)
    """Input and output as they were sent: an answer that is JSON looks like an object around an answer."""


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


def named(value: Any) -> str | None:  # noqa: ANN401
    """A name of a model or an agent; None for what is no text."""
    return value if isinstance(value, str) else None


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


def omitted_in(content: Any) -> tuple[str, ...]:  # noqa: ANN401
    """What a message's content has beside text, named by modality and never dumped: it may be megabytes of an image."""
    if isinstance(content, Mapping):
        name = _modality(content)
        return (name,) if name else ()
    if isinstance(content, list):
        return tuple(name for item in content if isinstance(item, Mapping) and (name := _modality(item)))
    return ()


def _part_text(part: Mapping[str, Any]) -> str:
    if part.get("thought") is True or _kind_of(part) not in _TEXT_PARTS:
        return ""
    return text_of(part.get("text", part.get("content", part.get("refusal"))))


def _modality(part: Mapping[str, Any]) -> str | None:
    """`image` for `image_url`, `input_image`, `image/png`, Gemini's `inline_data`, Bedrock's `image` …; None for text,
    reasoning and tools."""
    kind = _kind_of(part)
    if kind in _SILENT_PARTS or (kind in _TEXT_PARTS and any(name in part for name in ("text", "content", "refusal"))):
        return None
    inner = next((part[name] for name in ("inline_data", "inlineData", "file_data", "fileData") if name in part), part)
    hints = (part.get("modality"), kind, *(inner.get(n) for n in _MIME_TYPES if isinstance(inner, Mapping)), *part)
    for hint in hints:
        if isinstance(hint, str) and (found := next((name for name in _MODALITIES if name in hint.lower()), None)):
            return found
    return kind or None


def _kind_of(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def content_of(value: Any) -> Any:  # noqa: ANN401
    """A message's content out of an attribute: JSON only if it is a list of parts. Anything else that looks like JSON
    is what was said."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    inner = unwrap(value, 1)
    parts = inner if isinstance(inner, list) else [inner]
    return inner if parts and all(isinstance(part, Mapping) and _is_part(part) for part in parts) else value


def _is_part(part: Mapping[str, Any]) -> bool:
    if kind := _kind_of(part):
        return kind in _TEXT_PARTS or kind in _SILENT_PARTS or any(name in kind for name in _MODALITIES)
    return not _PART_KEYS.isdisjoint(part)


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
