"""Words replaced by placeholders of the same length, the same word always by the same one.

Rule: what decides stays (ids of traces and spans, times, attribute names, JSON's members, roles and types, punctuation,
case and length), what was said does not. Placeholders come from a key that is made for one case and never kept, so that
nobody can try words against them; two words never share one as long as there is room. It is a code book, not a cipher:
which words are the same, how often they come and how long they are can be seen.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection
from dataclasses import replace
from string import ascii_lowercase, digits
from typing import Any

from google.protobuf.message import DecodeError

from streamer.core.turn import Message, ToolEvent, Turn
from streamer.core.wire import schema
from streamer.core.wire.encode import pack, text
from streamer.core.wire.frames import compressor, decompress
from streamer.core.wire.logs import ANNEX_SCOPE

# fmt: off
TOLD = frozenset({
    "agent", "ai", "aimessage", "application", "assistant", "at", "audio", "bot", "call", "chain", "chat",
    "chat_model", "completion", "content", "create_agent", "customer", "developer", "document", "dogenerate",
    "dostream", "due", "embedding", "embeddings", "evaluator", "execute_tool", "false", "file", "function",
    "function_call", "function_call_output", "generate_content", "generateobject", "generatetext", "generation",
    "gif", "guardrail", "human", "humanmessage", "image", "image_url", "input_audio", "input_file", "input_image",
    "input_text", "invoke_agent", "jpeg", "jpg", "json", "length", "llm", "message", "messages", "model", "mp3",
    "none", "null", "object", "other", "output_text", "parts", "pdf", "plain", "png", "reasoning",
    "reasoning_content", "redacted", "redacted_thinking", "refusal", "reranker", "response", "result", "retriever",
    "scrubbed", "server_tool_call", "server_tool_call_response", "step", "stop", "streamobject", "streamtext",
    "system", "systemmessage", "task", "text", "text_completion", "thinking", "to", "tool", "tool_call",
    "tool_call_response", "tool_result", "tool_use", "toolcall", "toolmessage", "true", "undefined", "unknown",
    "user", "video", "wav", "webp", "workflow",
})
# fmt: on
"""Words that conventions use for who speaks and what kind of thing something is, and that filters leave behind."""
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[A-Za-z_$][\w.\-$]{0,255}")
_KEPT = re.compile(r"0x[0-9a-f]+|__redacted\w*")
"""Python's addresses, and what a filter of LangSmith's or OpenInference's leaves."""
_TRIES_MAX = 200
_DEPTH_MAX = 40


