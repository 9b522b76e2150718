"""Two servers on loopback: one keeps what an SDK exports, one answers as an OpenAI-compatible model by a script.

What the model says follows from the last message and from whether tools are on offer, so a program knows beforehand
what it will be told (programs/common.py holds the same texts). Ids are new each time: SDKs join answers by them.
"""

import gzip
import itertools
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import endpoints_others as others

ANSWERS = {
    "late": '{"answer": "It ships tomorrow", "items": [1, 2]}',
    "sizes": '\n1. **One**  \n2. "Two"\n\n```python\nprint("hi")\n```\n',
    "quoted": '"Quoted, too"',
    "number": "1701",
    "list": '["doc1", "doc2"]',
    "null": "null",
    "message": '{"role": "user", "content": "inner"}',
    "nothing": "",
    "order": "It ships tomorrow – Größe 42 is packed 📦",
    "bye": "You are welcome, bye 👋",
    "picture": "A red shoe, I think ❤",
}
_FIELD = "[[ ## answer ## ]]"
NUMBERS = itertools.count(1)
TOOL_ARGUMENTS = '{"order_id": "A-17"}'
BOTH_ARGUMENTS = (TOOL_ARGUMENTS, '{"order_id": "B-18"}')
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
RESPONSES_USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 18,
}


def serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":  # Node's exporter
            raw = b"".join(iter(self._chunk, b""))
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        match self.headers.get("content-encoding"):
            case "gzip":
                return gzip.decompress(raw)
            case "deflate":
                return zlib.decompress(raw)
        return raw

    def _chunk(self) -> bytes:
        chunk = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return chunk

    def answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def receiver(keep: Callable[[str, bytes], None]) -> ThreadingHTTPServer:
    """An OTLP/HTTP endpoint. `keep` gets the signal (`traces`, `logs`, …) and the request's bytes."""

    class Receiver(_Handler):
        def do_POST(self) -> None:
            keep(self.path.rstrip("/").rsplit("/", 1)[-1], self.body())
            self.answer(200, b"", "application/x-protobuf")

    return serve(Receiver)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text") or "" for part in content)
    return content or ""


def say(last: dict[str, Any], tools: Any) -> str | None:
    """What the model says; None: it calls the tool."""
    text = _text(last.get("content")) if last.get("role") == "user" else "order"
    if _FIELD in text:  # DSPy asks for its fields by name
        question = text.partition("[[ ## question ## ]]\n")[2].partition("\n\n")[0]
        return f"{_FIELD}\n{say({'role': 'user', 'content': question}, None)}\n\n[[ ## completed ## ]]"
    if last.get("role") == "user" and tools and "order" in text:
        return None
    return next((answer for word, answer in ANSWERS.items() if word in text), "I do not know.")


def _chat_message(request: dict[str, Any]) -> dict[str, Any]:
    said = say(request["messages"][-1], request.get("tools"))
    if said is not None:
        return {"role": "assistant", "content": said}
    name = request["tools"][0]["function"]["name"]
    several = BOTH_ARGUMENTS if "two" in _text(request["messages"][-1]["content"]) else (TOOL_ARGUMENTS,)
    calls = [{"name": name, "arguments": arguments} for arguments in several]
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{next(NUMBERS)}", "type": "function", "function": call} for call in calls],
    }


def _chat(request: dict[str, Any]) -> dict[str, Any]:
    message = _chat_message(request)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
    head = {"id": f"chatcmpl-{next(NUMBERS)}", "object": "chat.completion", "created": 1, "model": request["model"]}
    return {**head, "choices": [choice], "usage": USAGE}


def _chat_chunks(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The text in two pieces, as a stream never keeps words together."""
    whole = _chat(request)
    message, reason = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    head = {key: whole[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    text = message["content"]
    calls = [{"index": n, **call} for n, call in enumerate(message.get("tool_calls", []))]
    deltas = [{"tool_calls": calls}] if calls else [{"content": text[:9]}, {"content": text[9:]}]
    for delta in ({"role": "assistant", "content": ""}, *deltas):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {**head, "choices": [], "usage": USAGE}


def _response(request: dict[str, Any]) -> dict[str, Any]:
    given = request["input"]
    last = {"role": "user", "content": given} if isinstance(given, str) else given[-1]
    said, number = say(last, request.get("tools")), next(NUMBERS)
    if said is None:
        name = request["tools"][0]["name"]
        call = {"name": name, "arguments": TOOL_ARGUMENTS, "call_id": f"call_{number}"}
        item = {"type": "function_call", "id": f"fc_{number}", "status": "completed", **call}
    else:
        part = {"type": "output_text", "text": said, "annotations": []}
        whole = {"status": "completed", "content": [part]}
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant", **whole}
    head = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": request["model"],
    }
    rest = {"tools": request.get("tools") or [], "tool_choice": "auto", "parallel_tool_calls": False}
    return {**head, **rest, "output": [item], "usage": RESPONSES_USAGE}


def _response_events(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = _response(request)
    item = whole["output"][0]
    place = {"output_index": 0, "item_id": item["id"]}
    yield {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}}
    if item["type"] == "message":
        part = item["content"][0]
        here = {**place, "content_index": 0}
        yield {"type": "response.content_part.added", **here, "part": {**part, "text": ""}}
        yield {"type": "response.output_text.delta", **here, "delta": part["text"], "logprobs": []}
        yield {"type": "response.output_text.done", **here, "text": part["text"], "logprobs": []}
        yield {"type": "response.content_part.done", **here, "part": part}
    else:
        yield {"type": "response.function_call_arguments.done", **place, "arguments": TOOL_ARGUMENTS}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": whole}


class Model(_Handler):
    """`/v1/chat/completions` and `/v1/responses`, whole or streamed, and what other makers' clients ask for
    (endpoints_others.py). A text with "fail" is refused."""

    def do_POST(self) -> None:
        raw = self.body()
        request = json.loads(raw)
        responses = self.path.rstrip("/").endswith("responses")
        last = (request.get("messages") or request.get("contents") or [request.get("input")])[-1]
        if "fail" in json.dumps(last):
            error = {"error": {"message": "The model is not available", "type": "invalid_request_error", "code": "no"}}
            self.answer(400, json.dumps(error).encode(), "application/json")
        elif other := others.answer(self.path, request, say):
            self.answer(200, *other)
        elif request.get("stream"):
            chunks = _response_events(request) if responses else _chat_chunks(request)
            numbered = ({**chunk, "sequence_number": n} if responses else chunk for n, chunk in enumerate(chunks))
            lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in numbered)
            self.answer(200, (lines + ("" if responses else "data: [DONE]\n\n")).encode(), "text/event-stream")
        else:
            whole = _response(request) if responses else _chat(request)
            self.answer(200, json.dumps(whole).encode(), "application/json")
