"""The tools that a turn called: as their spans tell, and what these leave out, as the model's messages tell."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from streamer.core.turn import ToolEvent
from streamer.core.wire.span import Span


def calls_of(spans: Sequence[Span], tool_of: Callable[[str], ToolEvent | None]) -> tuple[ToolEvent, ...]:
    """By start. Of two libraries that each have a span for one call, one inside the other, the outer tells it."""
    found: dict[str, ToolEvent] = {}
    for span in spans:
        tool = tool_of(span.span_id)
        if tool is None:
            continue
        outer = found.get(span.parent_id)
        if outer is not None and outer.name == tool.name:
            found[span.parent_id] = _with(outer, tool)
        else:
            found[span.span_id] = tool
    return tuple(found.values())


def is_told(tools: Sequence[ToolEvent]) -> bool:
    """Nothing is missing of any of them."""
    return bool(tools) and all(_has_arguments(tool) and tool.result for tool in tools)


def completed(tools: Sequence[ToolEvent], told: Sequence[ToolEvent]) -> tuple[ToolEvent, ...]:
    """Calls whose spans leave something out, with what the model's messages say of them."""
    if not tools:
        return tuple(told)
    left = list(told)
    done = []
    for tool in tools:
        same = next((one for one in left if one.name == tool.name), None)
        if same is not None:
            left.remove(same)
            tool = _with(tool, same)
        done.append(tool)
    return tuple(done)


def _with(tool: ToolEvent, other: ToolEvent) -> ToolEvent:
    """LangChain gives a tool's span the bare value of its only argument; the model has named it."""
    told = _has_arguments(tool) or not other.arguments
    return replace(tool, arguments=tool.arguments if told else other.arguments, result=tool.result or other.result)


def _has_arguments(tool: ToolEvent) -> bool:
    return tool.arguments.lstrip().startswith(("{", "["))