class Redactor:
    def __init__(self, key: bytes, keep: Collection[str] = ()) -> None:
        """`key`: random, of this case alone. `keep`: words that stay as they are."""
        self._key, self._keep = key, frozenset(keep)
        self._placeholders: dict[str, str] = {}
        self._used: set[str] = set()

    def text(self, said: str, depth: int = 0) -> str:
        """JSON stays JSON with the same members; anything else word by word."""
        if depth < _DEPTH_MAX and said.lstrip()[:1] in ("{", "[", '"'):
            try:
                inner = json.loads(said)
            except (ValueError, RecursionError):
                inner = None
            if isinstance(inner, dict | list | str):
                return json.dumps(self.value(inner, depth + 1), ensure_ascii="\\u" in said)
        return _WORD.sub(lambda match: self._word(match.group()), said)

    def maybe(self, said: str | None) -> str | None:
        return None if said is None else self.text(said)

    def value(self, said: Any, depth: int = 0) -> Any:  # noqa: ANN401
        """Any JSON value: numbers lose their digits, members that look like names keep them."""
        if depth > _DEPTH_MAX:
            return None
        match said:
            case str():
                return self.text(said, depth)
            case bool() | None:
                return said
            case int() | float():
                return self._number(said)
            case dict():
                members = ((self._member(name), self.value(inner, depth + 1)) for name, inner in said.items())
                return dict(members)
            case list() | tuple():
                return [self.value(inner, depth + 1) for inner in said]
            case _:
                return None

    def frame(self, frame: bytes) -> bytes | None:
        """A compressed fragment; None for one that cannot be read, and so decides nothing."""
        raw = decompress(frame)
        if raw is None:
            return None
        try:
            part = schema.ResourceSpans.FromString(raw)
        except DecodeError:
            return None
        part.DiscardUnknownFields()
        part.resource = self._resource(part.resource)
        for scope_spans in part.scope_spans:
            if scope_spans.scope != ANNEX_SCOPE:
                scope_spans.scope = b""
            bodies = [self._span(body) for body in scope_spans.spans]
            del scope_spans.spans[:]
            scope_spans.spans.extend(body for body in bodies if body is not None)
        return compressor().compress(pack(part))

    def turn(self, turn: Turn) -> Turn:
        """As it would have been read from redacted spans."""
        tools = tuple(
            ToolEvent(
                name=self.text(tool.name),
                arguments=self.text(tool.arguments),
                result=self.text(tool.result),
                error=tool.error,
            )
            for tool in turn.tools
        )
        names = ("user", "assistant", "system", "session_id", "user_id", "agent", "service", "service_version")
        said: dict[str, Any] = {name: self.maybe(getattr(turn, name)) for name in (*names, "environment")}
        return replace(
            turn,
            **said,
            tools=tools,
            history=tuple(Message(role=m.role, text=self.text(m.text), omitted=m.omitted) for m in turn.history),
            session_conflicts=tuple(sorted(map(self.text, turn.session_conflicts))),
            models=tuple(sorted(map(self.text, turn.models))),
            attributes=tuple(sorted((name, self.text(value)) for name, value in turn.attributes)),
        )

    # ------------------------------------------------------------ words

    def _word(self, word: str) -> str:
        low = word.lower()
        if low in TOLD or low in self._keep or _KEPT.fullmatch(low):
            return word
        if low not in self._placeholders:
            self._placeholders[low] = self._new(low)
        placeholder = self._placeholders[low]
        return "".join(p.upper() if w.isupper() else p for w, p in zip(word, placeholder, strict=False))

    def _new(self, low: str) -> str:
        made = low
        for n in range(_TRIES_MAX):
            made = self._made(low, n)
            if made not in self._used and made != low and made not in TOLD:
                break
        self._used.add(made)
        return made

    def _made(self, low: str, n: int) -> str:
        """Digits for digits, letters for anything else; an underscore stays."""
        size = 2 * len(low)
        stream = b""
        while len(stream) < size:
            stream += hmac.digest(self._key, f"{n}|{len(stream)}|{low}".encode("utf-8", "replace"), hashlib.sha256)
        out = []
        for at, char in enumerate(low):
            number = int.from_bytes(stream[2 * at : 2 * at + 2], "big")
            alphabet = digits if char.isdigit() else ascii_lowercase
            out.append(char if char == "_" else alphabet[number % len(alphabet)])
        return "".join(out)

    def _member(self, name: Any) -> str:  # noqa: ANN401
        return str(name) if _NAME.fullmatch(str(name)) else self.text(str(name))

    def _number(self, said: float) -> float:
        """Other digits; one that means yes or no stays."""
        if said in (0, 1):
            return said
        words = _WORD.sub(lambda match: self._word(match.group()), str(said))
        try:
            return type(said)(words)
        except ValueError:
            return type(said)(0)

    # ------------------------------------------------------------ spans

    def _span(self, body: bytes) -> bytes | None:
        try:
            span = schema.Span.FromString(body)
        except DecodeError:
            return None
        span.DiscardUnknownFields()
        span.name = text(self.text(span.name.decode("utf-8", "replace")))
        self._attributes(span.attributes)
        events = [event for raw in span.events if (event := self._event(raw)) is not None]
        del span.events[:]
        span.events.extend(events)
        span.status.ClearField("message")
        if not span.status.ListFields():
            span.ClearField("status")
        return pack(span)

    def _event(self, raw: bytes) -> bytes | None:
        try:
            event = schema.Event.FromString(raw)
        except DecodeError:
            return None
        event.DiscardUnknownFields()
        self._attributes(event.attributes)
        return pack(event)

    def _resource(self, raw: bytes) -> bytes:
        try:
            resource = schema.Resource.FromString(raw)
        except DecodeError:
            return b""
        resource.DiscardUnknownFields()
        self._attributes(resource.attributes)
        return pack(resource)

    def _attributes(self, attributes: Any) -> None:  # noqa: ANN401
        """Names of attributes are the instrumentation's; one that is no name goes."""
        for name, raw in list(attributes.items()):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                del attributes[name]
                continue
            try:
                value = schema.AnyValue.FromString(raw)
            except DecodeError:
                attributes[name] = b""
                continue
            value.DiscardUnknownFields()
            self._any_value(value, 0)
            attributes[name] = pack(value)

    def _any_value(self, value: Any, depth: int) -> None:  # noqa: ANN401
        if depth > _DEPTH_MAX:
            value.Clear()
            return
        for field, content in value.ListFields():
            match field.name:
                case "string":
                    value.string = text(self.text(content.decode("utf-8", "replace")))
                case "bytes":
                    value.bytes = text(self.text(content.decode("utf-8", "replace")))
                case "int" | "double":
                    setattr(value, field.name, self._number(content))
                case "array":
                    for inner in content.values:
                        self._any_value(inner, depth + 1)
                case "kvlist":
                    for pair in content.values:
                        pair.key = text(self._member(pair.key.decode("utf-8", "replace")))
                        self._any_value(pair.value, depth + 1)
                case _:
                    pass
