"""JSON text as documents: one, several behind each other, or one a line (NDJSON).

Rule: what is broken costs itself. A document that cannot be parsed as a whole is walked, and its spans are parsed one
by one (json_salvage).
"""

import json
from typing import Any, NamedTuple

from streamer.core.wire.containers.json_salvage import salvage
from streamer.core.wire.containers.opening import Limits, Refusal

NODES_MAX = 2_000_000
"""Values in one record. Python's objects take up to 100 bytes each, and `[[],[],…` has one per three bytes."""
_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder(strict=False)
_BLANK = " \t\r\n\ufeff"


class Read(NamedTuple):
    documents: list[Any]
    broken_at: int
    """Where it stops being JSON, in characters; -1 if nowhere."""


def may_be_json(value: bytes) -> bool:
    return value.removeprefix(_BOM).lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def read(value: bytes, limits: Limits) -> Read:
    """Refusal if it is none at all, or too large to be taken into memory."""
    if not may_be_json(value):
        raise Refusal("does not begin with { or [")
    if len(value) > limits.value_bytes_max:
        raise Refusal(f"{len(value)} bytes of JSON, above {limits.value_bytes_max}", "too_large")
    nodes = value.count(b",") + value.count(b"[") + value.count(b"{")
    if nodes > NODES_MAX:
        raise Refusal(f"up to {nodes} values in it, above {NODES_MAX}", "too_large")
    text = value.decode("utf-8", "replace")
    documents, at = _whole(text)
    if at < 0:
        return Read(documents, -1)
    rest = text[at:]
    lines = rest.split("\n")
    if _one_a_line(lines):
        for line in lines:
            documents += _one(line)
    else:
        documents += salvage(rest)
    return Read(documents, at)


def _whole(text: str) -> tuple[list[Any], int]:
    """Documents up to the first that cannot be parsed, and where that begins; -1 if all can."""
    documents: list[Any] = []
    at = _skip(text, 0)
    while at < len(text):
        try:
            document, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return documents, at
        documents.append(document)
        at = _skip(text, end)
    return documents, -1


def _one_a_line(lines: list[str]) -> bool:
    """At least two lines, and each begins and, but for the last, ends like a document: pretty-printed JSON does not."""
    filled = [line.strip(_BLANK) for line in lines if line.strip(_BLANK)]
    return len(filled) > 1 and all(line[0] == "{" and len(line) > 1 for line in filled)


def _one(line: str) -> list[Any]:
    documents, at = _whole(line)
    return documents if at < 0 else documents + salvage(line[at:])


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
