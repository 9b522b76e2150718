"""AnyValue bytes as Python values. Never raises: what cannot be read is None.

Rule: text is UTF-8 with U+FFFD for what is not (wire.md 5.1), and never holds a lone surrogate, so that it can be
encoded again. JSON in strings is unwrapped only where it starts with one of `{ [ "`, at most two layers: "123" stays
a string (wire.md 3.2).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from streamer.core.wire import varint
from streamer.core.wire.schema import AnyValue

_STRING_TAG = 0x0A
_DEPTH_MAX = 40


def value_of(raw: bytes) -> Any:  # noqa: ANN401 - an AnyValue is any of Python's JSON types
    """str, bool, int, float, bytes, list, dict or None."""
    try:
        if raw and raw[0] == _STRING_TAG:
            size, start = (raw[1], 2) if raw[1] < 0x80 else varint.read(raw, 1)
            if start + size == len(raw):
                return raw[start:].decode("utf-8", "replace")
        return _plain(AnyValue.FromString(raw), 0)
    except (DecodeError, IndexError, ValueError):
        return None


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401
    """A parsed AnyValue. Arms of later versions of the schema read as None."""
    if depth > _DEPTH_MAX:
        return None
    fields = value.ListFields()
    if not fields:
        return None
    field, content = fields[-1]
    if field.name == "string":
        return content.decode("utf-8", "replace")
    if field.name == "array":
        return [_plain(item, depth + 1) for item in content.values]
    if field.name == "kvlist":
        return {item.key.decode("utf-8", "replace"): _plain(item.value, depth + 1) for item in content.values}
    return content


def readable(raw: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Attributes without those whose key is not UTF-8: protobuf gives such a key as bytes, and finds nothing by it."""
    return raw if all(type(name) is str for name in raw) else {name: raw[name] for name in only_text(raw)}


def only_text(names: Iterable[Any]) -> Iterator[str]:
    return (name for name in names if isinstance(name, str))


def unwrap(value: Any, layers: int = 2) -> Any:  # noqa: ANN401
    """JSON inside a string, or in bytes (LangSmith before 0.5), if it is any; everything else as it is."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    while layers and isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
        layers -= 1
    return value


def encodable(text: str) -> str:
    """Without lone surrogates, which JSON escapes can bring in and UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
