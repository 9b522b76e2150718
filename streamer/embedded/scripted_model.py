"""A scripted model behind a real OpenAI-compatible endpoint: it reads the transcript and answers by a few rules.

    python -m streamer.embedded.scripted_model --port 0 --address-file FILE --log FILE --latency-ms 300

Rule: it knows nothing but the request it is sent; another conversation gives another verdict. Every call is a line of
the log, so that whoever wants to know what was paid twice can count.
"""

import argparse
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ANGRY = re.compile(
    r"\b(useless|ridiculous|terrible|angry|annoyed|third time|still not|give up|waste|speak to a human)\b", re.I
)
GLAD = re.compile(r"\b(thanks|thank you|perfect|great|that works|solved|wonderful)\b", re.I)
CHARS_PER_TOKEN = 4


def conversation_in(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The transcript as MLflow renders it into a judge's request; empty if there is none."""
    for message in messages:
        start = message["content"].find("[\n")
        if message["role"] == "user" and start >= 0:
            try:
                said = json.loads(message["content"][start : message["content"].rindex("]") + 1])
            except ValueError:
                continue
            return [turn for turn in said if isinstance(turn, dict)]
    return []


def judged(messages: list[dict[str, str]], allowed: list[Any]) -> tuple[Any, str]:
    """(value, rationale): how angry the user was, and whether the last word was a glad one."""
    asked = [turn["content"] for turn in conversation_in(messages) if turn.get("role") == "user"]
    angry = [text for text in asked if ANGRY.search(text)]
    glad = bool(asked) and bool(GLAD.search(asked[-1]))
    state = "none" if not angry else "resolved" if glad else "unresolved"
    quote = f' The user said: "{angry[-1][:120]}"' if angry else ""
    if "none" in allowed and "unresolved" in allowed:
        return state, f"The user's frustration is {state}.{quote}"
    good = state != "unresolved"
    for pair in (("yes", "no"), (True, False), ("pass", "fail"), ("good", "bad")):
        if pair[0] in allowed:
            return pair[0 if good else 1], f"The conversation ended {'well' if good else 'badly'}.{quote}"
    if allowed:
        return allowed[0 if good else -1], f"Chosen from {len(allowed)} labels.{quote}"
    return ("yes" if good else "no"), f"The conversation ended {'well' if good else 'badly'}.{quote}"


def allowed_values(request: dict[str, Any]) -> list[Any]:
    """The labels that the answer's JSON schema allows."""
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema", {})
    result = schema.get("properties", {}).get("result", {})
    if result.get("type") == "boolean":
        return [True, False]
    if result.get("type") in ("integer", "number"):
        return [5, 4, 3, 2, 1]
    return list(result.get("enum") or ([result["const"]] if "const" in result else []))


class ScriptedModel:
    """The endpoint's state: its log and the faults that somebody ordered over HTTP."""

    def __init__(self, log: Path, latency_ms: int) -> None:
        self._log, self._latency_ms, self._lock = log, latency_ms, threading.Lock()
        self._fault: dict[str, Any] = {}
        log.touch()

    def order(self, fault: dict[str, Any]) -> None:
        """As in `{"status": 429, "retry_after": 1, "times": 3}`, `{"status": 400, "message": "…", "code": "…"}`,
        `{"content": "no json"}`, `{"reply": {whole body}}`, `{"latency_ms": 5000}`; `{}` ends a fault."""
        with self._lock:
            self._latency_ms = int(fault.get("latency_ms", self._latency_ms))
            self._fault = {"times": 10**9, **fault} if {"status", "content", "reply"} & set(fault) else {}

    def answer(self, request: dict[str, Any], connection: int) -> tuple[int, dict[str, Any], dict[str, str]]:
        """(status, body, headers). `connection` is the client's port, for whoever counts connections in the log."""
        time.sleep(self._latency_ms / 1000)
        with self._lock:
            fault = dict(self._fault) if self._fault.get("times", 0) > 0 else {}
            if fault:
                self._fault["times"] -= 1
        messages, status = request["messages"], int(fault.get("status", 200))
        said = "".join(message["content"] for message in messages)
        self._write(request, said, status, connection)
        if status != 200:
            headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            error = {
                "message": fault.get("message", "ordered"),
                "type": "invalid_request_error",
                "code": fault.get("code"),
            }
            return status, {"error": error}, headers
        if "reply" in fault:
            return status, fault["reply"], {}
        value, rationale = judged(messages, allowed_values(request))
        content = fault.get("content") or json.dumps({"result": value, "rationale": rationale})
        tokens = len(said) // CHARS_PER_TOKEN, len(content) // CHARS_PER_TOKEN
        return 200, completion(request["model"], content, *tokens), {}

    def _write(self, request: dict[str, Any], said: str, status: int, connection: int) -> None:
        line = {
            "at_ms": time.time_ns() // 1_000_000,
            "model": request["model"],
            "request": hashlib.sha256(said.encode()).hexdigest()[:16],
            "status": status,
            "structured": "response_format" in request,
            "connection": connection,
        }
        with self._lock, self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")


def completion(model: str, content: str, asked: int, answered: int) -> dict[str, Any]:
    """As OpenAI's chat completions answer."""
    usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def serve(model: ScriptedModel, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/faults":
                model.order(body)
                status, reply, headers = 200, dict[str, Any](), dict[str, str]()
            else:
                status, reply, headers = model.answer(body, self.client_address[1])
            raw = json.dumps(reply).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="a scripted, OpenAI-compatible model")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address-file", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--latency-ms", type=int, default=0)
    args = parser.parse_args()
    server = serve(ScriptedModel(args.log, args.latency_ms), args.port)
    args.address_file.write_text(f"http://127.0.0.1:{server.server_port}/v1")
    server.serve_forever()


if __name__ == "__main__":
    main()
