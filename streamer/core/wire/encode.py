"""Python values as AnyValue: the way back of values.py, for what arrives in another form than OTLP protobuf.

Rule: the same value always gives the same bytes, so that a repeated record gives the same fragment.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from streamer.core.wire.schema import AnyValue
from streamer.core.wire.values import encodable

DEPTH_MAX = 40
"""As deep as values.py reads."""


def pack(message: Any) -> bytes:  # noqa: ANN401
    packed: bytes = message.SerializeToString(deterministic=True)
    return packed


def text(value: str) -> bytes:
    return encodable(value).encode()


def any_value(value: Any, depth: int = 0) -> Any:  # noqa: ANN401
    """str, bool, int, float, bytes, list and dict; anything else is empty, and so is what lies too deep."""
    wire = AnyValue()
    if depth > DEPTH_MAX:
        return wire
    match value:
        case str():
            wire.string = text(value)
        case bool():
            wire.bool = value
        case int():
            put_int(wire, value)
        case float():
            wire.double = value
        case bytes():
            wire.bytes = value
        case Mapping():
            wire.kvlist.SetInParent()
            for name, inner in value.items():
                wire.kvlist.values.add(key=text(str(name)), value=any_value(inner, depth + 1))
        case list() | tuple():
            wire.array.SetInParent()
            wire.array.values.extend(any_value(inner, depth + 1) for inner in value)
        case _:
            pass
    return wire


def put_int(wire: Any, number: int) -> None:  # noqa: ANN401
    """What OTLP's 64 bits cannot hold is kept as text."""
    if -(2**63) <= number < 2**63:
        wire.int = number
    else:
        wire.string = str(number).encode()


def canonical(raw: bytes) -> bytes:
    """The same AnyValue with its fields in order: exporters differ in it (scan.py)."""
    try:
        return pack(AnyValue.FromString(raw))
    except DecodeError:
        return raw
