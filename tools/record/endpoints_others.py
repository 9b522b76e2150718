"""Models behind the clients of Anthropic, Google and AWS Bedrock, by the same script as the OpenAI-compatible one."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Say = Callable[[dict[str, Any], Any], str | None]
"""What the model says to a last message; None: it calls the tool."""
ARGUMENTS = {"order_id": "A-17"}
TOOL = "lookup_order"


def answer(path: str, request: dict[str, Any], say: Say) -> tuple[bytes, str] | None:
    """A body and its content type; None if the path is OpenAI's."""
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        whole = _anthropic(request, say)
        return _streamed(_anthropic_events(whole), named=True) if request.get("stream") else _json(whole)
    if path.endswith(":generateContent"):
        return _json(_gemini(request, say))
    if path.endswith(":streamGenerateContent"):
        return _streamed(iter([_gemini(request, say)]))
    if path.endswith("/converse"):
        return _json(_converse(request, say))
    return None


def _json(whole: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(whole).encode(), "application/json"


def _streamed(events: Iterator[dict[str, Any]], named: bool = False) -> tuple[bytes, str]:
    lines = ((f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events)
    return "".join(lines).encode(), "text/event-stream"


def _last(messages: list[dict[str, Any]], parts: str) -> dict[str, Any]:
    """The last message as OpenAI has it: a tool's result is none of the user's."""
    said = messages[-1][parts]
    if isinstance(said, str):
        return {"role": "user", "content": said}
    texts = [part for part in said if "text" in part and part.get("type", "text") == "text"]
    return {"role": "user", "content": texts} if texts else {"role": "tool"}


def _anthropic(request: dict[str, Any], say: Say) -> dict[str, Any]:
    said = say(_last(request["messages"], "content"), request.get("tools"))
    call = {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": ARGUMENTS}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [call if said is None else {"type": "text", "text": said}],
        "stop_reason": "tool_use" if said is None else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def _anthropic_events(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text = whole["content"][0]["text"]
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for part in (text[:9], text[9:]):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}
    yield {"type": "message_stop"}


def _gemini(request: dict[str, Any], say: Say) -> dict[str, Any]:
    said = say(_last(request["contents"], "parts"), request.get("tools"))
    part = {"functionCall": {"name": TOOL, "args": ARGUMENTS}} if said is None else {"text": said}
    return {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r-1",
    }


def _converse(request: dict[str, Any], say: Say) -> dict[str, Any]:
    said = say(_last(request["messages"], "content"), request.get("toolConfig"))
    part = {"toolUse": {"toolUseId": "t-1", "name": TOOL, "input": ARGUMENTS}} if said is None else {"text": said}
    return {
        "output": {"message": {"role": "assistant", "content": [part]}},
        "stopReason": "tool_use" if said is None else "end_turn",
        "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
        "metrics": {"latencyMs": 1},
    }
