"""Spans of JSON that cannot be parsed as a whole: truncated, nested too deep, or with a stray character in it.

Rule: only brackets, strings and the names of a few members count. What stands in an array of spans or of log records
is parsed by itself; what cannot be is None there, for whoever counts it, and what breaks off at the end is left out.
Resource and scope belong to the spans that follow them, as every exporter writes them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}:,]', re.DOTALL)
"""A string that nothing closes goes to the end; without giving back (`*+`), else its cost would be quadratic."""
_SPANS = {"spans": "spans", "logRecords": "logRecords", "log_records": "logRecords"}
_AROUND = {"resource": "resource", "scope": "scope", "info": "info"}
_DECODER = json.JSONDecoder(strict=False)


class _Open(NamedTuple):
    """A bracket that is not closed yet. `name`: of the member that it is the value of."""

    name: str
    is_array: bool
    start: int


class _Piece(NamedTuple):
    """A value that is parsed by itself. `kind`: spans, logRecords, resource, scope or info."""

    kind: str
    value: Any


def salvage(text: str) -> list[Any]:
    """One document of OTLP JSON, or of MLflow's, for each run of spans around which nothing changes."""
    documents: list[Any] = []
    around: dict[str, Any] = {}
    run: list[Any] | None = None
    for kind, value in _pieces(text):
        if kind in _AROUND.values():
            if kind == "resource":
                around.pop("scope", None)
            around[kind], run = value, None
            continue
        if run is None:
            run = []
            documents.append(_document(kind, around, run))
        run.append(value)
    return documents


def _document(kind: str, around: dict[str, Any], run: list[Any]) -> dict[str, Any]:
    if kind == "spans" and "info" in around:
        return {"info": around["info"], "data": {"spans": run}}
    signal = "Spans" if kind == "spans" else "Logs"
    scope = {"scope": around.get("scope"), kind: run}
    return {f"resource{signal}": [{"resource": around.get("resource"), f"scope{signal}": [scope]}]}


def _pieces(text: str) -> Iterator[_Piece]:
    stack: list[_Open] = []
    name, last = "", ""
    inside = 0  # the number of open brackets at which the piece that is being passed ends; 0 outside of one
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == ":":
            name = last
        elif mark in "[{":
            opened = _Open(name, mark == "[", token.start())
            if not inside and _kind(opened, stack):
                inside = len(stack) + 1
            stack.append(opened)
            name = ""
        elif mark in "]}":
            if not stack:
                return
            closed = stack.pop()
            if inside == len(stack) + 1:
                inside = 0
                yield _Piece(_kind(closed, stack), _parsed(text[closed.start : token.end()]))
            name = ""
        elif mark == ",":
            name = ""
        else:
            last = mark[1:-1]


def _kind(opened: _Open, around: list[_Open]) -> str:
    """What piece a bracket opens, "" for none."""
    if opened.is_array:
        return ""
    if around and around[-1].is_array:
        return _SPANS.get(around[-1].name, "")
    return _AROUND.get(opened.name, "")


def _parsed(text: str) -> Any:  # noqa: ANN401
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
