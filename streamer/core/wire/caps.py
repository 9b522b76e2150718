"""How much of a trace is read. What is more is cut, and the turn is flagged `truncated`.

Rule: memory is bounded whatever arrives, and what is cut does not depend on the order in which fragments came. Within
JSON it is the texts that are cut, never the structure: an image of megabytes in a message costs itself, not the words
beside it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streamer.core.wire.encode import any_value, pack
from streamer.core.wire.frames import FRAME_BYTES_MAX, size_of
from streamer.core.wire.values import unwrap, value_of


class Caps(NamedTuple):
    """`text_bytes`: of one text; `spans` and `bytes` (unpacked): of one trace."""

    text_bytes: int = 256 * 1024
    spans: int = 10_000
    bytes: int = FRAME_BYTES_MAX


def within(frames: Sequence[bytes], caps: Caps) -> Sequence[bytes]:
    """Frames that unpack to no more than the cap together: the smallest first, so that most are kept."""
    if sum(map(size_of, frames)) <= caps.bytes:
        return frames
    kept, left = list[bytes](), caps.bytes
    for size, frame in sorted((size_of(frame), frame) for frame in frames):
        if size > left:
            break
        kept.append(frame)
        left -= size
    return kept


def shortened(raw: Mapping[str, bytes], bytes_max: int) -> Mapping[str, bytes]:
    """Attributes with no text above the cap; the same object where nothing had to be cut."""
    changed = {
        key: short
        for key, value in raw.items()
        if len(value) > bytes_max and (short := _short(value, bytes_max)) is not None
    }
    return {**raw, **changed} if changed else raw


def _short(raw: bytes, bytes_max: int) -> bytes | None:
    """An AnyValue with its texts cut, None if it has none above the cap."""
    value = value_of(raw)
    try:
        plain = unwrap(value)
        cut = _cut(plain, bytes_max)
        if cut is not plain and isinstance(value, str) and not isinstance(plain, str):
            return pack(any_value(json.dumps(cut, ensure_ascii=False)))
    except RecursionError:
        plain, cut = value, _cut(value, bytes_max)
    return None if cut is plain else pack(any_value(cut))


def _cut(value: Any, bytes_max: int) -> Any:  # noqa: ANN401
    """The same object where nothing in it had to be cut. RecursionError where JSON lies deeper than Python counts."""
    if isinstance(value, str):
        return value if len(value) * 4 <= bytes_max else _cut_text(value, bytes_max)
    if isinstance(value, bytes):
        return value if len(value) <= bytes_max else value[:bytes_max]
    if isinstance(value, dict):
        members = {name: _cut(inner, bytes_max) for name, inner in value.items()}
        return value if all(members[name] is inner for name, inner in value.items()) else members
    if isinstance(value, list):
        items = [_cut(inner, bytes_max) for inner in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _cut_text(text: str, bytes_max: int) -> str:
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= bytes_max else raw[:bytes_max].decode("utf-8", "ignore")
