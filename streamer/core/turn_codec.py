"""A turn as bytes, for Redis: a format number, then compressed msgpack.

Rule: fields go by name, so that a turn written before a field existed reads with its default.
"""

from dataclasses import fields
from typing import Any

import msgpack
import zstandard

from streamer.core.turn import Message, ToolEvent, Turn

FORMAT = 1
_BYTES_MAX = 64 * 1024 * 1024
_NAMES = tuple(field.name for field in fields(Turn))


def pack(turn: Turn) -> bytes:
    """One byte of format, then zstd over msgpack."""
    named: dict[str, Any] = {name: getattr(turn, name) for name in _NAMES}
    named["tools"] = [(tool.name, tool.arguments, tool.result, tool.error) for tool in turn.tools]
    named["history"] = [(message.role, message.text) for message in turn.history]
    named["flags"] = sorted(turn.flags)
    packed = msgpack.packb(named, unicode_errors="surrogatepass")
    return bytes((FORMAT,)) + zstandard.ZstdCompressor(level=1).compress(packed)


def unpack(packed: bytes) -> Turn:
    """The inverse of `pack`. ValueError for a format of another version."""
    if packed[:1] != bytes((FORMAT,)):
        raise ValueError(f"turn of an unknown format {packed[:1].hex()}: written by another version of streamer")
    raw = zstandard.ZstdDecompressor().decompress(packed[1:], max_output_size=_BYTES_MAX)
    named = msgpack.unpackb(raw, unicode_errors="surrogatepass")
    known = {name: named[name] for name in _NAMES if name in named}
    known["tools"] = tuple(ToolEvent(name=n, arguments=a, result=r, error=e) for n, a, r, e in named["tools"])
    known["history"] = tuple(Message(role=role, text=text) for role, text in named["history"])
    for name in ("session_conflicts", "models", "omitted"):
        known[name] = tuple(named.get(name, ()))
    known["attributes"] = tuple((name, value) for name, value in named.get("attributes", ()))
    known["flags"] = frozenset(named["flags"])
    return Turn(**known)
